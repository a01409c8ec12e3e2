package transport

import (
	"fmt"
	"io"
	"strings"

	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/soap"
)

// Encoder writes one message part by part, in the order OCSP, Message, Attachment, Sign or Fault, Close. It remembers the digests of what
// will be signed.
type Encoder struct {
	w       io.Writer
	digest  signature.Digest
	letters string
	started bool // a part was written to the outer multipart
	nested  bool // the multipart of attachments is open
	inputs  []hashchain.Input
}

// NewEncoder makes an encoder onto w. rand gives the letters of the boundaries.
func NewEncoder(w io.Writer, rand io.Reader, digest signature.Digest) (*Encoder, error) {
	letters, err := boundary30(rand)
	if err != nil {
		return nil, err
	}
	return &Encoder{w: w, digest: digest, letters: letters}, nil
}

// ContentType is the content type of the whole message.
func (e *Encoder) ContentType() string {
	return "multipart/mixed; charset=UTF-8; boundary=" + e.outer()
}

// Inputs gives names and digests of the parts to be signed: the message, then its attachments.
func (e *Encoder) Inputs() []hashchain.Input { return e.inputs }

func (e *Encoder) outer() string { return "xtop" + e.letters }
func (e *Encoder) inner() string { return "xatt" + e.letters }

// OCSP writes an OCSP response of the client's authentication certificate chain, leaf first.
func (e *Encoder) OCSP(der []byte) error {
	return e.part(der, soap.Field{Name: "content-type", Value: typeOCSP})
}

// Message writes the SOAP message as it is. headers are those of the part it came in, or nil; its content type is contentType.
func (e *Encoder) Message(contentType string, headers soap.Fields, raw []byte) error {
	fields := soap.Fields{{Name: "content-type", Value: contentType}}
	for _, f := range headers {
		if !strings.EqualFold(f.Name, "content-type") {
			fields = append(fields, f)
		}
	}
	e.inputs = append(e.inputs, hashchain.Input{Name: xades.MessageName, Digest: e.digest.Sum(raw)})
	return e.part(raw, fields...)
}

// Attachment copies one attachment with its part headers in their own spelling.
func (e *Encoder) Attachment(headers soap.Fields, body io.Reader) error {
	if !e.nested {
		if err := e.start(soap.Field{Name: "content-type", Value: typeNested + "; charset=UTF-8; boundary=" + e.inner()}); err != nil {
			return err
		}
		if err := write(e.w, "--", e.inner(), "\r\n"); err != nil {
			return err
		}
		e.nested = true
	} else if err := write(e.w, "\r\n--", e.inner(), "\r\n"); err != nil {
		return err
	}
	if err := writeFields(e.w, headers); err != nil {
		return err
	}
	hash := e.digest.Hash.New()
	if _, err := io.Copy(io.MultiWriter(e.w, hash), body); err != nil {
		return err
	}
	e.inputs = append(e.inputs, hashchain.Input{Name: xades.AttachmentName(len(e.inputs)), Digest: hash.Sum(nil)})
	return nil
}

// Sign writes the signature, and before it the hash chain when the message has one.
func (e *Encoder) Sign(s xades.Signed) error {
	if err := e.closeNested(); err != nil {
		return err
	}
	if s.HashChain != nil {
		if err := e.part(s.HashChainResult, soap.Field{Name: "content-type", Value: typeChainResult}); err != nil {
			return err
		}
		if err := e.part(s.HashChain, soap.Field{Name: "content-type", Value: typeChain}); err != nil {
			return err
		}
	}
	return e.part(s.XML, soap.Field{Name: "content-type", Value: typeSignature})
}

// Fault writes a SOAP fault where the message or, after streaming began, the signature would stand. Responses only.
func (e *Encoder) Fault(raw []byte) error {
	if err := e.closeNested(); err != nil {
		return err
	}
	return e.part(raw, soap.Field{Name: "content-type", Value: typeFault})
}

// Close ends the message. The writer stays open.
func (e *Encoder) Close() error {
	return write(e.w, "\r\n--", e.outer(), "--\r\n")
}

func (e *Encoder) closeNested() error {
	if !e.nested {
		return nil
	}
	e.nested = false
	return write(e.w, "\r\n--", e.inner(), "--\r\n")
}

func (e *Encoder) start(fields ...soap.Field) error {
	lead := "\r\n--"
	if !e.started {
		lead, e.started = "--", true
	}
	if err := write(e.w, lead, e.outer(), "\r\n"); err != nil {
		return err
	}
	return writeFields(e.w, fields)
}

func (e *Encoder) part(body []byte, fields ...soap.Field) error {
	if err := e.start(fields...); err != nil {
		return err
	}
	_, err := e.w.Write(body)
	return err
}

// writeFields writes header lines and the blank line. A line break inside a value would forge a part.
func writeFields(w io.Writer, fields soap.Fields) error {
	for _, f := range fields {
		if f.Name == "" || strings.ContainsAny(f.Name, "\r\n:") || strings.ContainsAny(f.Value, "\r\n") {
			return fmt.Errorf("part header %q cannot be written", f.Name)
		}
		if err := write(w, f.Name, ": ", f.Value, "\r\n"); err != nil {
			return err
		}
	}
	return write(w, "\r\n")
}

func write(w io.Writer, pieces ...string) error {
	_, err := io.WriteString(w, strings.Join(pieces, ""))
	return err
}
