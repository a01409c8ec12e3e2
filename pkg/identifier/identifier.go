// Package identifier holds the names of X-Road's world as values that cannot be wrong: members, subsystems, security servers,
// services and groups.
//
// There are two sets of rules for the parts. The wire takes any part that is not blank (peers do, and a stricter reader would refuse
// messages that others exchange). What an administrator enters must also pass Part, so that no new name is created that
// cannot be printed. Comparison is exact everywhere; every type is comparable with ==.
package identifier

import (
	"strings"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/fault"
)

// ObjectType is the kind of thing an identifier names, as it stands in the objectType attribute.
type ObjectType string

// The object types of X-Road 7.
const (
	Member        ObjectType = "MEMBER"
	Subsystem     ObjectType = "SUBSYSTEM"
	Server        ObjectType = "SERVER"
	Service       ObjectType = "SERVICE"
	GlobalGroup   ObjectType = "GLOBALGROUP"
	LocalGroup    ObjectType = "LOCALGROUP"
	maxPartLength            = 255
)

// ClientID names a member or one of its subsystems. The zero value names nothing.
type ClientID struct{ instance, class, member, subsystem string }

// NewMember makes the identifier of a member; blank parts are refused.
func NewMember(instance, class, code string) (ClientID, error) {
	return ClientID{instance, class, code, ""}, notBlank("xRoadInstance", instance, "memberClass", class, "memberCode", code)
}

// NewSubsystem makes the identifier of a subsystem; blank parts are refused.
func NewSubsystem(instance, class, code, subsystem string) (ClientID, error) {
	return ClientID{instance, class, code, subsystem},
		notBlank("xRoadInstance", instance, "memberClass", class, "memberCode", code, "subsystemCode", subsystem)
}

// ParseClientID reads the encoded form INSTANCE:CLASS:MEMBER[:SUBSYSTEM]. The fault has code invalid_encoded_id.
func ParseClientID(encoded string) (ClientID, error) {
	p, err := split(encoded, 3, 4)
	if err != nil {
		return ClientID{}, err
	}
	if len(p) == 3 {
		return ClientID{p[0], p[1], p[2], ""}, nil
	}
	return ClientID{p[0], p[1], p[2], p[3]}, nil
}

// Subsystem gives the identifier of the member's subsystem with this code.
func (c ClientID) Subsystem(code string) (ClientID, error) {
	return NewSubsystem(c.instance, c.class, c.member, code)
}

// Instance is the X-Road instance.
func (c ClientID) Instance() string { return c.instance }

// MemberClass is the member class.
func (c ClientID) MemberClass() string { return c.class }

// MemberCode is the member code.
func (c ClientID) MemberCode() string { return c.member }

// SubsystemCode is the subsystem's code, "" for a member.
func (c ClientID) SubsystemCode() string { return c.subsystem }

// IsSubsystem tells subsystems from members.
func (c ClientID) IsSubsystem() bool { return c.subsystem != "" }

// IsZero reports that the value names nothing.
func (c ClientID) IsZero() bool { return c == ClientID{} }

// Member is the member itself, or the member the subsystem belongs to.
func (c ClientID) Member() ClientID { c.subsystem = ""; return c }

// Type is MEMBER or SUBSYSTEM.
func (c ClientID) Type() ObjectType {
	if c.IsSubsystem() {
		return Subsystem
	}
	return Member
}

// String is the form of fault texts: SUBSYSTEM:EE/GOV/123/sub. It is for people and cannot be parsed.
func (c ClientID) String() string { return string(c.Type()) + ":" + c.Short() }

// Short is EE/GOV/123/sub.
func (c ClientID) Short() string { return join("/", c.instance, c.class, c.member, c.subsystem) }

// Encoded is the form of the REST APIs: EE:GOV:123:sub.
func (c ClientID) Encoded() string { return join(":", c.instance, c.class, c.member, c.subsystem) }

// SecurityServerID names a security server by its owner and code.
type SecurityServerID struct {
	owner ClientID
	code  string
}

// NewSecurityServer makes the identifier of a server of this owner, which must be a member.
func NewSecurityServer(owner ClientID, code string) (SecurityServerID, error) {
	if err := notBlank("xRoadInstance", owner.instance, "memberClass", owner.class, "memberCode", owner.member, "serverCode", code); err != nil {
		return SecurityServerID{}, err
	}
	return SecurityServerID{owner.Member(), code}, nil
}

// ParseSecurityServerID reads INSTANCE:CLASS:MEMBER:SERVER. The fault has code invalid_encoded_id.
func ParseSecurityServerID(encoded string) (SecurityServerID, error) {
	p, err := split(encoded, 4, 4)
	if err != nil {
		return SecurityServerID{}, err
	}
	return SecurityServerID{ClientID{p[0], p[1], p[2], ""}, p[3]}, nil
}

// Owner is the member that owns the server.
func (s SecurityServerID) Owner() ClientID { return s.owner }

// Instance is the X-Road instance.
func (s SecurityServerID) Instance() string { return s.owner.instance }

// ServerCode is the code that is unique among the owner's servers.
func (s SecurityServerID) ServerCode() string { return s.code }

