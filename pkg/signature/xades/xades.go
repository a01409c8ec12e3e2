// Package xades makes and verifies the XAdES signatures of X-Road messages (message-transport §6).
package xades

import (
	"crypto/x509"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
)

// MessageName is the logical name of the message itself.
const MessageName = "/message.xml"

// AttachmentName is the logical name of the i-th attachment, counted from 1.
func AttachmentName(i int) string { return "/attachment" + strconv.Itoa(i) }

// Signed is a finished signature; the chain parts are nil for a message of one part that was signed alone.
type Signed struct{ XML, HashChain, HashChainResult []byte }

var errUnfinished = errors.New("not yet")

// Sign signs one message.
func Sign(rand io.Reader, now time.Time, c signature.Credential, d signature.Digest, parts []hashchain.Input) (Signed, error) {
	return Signed{}, errUnfinished
}

// SignBatch signs several messages with one signature.
func SignBatch(rand io.Reader, now time.Time, c signature.Credential, d signature.Digest, messages [][]hashchain.Input) ([]Signed, error) {
	return nil, errUnfinished
}

// Signature is a parsed signature.
type Signature struct{}

// Parse reads a signature.
func Parse(xml []byte) (*Signature, error) { return nil, errUnfinished }

func (s *Signature) Certificate() *x509.Certificate { return nil }
func (s *Signature) Chain() []*x509.Certificate     { return nil }
func (s *Signature) OCSP() [][]byte                 { return nil }
func (s *Signature) SigningTime() time.Time         { return time.Time{} }
func (s *Signature) Value() []byte                  { return nil }
func (s *Signature) Digest() signature.Digest       { return signature.Digest{} }
func (s *Signature) Verify(chain, result []byte, parts []hashchain.Input) error {
	return errUnfinished
}

// Trust is what a verifier must believe.
type Trust interface {
	VerifySigner(cert *x509.Certificate, chain []*x509.Certificate, ocsp [][]byte, signer identifier.ClientID, at time.Time) error
}

// VerifyMessage verifies everything.
func VerifyMessage(s *Signature, trust Trust, signer identifier.ClientID, chain, result []byte, parts []hashchain.Input, at time.Time) error {
	return errUnfinished
}

// AddTimestamp inserts a time-stamp.
func AddTimestamp(signatureXML, token []byte) ([]byte, error) { return nil, errUnfinished }
