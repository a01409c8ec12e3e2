package identifier

import (
	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// Namespace is that of identifier parts and of the objectType attribute. Writers use it with the prefix "id".
const Namespace = "http://x-road.eu/xsd/identifiers"

// AppendXML appends the identifier as an element with this name, which may carry a prefix. The prefix id must be declared around it.
func (c ClientID) AppendXML(dst []byte, name string) []byte {
	return appendXML(dst, name, c.Type(), "xRoadInstance", c.instance, "memberClass", c.class, "memberCode", c.member, "subsystemCode", c.subsystem)
}

// AppendXML appends the identifier as an element with this name, which may carry a prefix.
func (s SecurityServerID) AppendXML(dst []byte, name string) []byte {
	return appendXML(dst, name, Server, "xRoadInstance", s.owner.instance, "memberClass", s.owner.class, "memberCode", s.owner.member, "serverCode", s.code)
}

// AppendXML appends the identifier as an element with this name, which may carry a prefix.
func (s ServiceID) AppendXML(dst []byte, name string) []byte {
	p := s.provider
	return appendXML(dst, name, Service, "xRoadInstance", p.instance, "memberClass", p.class, "memberCode", p.member,
		"subsystemCode", p.subsystem, "serviceCode", s.code, "serviceVersion", s.version)
}

// AppendXML appends the identifier as an element with this name, which may carry a prefix.
func (g GlobalGroupID) AppendXML(dst []byte, name string) []byte {
	return appendXML(dst, name, GlobalGroup, "xRoadInstance", g.instance, "groupCode", g.code)
}

func appendXML(dst []byte, name string, kind ObjectType, namesAndValues ...string) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	dst = append(dst, ` id:objectType="`...)
	dst = append(dst, kind...)
	dst = append(dst, '"', '>')
	for i := 0; i < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] != "" {
			dst = xmlsafe.AppendElement(dst, "id:"+namesAndValues[i], namesAndValues[i+1])
		}
	}
	dst = append(dst, '<', '/')
	dst = append(dst, name...)
	return append(dst, '>')
}

// ClientFromXML reads a member or subsystem. objectType must agree with the presence of a subsystem code (code invalid_client_identifier).
func ClientFromXML(el *etree.Element) (ClientID, error) {
	kind, p, err := readParts(el, "xRoadInstance", "memberClass", "memberCode", "subsystemCode")
	if err != nil {
		return ClientID{}, err
	}
	_, hasSubsystem := p["subsystemCode"]
	switch {
	case kind == Member && hasSubsystem:
		return ClientID{}, fault.New(fault.Invalid, "invalid_client_identifier", "Redundant subsystem code")
	case kind == Member:
		return NewMember(p["xRoadInstance"], p["memberClass"], p["memberCode"])
	case kind == Subsystem && !hasSubsystem:
		return ClientID{}, fault.New(fault.Invalid, "invalid_client_identifier", "Missing required subsystem code")
	case kind == Subsystem:
		return NewSubsystem(p["xRoadInstance"], p["memberClass"], p["memberCode"], p["subsystemCode"])
	}
	return ClientID{}, unexpected(kind)
}

// SecurityServerFromXML reads a security server's identifier.
func SecurityServerFromXML(el *etree.Element) (SecurityServerID, error) {
	kind, p, err := readParts(el, "xRoadInstance", "memberClass", "memberCode", "serverCode")
	if err != nil {
		return SecurityServerID{}, err
	}
	if kind != Server {
		return SecurityServerID{}, unexpected(kind)
	}
	owner, err := NewMember(p["xRoadInstance"], p["memberClass"], p["memberCode"])
	if err != nil {
		return SecurityServerID{}, err
	}
	return NewSecurityServer(owner, p["serverCode"])
}

// ServiceFromXML reads a service's identifier.
func ServiceFromXML(el *etree.Element) (ServiceID, error) {
	kind, p, err := readParts(el, "xRoadInstance", "memberClass", "memberCode", "subsystemCode", "serviceCode", "serviceVersion")
	if err != nil {
		return ServiceID{}, err
	}
	if kind != Service {
		return ServiceID{}, unexpected(kind)
	}
	provider, err := NewMember(p["xRoadInstance"], p["memberClass"], p["memberCode"])
	if code, ok := p["subsystemCode"]; err == nil && ok {
		provider, err = provider.Subsystem(code)
	}
	if err != nil {
		return ServiceID{}, err
	}
	return NewService(provider, p["serviceCode"], p["serviceVersion"])
}

// GlobalGroupFromXML reads a global group's identifier.
func GlobalGroupFromXML(el *etree.Element) (GlobalGroupID, error) {
	kind, p, err := readParts(el, "xRoadInstance", "groupCode")
	if err != nil {
		return GlobalGroupID{}, err
	}
	if kind != GlobalGroup {
		return GlobalGroupID{}, unexpected(kind)
	}
	return NewGlobalGroup(p["xRoadInstance"], p["groupCode"])
}

// LocalGroupFromXML reads the code of a local group.
func LocalGroupFromXML(el *etree.Element) (string, error) {
	kind, p, err := readParts(el, "groupCode")
	if err != nil {
		return "", err
	}
	if kind != LocalGroup {
		return "", unexpected(kind)
	}
	return p["groupCode"], notBlank("groupCode", p["groupCode"])
}

// readParts collects the known parts. Unknown children are ignored as peers do; a part that occurs twice is refused.
func readParts(el *etree.Element, names ...string) (ObjectType, map[string]string, error) {
	value, ok := xmlsafe.Attribute(el, Namespace, "objectType")
	if !ok {
		return "", nil, fault.New(fault.Invalid, "invalid_xml", "Missing objectType attribute")
	}
	kind := ObjectType(value)
	switch kind {
	case Member, Subsystem, Server, Service, GlobalGroup, LocalGroup:
	default:
		return "", nil, fault.New(fault.Invalid, "invalid_xml", "Unknown objectType: %s", value)
	}
	parts := make(map[string]string, len(names))
	for _, name := range names {
		switch found := xmlsafe.All(el, Namespace, name); len(found) {
		case 0:
		case 1:
			text, err := xmlsafe.Text(found[0])
			if err != nil {
				return "", nil, err
			}
			parts[name] = text
		default:
			return "", nil, fault.New(fault.Invalid, "duplicate_header_field", "SOAP header contains duplicate field '{%s}%s'", Namespace, name)
		}
	}
	return kind, parts, nil
}

func unexpected(kind ObjectType) error {
	return fault.New(fault.Invalid, "invalid_xml", "Unexpected objectType: %s", kind)
}