// IsZero reports that the value names nothing.
func (s SecurityServerID) IsZero() bool { return s == SecurityServerID{} }

// String is SERVER:EE/GOV/123/ss1, for people.
func (s SecurityServerID) String() string { return string(Server) + ":" + s.Short() }

// Short is EE/GOV/123/ss1.
func (s SecurityServerID) Short() string { return s.owner.Short() + "/" + s.code }

// Encoded is EE:GOV:123:ss1.
func (s SecurityServerID) Encoded() string { return s.owner.Encoded() + ":" + s.code }

// ServiceID names a service of a client.
type ServiceID struct {
	provider      ClientID
	code, version string
}

// NewService makes the identifier of a service; version may be "".
func NewService(provider ClientID, code, version string) (ServiceID, error) {
	return ServiceID{provider, code, version},
		notBlank("xRoadInstance", provider.instance, "memberClass", provider.class, "memberCode", provider.member, "serviceCode", code)
}

// Provider is the client that offers the service.
func (s ServiceID) Provider() ClientID { return s.provider }

// Code is the service code.
func (s ServiceID) Code() string { return s.code }

// Version is the service version, "" when it has none.
func (s ServiceID) Version() string { return s.version }

// FullCode is code.version, or the code alone: the last part of the REST identifier.
func (s ServiceID) FullCode() string { return join(".", s.code, s.version) }

// IsZero reports that the value names nothing.
func (s ServiceID) IsZero() bool { return s == ServiceID{} }

// String is SERVICE:EE/GOV/123/sub/getX/v1, for people.
func (s ServiceID) String() string { return string(Service) + ":" + s.Short() }

// Short is EE/GOV/123/sub/getX/v1.
func (s ServiceID) Short() string { return join("/", s.provider.Short(), s.code, s.version) }

// Encoded is EE:GOV:123:sub:getX.v1.
func (s ServiceID) Encoded() string { return s.provider.Encoded() + ":" + s.FullCode() }

// GlobalGroupID names a global group of an instance.
type GlobalGroupID struct{ instance, code string }

// NewGlobalGroup makes the identifier of a global group.
func NewGlobalGroup(instance, code string) (GlobalGroupID, error) {
	return GlobalGroupID{instance, code}, notBlank("xRoadInstance", instance, "groupCode", code)
}

// ParseGlobalGroupID reads INSTANCE:CODE. The fault has code invalid_encoded_id.
func ParseGlobalGroupID(encoded string) (GlobalGroupID, error) {
	p, err := split(encoded, 2, 2)
	if err != nil {
		return GlobalGroupID{}, err
	}
	return GlobalGroupID{p[0], p[1]}, nil
}

// Instance is the X-Road instance.
func (g GlobalGroupID) Instance() string { return g.instance }

// Code is the group's code.
func (g GlobalGroupID) Code() string { return g.code }

// String is GLOBALGROUP:EE/code, for people.
func (g GlobalGroupID) String() string { return string(GlobalGroup) + ":" + g.instance + "/" + g.code }

// Encoded is EE:code.
func (g GlobalGroupID) Encoded() string { return g.instance + ":" + g.code }

// Part checks one part that an administrator entered against X-Road's rule for new identifiers: at most 255 characters, no control
// characters, none of : ; / \ % and no zero-width space or byte order mark. It reports the constraint that failed — NotBlank, Size or
// IdentifierChars — or "".
func Part(s string) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "NotBlank"
	case len(s) > maxPartLength && utf8.RuneCountInString(s) > maxPartLength:
		return "Size"
	}
	for _, r := range s {
		if r <= 0x1f || r >= 0x7f && r <= 0x9f || strings.ContainsRune(`:;/\%`, r) || r == 0x200b || r == 0xfeff || r == utf8.RuneError {
			return "IdentifierChars"
		}
	}
	return ""
}

// Valid reports whether every part of a server's identifier passes Part: the rule for management requests.
func (s SecurityServerID) Valid() bool {
	return Part(s.owner.instance) == "" && Part(s.owner.class) == "" && Part(s.owner.member) == "" && Part(s.code) == ""
}

// Valid reports whether every part of a client's identifier passes Part.
func (c ClientID) Valid() bool {
	return Part(c.instance) == "" && Part(c.class) == "" && Part(c.member) == "" && (c.subsystem == "" || Part(c.subsystem) == "")
}

func split(encoded string, least, most int) ([]string, error) {
	p := strings.Split(encoded, ":")
	if len(p) < least || len(p) > most {
		return nil, invalidEncoded(encoded)
	}
	for _, part := range p {
		if Part(part) != "" {
			return nil, invalidEncoded(encoded)
		}
	}
	return p, nil
}

func invalidEncoded(encoded string) error {
	return fault.New(fault.Invalid, "invalid_encoded_id", "Invalid identifier").With(encoded)
}

func notBlank(namesAndValues ...string) error {
	for i := 0; i < len(namesAndValues); i += 2 {
		if strings.TrimSpace(namesAndValues[i+1]) == "" {
			return fault.New(fault.Invalid, "internal_error", "'%s' must not be blank", namesAndValues[i])
		}
	}
	return nil
}

func join(separator string, parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if p == "" {
			continue
		}
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(p)
	}
	return b.String()
}
