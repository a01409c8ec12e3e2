package soap

import (
	"errors"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// Fault is a SOAP 1.1 fault. As an error it says that another program refused.
type Fault struct {
	Code   string // dot-joined, such as server.clientproxy.unknown_member
	String string // one sentence for people
	Actor  string
	Detail string // what its sender logged the cause under; "" for none
	Raw    []byte // the whole envelope as received; nil when made here
}

// Error is code and sentence.
func (f *Fault) Error() string { return f.Code + ": " + f.String }

// Encode writes the envelope with children in the order faultcode, faultstring, faultactor, detail. A fault that was received is
// passed on byte for byte.
func (f *Fault) Encode() []byte {
	if f.Raw != nil {
		return f.Raw
	}
	b := []byte(`<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="` + EnvelopeNamespace + `"><SOAP-ENV:Body><SOAP-ENV:Fault>`)
	b = xmlsafe.AppendElement(b, "faultcode", f.Code)
	b = xmlsafe.AppendElement(b, "faultstring", f.String)
	b = xmlsafe.AppendElement(b, "faultactor", f.Actor)
	if f.Detail != "" {
		b = append(b, `<detail><faultDetail xmlns="">`...)
		b = xmlsafe.AppendText(b, f.Detail)
		b = append(b, `</faultDetail></detail>`...)
	}
	return append(b, `</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`...)
}

// FaultFrom renders an error: a SOAP fault in its chain stays what it is, a fault gives its code and message, and any other error
// becomes internal_error without a word about its cause. detail is the identifier the cause is logged under.
func FaultFrom(err error, detail string) *Fault {
	if received, ok := errors.AsType[*Fault](err); ok {
		return received
	}
	f := fault.From(err)
	return &Fault{Code: f.Code, String: clean(f.Message), Detail: clean(detail)}
}

// clean drops the characters that XML cannot hold: a message may quote what a stranger sent.
func clean(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r != 0xfffe && r != 0xffff {
			out = append(out, r)
		}
	}
	return string(out)
}

func readFault(l *layout) (*Fault, error) {
	root, err := l.excerpt(l.fault, l.envelope, l.body)
	if err != nil {
		return nil, err
	}
	f := &Fault{Raw: l.raw}
	for _, el := range root.ChildElements()[0].ChildElements()[0].ChildElements() {
		switch el.Tag {
		case "faultcode":
			f.Code = characters(el)
		case "faultstring":
			f.String = characters(el)
		case "faultactor":
			f.Actor = characters(el)
		case "detail":
			for _, child := range el.ChildElements() {
				if child.Tag == "faultDetail" {
					f.Detail = characters(child)
				}
			}
			if f.Detail == "" {
				f.Detail = characters(el)
			}
		}
	}
	return f, nil
}

// characters joins the text directly under an element; comments between are skipped, because a fault is for people to read.
func characters(el *etree.Element) string {
	var text []byte
	for _, token := range el.Child {
		if t, ok := token.(*etree.CharData); ok {
			text = append(text, t.Data...)
		}
	}
	return string(text)
}
