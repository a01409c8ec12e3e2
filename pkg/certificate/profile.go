package certificate

import (
	"crypto/x509"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// SubjectAltName is the id of the field that becomes a dNSName of the request instead of a part of the subject.
const SubjectAltName = "subjectAltName"

// Field is one field of the form for a certificate signing request.
type Field struct {
	ID       string // attribute of the subject: C, O, OU, CN, serialNumber, businessCategory, SN; or subjectAltName
	Label    string // for people, in English
	LabelKey string // X-Road's localisation key, such as MEMBER_CODE
	Default  string // what the server knows; "" when the administrator has to write it
	ReadOnly bool   // Default is the value
	Required bool   // may not be blank
}

// FieldValue is a filled field.
type FieldValue struct{ ID, Value string }

// Subject is what a server knows about itself and the member a certificate is for. For an authentication certificate the member is the
// server's owner. ServerOwner may be left zero when it is that same member.
type Subject struct {
	Instance, MemberClass, MemberCode, MemberName string
	ServerCode                                    string
	ServerOwner                                   identifier.ClientID // owner of the server when a client's signing certificate is asked for
	DNSName                                       string
}

// server is the short form inst/class/code/server.
func (s Subject) server() string {
	if s.ServerOwner.IsZero() {
		return strings.Join([]string{s.Instance, s.MemberClass, s.MemberCode, s.ServerCode}, "/")
	}
	return s.ServerOwner.Short() + "/" + s.ServerCode
}

// Profile is a certification service's rule for subjects: which fields a request has, and which member a signing certificate belongs to.
type Profile interface {
	// Class is the full Java class name that stands in the global configuration.
	Class() string
	// AuthenticationFields are the form fields of a request for an authentication certificate, in the order of the subject.
	AuthenticationFields(s Subject) []Field
	// SigningFields are the form fields of a request for a signing certificate.
	SigningFields(s Subject) []Field
	// Member decodes the subject of a signing certificate. Some profiles have no instance in the subject and use contextInstance. The fault
	// has code incorrect_certificate and X-Road's text.
	Member(c *x509.Certificate, contextInstance string) (identifier.ClientID, error)
}

// ProfileClasses lists the full class names of all built-in profiles, the usual one first.
func ProfileClasses() []string {
	classes := make([]string, 0, len(profiles))
	for _, p := range profiles {
		classes = append(classes, p.Class())
	}
	return classes
}

// ProfileByClass finds the built-in profile for a Java class name, full or simple. The fault certificate_profile_info_class_not_found says
// "%s could not be found in classpath".
func ProfileByClass(javaClass string) (Profile, error) {
	for _, p := range profiles {
		if javaClass == p.class || javaClass == javaPackage+p.class {
			return p, nil
		}
	}
	return nil, fault.New(fault.Invalid, "certificate_profile_info_class_not_found", "%s could not be found in classpath", javaClass)
}

// ResolveFields makes the values of a request from a profile's fields and what the administrator entered: read-only fields keep their
// default, the others take the entered value. The fault invalid_dn_parameter names an unknown field, a read-only field that was changed, or
// a required one that is blank.
func ResolveFields(fields []Field, entered map[string]string) ([]FieldValue, error) {
	known := map[string]bool{}
	values := make([]FieldValue, 0, len(fields))
	for _, f := range fields {
		known[f.ID] = true
		value, given := entered[f.ID]
		switch {
		case f.ReadOnly && given && value != f.Default:
			return nil, badField("Field '%s (%s)' is read-only", f.Label, f.ID)
		case f.ReadOnly || !given:
			value = f.Default
		}
		if f.Required && strings.TrimSpace(value) == "" {
			return nil, badField("Field '%s (%s)' is missing value", f.Label, f.ID)
		}
		if value != "" {
			values = append(values, FieldValue{f.ID, value})
		}
	}
	for id := range entered {
		if !known[id] {
			return nil, badField("Unknown field: %s", id)
		}
	}
	return values, nil
}

func badField(format string, args ...any) error {
	return fault.New(fault.Invalid, "invalid_dn_parameter", format, args...)
}

const javaPackage = "ee.ria.xroad.common.certificateprofile.impl."

// profile is a row of the table of profiles.
type profile struct {
	class          string
	authentication func(Subject) []Field
	signing        func(Subject) []Field
	member         func(n name, contextInstance string) (identifier.ClientID, error)
}

func (p *profile) Class() string { return javaPackage + p.class }

func (p *profile) AuthenticationFields(s Subject) []Field { return p.authentication(s) }

func (p *profile) SigningFields(s Subject) []Field { return p.signing(s) }

func (p *profile) Member(c *x509.Certificate, contextInstance string) (identifier.ClientID, error) {
	n, err := parseName(c.RawSubject)
	if err != nil {
		return identifier.ClientID{}, fault.Wrap(err, fault.Invalid, "incorrect_certificate", "Certificate subject name cannot be read")
	}
	member, err := p.member(n, contextInstance)
	if err != nil {
		f := *fault.From(err)
		f.Kind, f.Code = fault.Invalid, "incorrect_certificate"
		return identifier.ClientID{}, &f
	}
	return member, nil
}
