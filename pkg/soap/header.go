package soap

import (
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// readHeader reads the fields in the order they stand; unknown children are left alone, as peers do.
func readHeader(l *layout) (Header, error) {
	// The envelope's start tag around the bytes of the header is a small document with the same namespaces: the body is not built into
	// a tree for it.
	root, err := l.excerpt(l.header, l.envelope)
	if err != nil {
		return Header{}, err
	}
	header, err := xmlsafe.One(root, EnvelopeNamespace, "Header")
	if err != nil {
		return Header{}, err
	}
	var h Header
	for _, el := range header.ChildElements() {
		if err := h.field(el); err != nil {
			return Header{}, err
		}
	}
	switch {
	case !h.hasVersion:
		return Header{}, missingField("protocolVersion")
	case h.Client.IsZero():
		return Header{}, missingField("client")
	case !h.hasID:
		return Header{}, missingField("id")
	case h.Service.IsZero():
		return Header{}, refuse("missing_header_field", "Message header must contain service id")
	}
	return h, nil
}

// excerpt parses inner inside the start tags of its ancestors, outermost first.
func (l *layout) excerpt(inner *element, ancestors ...*element) (*etree.Element, error) {
	var doc []byte
	for _, a := range ancestors {
		doc = append(doc, l.text[a.start:a.startEnd]...)
	}
	doc = append(doc, l.text[inner.start:inner.end]...)
	for _, a := range slices.Backward(ancestors) {
		doc = append(doc, "</"+a.name()+">"...)
	}
	return xmlsafe.Parse(doc, xmlsafe.Limits{Bytes: xmlsafe.Default.Bytes, Depth: maxDepth})
}

func (h *Header) field(el *etree.Element) error {
	if xmlsafe.Is(el, RepresentationNamespace, "representedParty") {
		if h.RepresentedParty != nil {
			return duplicate(el)
		}
		var err error
		h.RepresentedParty, err = readParty(el)
		return err
	}
	if el.NamespaceURI() != Namespace {
		return nil
	}
	var err error
	switch el.Tag {
	case "client":
		if !h.Client.IsZero() {
			return duplicate(el)
		}
		h.Client, err = identifier.ClientFromXML(el)
	case "service":
		if !h.Service.IsZero() {
			return duplicate(el)
		}
		h.Service, err = identifier.ServiceFromXML(el)
	case "securityServer":
		if !h.SecurityServer.IsZero() {
			return duplicate(el)
		}
		h.SecurityServer, err = identifier.SecurityServerFromXML(el)
	case "userId":
		err = textField(el, &h.UserID, &h.HasUserID)
	case "issue":
		err = textField(el, &h.Issue, &h.HasIssue)
	case "id":
		err = textField(el, &h.ID, &h.hasID)
	case "protocolVersion":
		if err = textField(el, &h.ProtocolVersion, &h.hasVersion); err == nil && !strings.HasPrefix(h.ProtocolVersion, "4.") {
			err = refuse("invalid_protocol_version", "Invalid protocol version (supported: 4.x, provided: %s)", h.ProtocolVersion)
		}
	case "requestHash":
		if h.RequestHash != nil {
			return duplicate(el)
		}
		h.RequestHash = &Hash{}
		h.RequestHash.Algorithm, _ = xmlsafe.Attribute(el, "", "algorithmId")
		h.RequestHash.Value, err = xmlsafe.Text(el)
	}
	return err
}

func textField(el *etree.Element, value *string, has *bool) error {
	if *has {
		return duplicate(el)
	}
	text, err := xmlsafe.Text(el)
	*value, *has = text, true
	return err
}

func readParty(el *etree.Element) (*Party, error) {
	var p Party
	hasCode := false
	for _, child := range el.ChildElements() {
		var err error
		switch {
		case xmlsafe.Is(child, RepresentationNamespace, "partyClass"):
			err = textField(child, &p.Class, &p.HasClass)
		case xmlsafe.Is(child, RepresentationNamespace, "partyCode"):
			err = textField(child, &p.Code, &hasCode)
		}
		if err != nil {
			return nil, err
		}
	}
	return &p, nil
}

func duplicate(el *etree.Element) error {
	return refuse("duplicate_header_field", "SOAP header contains duplicate field '{%s}%s'", el.NamespaceURI(), el.Tag)
}

func missingField(name string) error {
	return refuse("missing_header_field", "Required field '%s' is missing", name)
}

// Consistent checks that a response repeats the request's client, service, user id, represented party, issue and id. The fault has
// code inconsistent_response and names the first field that differs.
func Consistent(request, response *Header) error {
	sameParty := (request.RepresentedParty == nil) == (response.RepresentedParty == nil) &&
		(request.RepresentedParty == nil || *request.RepresentedParty == *response.RepresentedParty)
	for _, field := range []struct {
		name string
		same bool
	}{
		{"client", request.Client == response.Client},
		{"service", request.Service == response.Service},
		{"userId", request.HasUserID == response.HasUserID && request.UserID == response.UserID},
		{"representedParty", sameParty},
		{"issue", request.HasIssue == response.HasIssue && request.Issue == response.Issue},
		{"id", request.ID == response.ID},
	} {
		if !field.same {
			return fault.New(fault.Invalid, "inconsistent_response", "Field '%s' does not match in request and response", field.name)
		}
	}
	return nil
}
