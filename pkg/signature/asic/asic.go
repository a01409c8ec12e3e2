// Package asic writes and reads ASiC-E containers: a logged message with its signature, as an archive or an auditor keeps it (message-transport
// §6.5).
package asic

import (
	"strconv"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
)

// MimeType is the content of a container's first entry.
const MimeType = "application/vnd.etsi.asic-e+zip"

const (
	mimeEntry         = "mimetype"
	messageEntry      = "message.xml"
	signatureEntry    = "META-INF/signatures.xml"
	chainEntry        = "sig-hashchain.xml"
	resultEntry       = "sig-hashchainresult.xml"
	stampChainEntry   = "ts-hashchain.xml"
	stampResultEntry  = "ts-hashchainresult.xml"
	manifestEntry     = "META-INF/manifest.xml"
	asicManifestEntry = "META-INF/ASiCManifest.xml"
	stampEntry        = "META-INF/timestamp.tst"
	attachmentPrefix  = "attachment"
)

// Container is a message and what proves it. Message and Signature are always there.
type Container struct {
	Message     []byte
	Attachments [][]byte // those that were logged
	Signature   []byte   // XAdES; it carries its time-stamp itself unless Timestamp does

	HashChain, HashChainResult []byte // of the signature: both or none

	// A time-stamp over many signatures: the RFC 3161 token over StampChainResult, and the chain to this signature. All or none.
	Timestamp, StampChain, StampChainResult []byte
}

// Parts digests the message and the attachments for verification.
func (c *Container) Parts(d signature.Digest) []hashchain.Input {
	parts := []hashchain.Input{{Name: xades.MessageName, Digest: d.Sum(c.Message)}}
	for i, a := range c.Attachments {
		parts = append(parts, hashchain.Input{Name: xades.AttachmentName(i + 1), Digest: d.Sum(a)})
	}
	return parts
}

// check refuses what X-Road's readers refuse too.
func (c *Container) check() error {
	switch {
	case len(c.Message) == 0:
		return missing("asic_message_not_found", messageEntry)
	case len(c.Signature) == 0:
		return missing("asic_signature_not_found", signatureEntry)
	case len(c.HashChain) > 0 && len(c.HashChainResult) == 0:
		return missing("asic_hash_chain_result_not_found", resultEntry)
	case len(c.HashChain) == 0 && len(c.HashChainResult) > 0:
		return missing("asic_hash_chain_not_found", chainEntry)
	case len(c.Timestamp) == 0 && (len(c.StampChain) > 0 || len(c.StampChainResult) > 0):
		return missing("asic_timestamp_not_found", stampEntry)
	case len(c.Timestamp) > 0 && len(c.StampChainResult) == 0:
		return missing("asic_hash_chain_result_not_found", stampResultEntry)
	case len(c.Timestamp) > 0 && len(c.StampChain) == 0:
		return missing("asic_hash_chain_not_found", stampChainEntry)
	}
	return nil
}

func attachmentEntry(i int) string { return attachmentPrefix + strconv.Itoa(i) }

func missing(code, entry string) error {
	return fault.New(fault.Invalid, code, "%s not found or is empty", entry)
}
