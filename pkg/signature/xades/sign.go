// Package xades makes and verifies the XAdES signatures that X-Road messages carry between security servers (message-transport §6).
//
// What we write is one fixed document, byte for byte as X-Road 7.2 writes it; the canonical forms that are digested and signed come from
// the same writer. What others wrote is read strictly: known elements in known places, allow-listed algorithms, unique ids, and every part of
// the message covered, either directly or through a hash chain.
package xades

import (
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
)

// MessageName is the logical name of the message itself.
const MessageName = "/message.xml"

// AttachmentName is the logical name of the i-th attachment, counted from 1; a REST body is attachment 1.
func AttachmentName(i int) string { return "/attachment" + strconv.Itoa(i) }

// Signed is a finished signature. The chain parts are nil for a message of one part that was signed alone.
type Signed struct{ XML, HashChain, HashChainResult []byte }

// Sign signs one message. parts[0] is the message, the others are its attachments in order, all digested with d. A single part is
// referenced directly, several through a hash chain.
func Sign(rand io.Reader, now time.Time, c signature.Credential, d signature.Digest, parts []hashchain.Input) (Signed, error) {
	signed, err := SignBatch(rand, now, c, d, [][]hashchain.Input{parts})
	if err != nil {
		return Signed{}, err
	}
	return signed[0], nil
}

// SignBatch signs several messages with one private key operation. All get the same XML, each its own hash chain; a batch of one is what Sign
// makes.
func SignBatch(rand io.Reader, now time.Time, c signature.Credential, d signature.Digest, messages [][]hashchain.Input) ([]Signed, error) {
	for _, parts := range messages {
		if err := checkNames(parts); err != nil {
			return nil, err
		}
	}
	if len(messages) == 1 && len(messages[0]) == 1 {
		xml, err := sign(rand, now, c, d, MessageName, mimeMessage, messages[0][0].Digest)
		if err != nil {
			return nil, err
		}
		return []Signed{{XML: xml}}, nil
	}
	chains, result, err := hashchain.BuildBatch(d, messages)
	if err != nil {
		return nil, err
	}
	xml, err := sign(rand, now, c, d, hashchain.ResultName, mimeChainResult, d.Sum(result))
	if err != nil {
		return nil, err
	}
	signed := make([]Signed, len(messages))
	for i := range signed {
		signed[i] = Signed{XML: xml, HashChain: chains[i], HashChainResult: result}
	}
	return signed, nil
}

func checkNames(parts []hashchain.Input) error {
	if len(parts) == 0 || parts[0].Name != MessageName {
		return errors.New("signing a message: the first part is not " + MessageName)
	}
	for i, p := range parts[1:] {
		if p.Name != AttachmentName(i+1) {
			return fmt.Errorf("signing a message: part %q in place of %s", p.Name, AttachmentName(i+1))
		}
	}
	return nil
}

func sign(rand io.Reader, now time.Time, c signature.Credential, d signature.Digest, uri, mime string, digest []byte) ([]byte, error) {
	if !d.IsStrong() || len(digest) != d.Hash.Size() {
		return nil, fmt.Errorf("signing %s: digest is not %s", uri, d.Name)
	}
	if err := checkCredential(c); err != nil {
		return nil, err
	}
	a, err := signature.ForKey(c.Signer.Public(), d)
	if err != nil {
		return nil, err
	}
	w := writer{credential: c, digest: d, algorithm: a, now: now, uri: uri, mime: mime, reference: digest}
	w.properties = d.Sum(w.appendSignedProperties(nil, canonical))
	value, err := a.Sign(rand, c.Signer, w.appendSignedInfo(nil, canonical))
	if err != nil {
		return nil, err
	}
	if public, ok := c.Signer.Public().(*ecdsa.PublicKey); ok {
		if value, err = signature.ECDSARaw(public, value); err != nil {
			return nil, err
		}
	}
	return w.appendDocument(nil, value), nil
}

func checkCredential(c signature.Credential) error {
	if c.Signer == nil || c.Certificate == nil || len(c.OCSP) == 0 {
		return errors.New("signing a message: credential lacks its key, certificate or OCSP response")
	}
	public, ok := c.Signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(c.Certificate.PublicKey) {
		return errors.New("signing a message: certificate belongs to another key")
	}
	return nil
}
