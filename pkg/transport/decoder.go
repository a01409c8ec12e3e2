package transport

import (
	"errors"
	"io"
	"mime"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/soap"
)

// Decoder reads one message: Head first, then Rest. What is wrong with the message is a fault with a code without prefix; any other error is one
// of reading.
type Decoder struct {
	parts  *soap.MultipartReader
	digest signature.Digest
	limits Limits
	state  state
	total  int64 // bytes of attachments so far
	inputs []hashchain.Input
}

// Head is the beginning of a message.
type Head struct {
	OCSP    [][]byte // of the client's authentication certificates, leaf first; requests only
	Headers soap.Fields
	Message *soap.Message // may hold a fault; nothing follows it then that counts
}

// Attachment is a received attachment. It can be read while its Rest is open.
type Attachment struct {
	Headers soap.Fields
	Digest  []byte
	Size    int64
	offset  int64
	spool   *spool
}

// Open reads the bytes from the beginning.
func (a Attachment) Open() io.Reader { return a.spool.section(a.offset, a.Size) }

// Rest is what follows the SOAP message. Close frees the attachments.
type Rest struct {
	Attachments     []Attachment
	HashChainResult []byte // nil when the message is signed alone
	HashChain       []byte
	Signature       []byte      // nil when the message ended before it
	Fault           *soap.Fault // raised after streaming began; nothing else counts then
	Inputs          []hashchain.Input
	spool           *spool
}

// Close frees the attachments.
func (r *Rest) Close() { r.spool.Close() }

// NewDecoder starts to read a message with this content type. Code invalid_content_type.
func NewDecoder(r io.Reader, contentType string, digest signature.Digest, limits Limits) (*Decoder, error) {
	base, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(base, "multipart/") {
		return nil, fault.New(fault.Invalid, "invalid_content_type", "Invalid content type: %s", soap.BaseType(contentType))
	}
	if parameters["boundary"] == "" {
		return nil, fault.New(fault.Invalid, "invalid_content_type", "Multipart content type is missing required boundary")
	}
	parts, err := soap.NewMultipartReader(r, contentType, soap.Limits{})
	if err != nil {
		return nil, err
	}
	return &Decoder{parts: parts, digest: digest, limits: limits}, nil
}

// Head reads the OCSP responses and the SOAP message. A message that ends before its SOAP part has code missing_soap.
func (d *Decoder) Head() (*Head, error) {
	head := &Head{}
	for {
		part, k, err := d.next()
		if errors.Is(err, io.EOF) {
			return nil, fault.New(fault.Invalid, "missing_soap", "Message does not have SOAP message")
		}
		if err != nil {
			return nil, err
		}
		if k == kindSOAP {
			return head, d.message(head, part)
		}
		if len(head.OCSP) == d.limits.OCSP {
			return nil, fault.New(fault.TooLarge, "invalid_message", "Message has more than %d OCSP responses", d.limits.OCSP)
		}
		der, err := readAll(part, maxOCSP, "OCSP response")
		if err != nil {
			return nil, err
		}
		head.OCSP = append(head.OCSP, der)
	}
}

func (d *Decoder) message(head *Head, part *soap.PartReader) error {
	raw, err := readAll(part, d.limits.Message, "SOAP message")
	if err != nil {
		return err
	}
	head.Headers = part.Headers
	d.inputs = append(d.inputs, hashchain.Input{Name: xades.MessageName, Digest: d.digest.Sum(raw)})
	head.Message, err = soap.Parse(raw, part.Headers.Get("content-type"))
	return err
}

// Rest reads everything after the SOAP message. The caller closes it.
func (d *Decoder) Rest() (*Rest, error) {
	rest := &Rest{spool: &spool{limits: d.limits}}
	for {
		part, k, err := d.next()
		if errors.Is(err, io.EOF) {
			rest.Inputs = d.inputs
			return rest, nil
		}
		if err == nil {
			err = d.part(rest, part, k)
		}
		if err != nil {
			rest.Close()
			return nil, err
		}
	}
}

// next gives the next part and what it is, having moved the state.
func (d *Decoder) next() (*soap.PartReader, kind, error) {
	part, err := d.parts.Next()
	if err != nil {
		return nil, 0, err
	}
	contentType := part.Headers.Get("content-type")
	k := kindOf(contentType)
	d.state, err = d.state.advance(k, contentType)
	return part, k, err
}

func (d *Decoder) part(rest *Rest, part *soap.PartReader, k kind) error {
	var err error
	switch k {
	case kindNested:
		return d.attachments(rest, part)
	case kindChainResult:
		rest.HashChainResult, err = readAll(part, d.limits.Signature, "Hash chain result")
	case kindChain:
		rest.HashChain, err = readAll(part, d.limits.Signature, "Hash chain")
	case kindSignature:
		rest.Signature, err = readAll(part, d.limits.Signature, "Signature")
	case kindSOAP:
		rest.Fault, err = d.fault(part)
	default: // the state machine lets nothing else through
	}
	return err
}

// fault reads the fault that ends a response.
func (d *Decoder) fault(part *soap.PartReader) (*soap.Fault, error) {
	raw, err := readAll(part, d.limits.Message, "SOAP fault")
	if err != nil {
		return nil, err
	}
	message, err := soap.Parse(raw, part.Headers.Get("content-type"))
	if err != nil {
		return nil, err
	}
	if message.Fault == nil {
		return nil, fault.New(fault.Invalid, "invalid_message", "Message has a second SOAP message")
	}
	return message.Fault, nil
}

func (d *Decoder) attachments(rest *Rest, outer *soap.PartReader) error {
	nested, err := soap.NewMultipartReader(outer, outer.Headers.Get("content-type"), soap.Limits{})
	if err != nil {
		return err
	}
	for {
		part, err := nested.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(rest.Attachments) == d.limits.Attachments {
			return fault.New(fault.TooLarge, "invalid_message", "Message has more than %d attachments", d.limits.Attachments)
		}
		if err := d.attachment(rest, part); err != nil {
			return err
		}
	}
}

func (d *Decoder) attachment(rest *Rest, part *soap.PartReader) error {
	a := Attachment{Headers: part.Headers, offset: rest.spool.size, spool: rest.spool}
	hash := d.digest.Hash.New()
	left := d.limits.Bytes - d.total
	var err error
	a.Size, err = io.Copy(io.MultiWriter(hash, rest.spool), io.LimitReader(part, left+1))
	switch {
	case err != nil:
		return err
	case a.Size > left:
		return fault.New(fault.TooLarge, "invalid_message", "Attachments have more than %d bytes", d.limits.Bytes)
	}
	d.total += a.Size
	a.Digest = hash.Sum(nil)
	rest.Attachments = append(rest.Attachments, a)
	d.inputs = append(d.inputs, hashchain.Input{Name: xades.AttachmentName(len(rest.Attachments)), Digest: a.Digest})
	return nil
}
