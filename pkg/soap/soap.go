// Package soap reads and writes the SOAP messages of X-Road: the envelope with its header, faults, the hash of the request in a response,
// and multipart bodies whose part bytes and part headers stay exactly as they came.
//
// A message is read in one pass over its bytes, which are kept: what was signed is what is parsed, and nothing is ever serialised again.
// Codes of refusals carry no prefix; the proxies add theirs with fault.Prefixed.
package soap

import (
	"strings"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// Namespaces of the envelope, of X-Road's header fields and of the represented party.
const (
	EnvelopeNamespace       = "http://schemas.xmlsoap.org/soap/envelope/"
	EncodingNamespace       = "http://schemas.xmlsoap.org/soap/encoding/"
	Namespace               = "http://x-road.eu/xsd/xroad.xsd"
	RepresentationNamespace = "http://x-road.eu/xsd/representation.xsd"
)

// ProtocolVersion is the version written; every version that starts with "4." is read.
const ProtocolVersion = "4.0"

// Header holds the header fields of a message. Texts are as they stand, not trimmed; an empty element counts as present.
type Header struct {
	Client            identifier.ClientID
	Service           identifier.ServiceID
	SecurityServer    identifier.SecurityServerID // zero: absent
	UserID, Issue     string
	HasUserID         bool
	HasIssue          bool
	RepresentedParty  *Party // nil: absent
	ID                string
	ProtocolVersion   string
	RequestHash       *Hash // nil: absent; only responses carry it
	hasID, hasVersion bool
}

// Party is the party that the client represents; a party without a class has HasClass false.
type Party struct {
	Class, Code string
	HasClass    bool
}

// Hash is the requestHash field: the algorithm's URI and the base64 value as they stand.
type Hash struct{ Algorithm, Value string }

// Message is a SOAP message that passed all structural checks, or a fault.
type Message struct {
	Raw           []byte // as received, with byte order mark and declaration
	ContentType   string // as received
	Header        Header // zero in a fault
	BodyName      string // local name of the Body's child
	BodyNamespace string // namespace of the Body's child, not checked by Parse
	BodyPrefix    string // prefix of the Body's child, "" for none
	RPC           bool   // the envelope names the SOAP encoding
	Fault         *Fault // not nil: the Body holds a fault, and Header is not read
	layout        *layout
}

// IsResponse reports whether the Body's child is named as a response.
func (m *Message) IsResponse() bool { return strings.HasSuffix(m.BodyName, "Response") }

// Body parses the message again, with all of xmlsafe's checks, and gives the Body's one child. It is nil when the message is a fault, or
// larger or deeper than xmlsafe.Default allows: a reader of management requests has no use for such a message.
func (m *Message) Body() *etree.Element {
	if m.Fault != nil {
		return nil
	}
	root, err := xmlsafe.Parse(m.layout.text[m.layout.declarationEnd:], xmlsafe.Default) // the text is UTF-8, whatever the declaration said
	if err != nil {
		return nil
	}
	body, err := xmlsafe.One(root, EnvelopeNamespace, "Body")
	if err != nil {
		return nil
	}
	children := body.ChildElements()
	if len(children) != 1 {
		return nil
	}
	return children[0]
}

// Parse reads one SOAP part or body. The content type must be text/xml or application/xop+xml (invalid_content_type). A fault is a message,
// not an error. Codes and texts of refusals are those of the X-Road message protocol: invalid_soap, missing_header, missing_header_field,
// duplicate_header_field, missing_body, invalid_body, inconsistent_headers, invalid_protocol_version, invalid_xml,
// invalid_client_identifier.
func Parse(raw []byte, contentType string) (*Message, error) {
	if strings.TrimSpace(contentType) == "" {
		return nil, refuse("invalid_content_type", "Could not get content type for part")
	}
	if base := BaseType(contentType); base != typeXML && base != typeXOP {
		return nil, refuse("invalid_content_type", "Invalid content type: %s", base)
	}
	m, err := parse(raw)
	if err != nil {
		return nil, err
	}
	m.ContentType = contentType
	return m, nil
}

func parse(raw []byte) (*Message, error) {
	l, err := scan(raw)
	if err != nil {
		return nil, err
	}
	m := &Message{Raw: raw, RPC: l.rpc, layout: l}
	if l.fault != nil {
		m.BodyName, m.BodyNamespace, m.BodyPrefix = l.fault.local, l.fault.namespace, l.fault.prefix
		m.Fault, err = readFault(l)
		return m, err
	}
	if l.header == nil {
		return nil, refuse("missing_header", "Malformed SOAP message: header missing")
	}
	if m.Header, err = readHeader(l); err != nil {
		return nil, err
	}
	if l.body == nil {
		return nil, refuse("missing_body", "Malformed SOAP message: body missing")
	}
	if len(l.bodyChildren) != 1 {
		return nil, refuse("invalid_body", "Malformed SOAP message: body must have exactly one child element")
	}
	child := l.bodyChildren[0]
	m.BodyName, m.BodyNamespace, m.BodyPrefix = child.local, child.namespace, child.prefix
	if !strings.HasPrefix(m.BodyName, m.Header.Service.Code()) {
		return nil, refuse("inconsistent_headers", "Malformed SOAP message: service code does not match in header and body")
	}
	return m, nil
}

func refuse(code, format string, args ...any) error {
	return fault.New(fault.Invalid, code, format, args...)
}
