package soap

import (
	"bytes"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"

	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

const (
	hashAlgorithm = "http://www.w3.org/2001/04/xmlenc#sha512"
	declaration   = `<?xml version="1.0" encoding="UTF-8"?>`
)

// RequestHash is the SHA-512 of the request's SOAP part, exactly as it travelled, in base64 on one line.
func RequestHash(request []byte) string {
	sum := sha512.Sum512(request)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// CheckRequestHash compares the hash in a response's header with the request as this side sent it; the algorithm named there is ignored, as
// peers do. The fault has code inconsistent_response.
func CheckRequestHash(response *Header, request []byte) error {
	if response.RequestHash == nil {
		return refuse("inconsistent_response", "Response from server proxy is missing request message hash")
	}
	if subtle.ConstantTimeCompare([]byte(response.RequestHash.Value), []byte(RequestHash(request))) != 1 {
		return refuse("inconsistent_response", "Request message hash does not match request message")
	}
	return nil
}

// InsertRequestHash gives the response with the hash of the request right after the header's id, with that element's prefix and
// attributes and the white space before it. A hash that stands in the response already is dropped with the
// white space before it; everything else is copied, under a fresh
// XML declaration and with a newline at the end. The response must pass Parse's checks.
func InsertRequestHash(response []byte, request []byte) ([]byte, error) {
	m, err := parse(response)
	if err != nil {
		return nil, err
	}
	if m.Fault != nil {
		return nil, m.Fault
	}
	l := m.layout
	out := make([]byte, 0, len(l.text)+512)
	out = append(out, declaration...)
	out = append(out, '\n')
	copied := l.skipDeclaration()
	for _, el := range l.headerChildren {
		switch {
		case el.is(Namespace, "requestHash"):
			out = append(out, bytes.TrimRight(l.text[copied:el.start], " \t\r\n")...)
			copied = el.end
		case el.is(Namespace, "id"):
			out = append(out, l.text[copied:el.end]...)
			copied = el.end
			out = l.appendHash(out, el, RequestHash(request))
		}
	}
	out = append(out, bytes.TrimRight(l.text[copied:], " \t\r\n")...)
	return append(out, '\n'), nil
}

// skipDeclaration is where the text begins after the XML declaration and the white space behind it.
func (l *layout) skipDeclaration() int {
	rest := l.text[l.declarationEnd:]
	return l.declarationEnd + len(rest) - len(bytes.TrimLeft(rest, " \t\r\n"))
}

func (l *layout) appendHash(out []byte, id *element, hash string) []byte {
	before := l.text[l.header.startEnd:id.start]
	out = append(out, before[len(bytes.TrimRight(before, " \t\r\n")):]...)
	name := "requestHash"
	if id.prefix != "" {
		name = id.prefix + ":" + name
	}
	out = append(out, '<')
	out = append(out, name...)
	for _, a := range id.attributes {
		if a.Name.Space == "" && a.Name.Local == "algorithmId" {
			continue
		}
		out = append(out, ' ')
		if a.Name.Space != "" {
			out = append(out, a.Name.Space...)
			out = append(out, ':')
		}
		out = append(out, a.Name.Local...)
		out = append(out, '=', '"')
		out = xmlsafe.AppendAttribute(out, a.Value)
		out = append(out, '"')
	}
	out = append(out, ` algorithmId="`+hashAlgorithm+`">`...)
	out = append(out, hash...)
	out = append(out, '<', '/')
	out = append(out, name...)
	return append(out, '>')
}
