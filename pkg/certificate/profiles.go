package certificate

import (
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// profiles is the table of built-in certificate profiles; X-Road 7 loads Java classes by these names.
var profiles = []*profile{
	{"EjbcaCertificateProfileInfoProvider", ejbcaAuthentication, ejbcaSigning, ejbcaMember},
	{"FiVRKCertificateProfileInfoProvider", finnishAuthentication, finnishSigning, finnishMember},
	{"BasicCertificateProfileInfoProvider", basicAuthentication, basicSigning, basicMember},
	{"BasicACMECertificateProfileInfoProvider", acmeAuthentication, acmeSigning, basicMember},
	{"IsCertificateProfileInfoProvider", icelandicAuthentication, icelandicSigning, icelandicMember},
	{"FoCertificateProfileInfoProvider", faroeseAuthentication, faroeseSigning, faroeseMember},
	{"SkKlass3CertificateProfileInfoProvider", skFields, skFields, skMember},
	{"SkEsteIdCertificateProfileInfoProvider", noFields, noFields, esteidMember},
}

// labels are X-Road's localisation keys and their English texts.
var labels = map[string]string{
	"COMMON_NAME": "Common Name (CN)", "COUNTRY_CODE": "Country Code (C)",
	"INSTANCE_IDENTIFIER": "Instance Identifier (C)", "INSTANCE_IDENTIFIER_O": "Instance Identifier (O)",
	"MEMBER_CLASS": "Member Class (O)", "MEMBER_CLASS_OU": "Member Class (OU)", "MEMBER_CLASS_BC": "Member Class (BC)",
	"MEMBER_CODE": "Member Code (CN)", "MEMBER_CODE_SN": "Member Code (SN)",
	"ORGANIZATION_NAME": "Organization Name (O)", "ORGANIZATION_NAME_CN": "Organization Name (CN)",
	"SERIAL_NUMBER": "Serial Number", "SERIAL_NUMBER_SN": "Serial Number (SN)",
	"SERVER_CODE": "Server Code (CN)", "SERVER_DNS_NAME": "Server DNS name (CN)", "SUBJECT_ALT_NAME": "Subject Alternative Name",
}

func fixed(id, key, value string) Field { return Field{id, labels[key], key, value, true, true} }
func open(id, key, value string) Field  { return Field{id, labels[key], key, value, false, true} }

func ejbcaAuthentication(s Subject) []Field {
	return []Field{fixed("C", "INSTANCE_IDENTIFIER", s.Instance), fixed("CN", "SERVER_CODE", s.ServerCode)}
}

func ejbcaSigning(s Subject) []Field {
	return []Field{
		fixed("C", "INSTANCE_IDENTIFIER", s.Instance), fixed("O", "MEMBER_CLASS", s.MemberClass), fixed("CN", "MEMBER_CODE", s.MemberCode),
	}
}

func ejbcaMember(n name, _ string) (identifier.ClientID, error) {
	values, err := n.require("C", "O", "CN")
	if err != nil {
		return identifier.ClientID{}, err
	}
	return identifier.NewMember(values[0], values[1], values[2])
}

func finnishSerial(s Subject) string { return s.Instance + "/" + s.ServerCode + "/" + s.MemberClass }

func finnishAuthentication(s Subject) []Field {
	return []Field{
		fixed("C", "COUNTRY_CODE", "FI"), open("O", "ORGANIZATION_NAME", ""), fixed("serialNumber", "SERIAL_NUMBER", finnishSerial(s)),
		open("CN", "SERVER_DNS_NAME", s.DNSName), open(SubjectAltName, "SUBJECT_ALT_NAME", s.DNSName),
	}
}

func finnishSigning(s Subject) []Field {
	return []Field{
		fixed("C", "COUNTRY_CODE", "FI"), open("O", "ORGANIZATION_NAME", ""), fixed("serialNumber", "SERIAL_NUMBER", finnishSerial(s)),
		fixed("CN", "MEMBER_CODE", s.MemberCode), open(SubjectAltName, "SUBJECT_ALT_NAME", s.DNSName),
	}
}

func finnishMember(n name, instance string) (identifier.ClientID, error) {
	serial, hasSerial := n.first("serialNumber")
	if !hasSerial {
		if _, legacy := n.first("OU"); legacy {
			return countryMember(n, "FI")
		}
		return ejbcaMember(n, instance)
	}
	if err := n.country("FI"); err != nil {
		return identifier.ClientID{}, err
	}
	values, err := n.require("O", "CN")
	if err != nil {
		return identifier.ClientID{}, err
	}
	pieces := strings.Split(serial, "/")
	if len(pieces) != 3 || blank(pieces[0]) || blank(pieces[2]) {
		return identifier.ClientID{}, badSubject("Certificate subject name's attribute serialNumber has invalid value")
	}
	return identifier.NewMember(pieces[0], pieces[2], values[1])
}

func icelandicAuthentication(s Subject) []Field {
	return []Field{
		fixed("C", "COUNTRY_CODE", "IS"), open("CN", "SERVER_DNS_NAME", s.DNSName), fixed("serialNumber", "SERIAL_NUMBER", s.server()),
	}
}

func icelandicSigning(s Subject) []Field { return islandFields(s, "IS", true) }

func icelandicMember(n name, instance string) (identifier.ClientID, error) {
	_, hasSerial := n.first("serialNumber")
	_, hasUnit := n.first("OU")
	if !hasSerial && !hasUnit {
		return ejbcaMember(n, instance)
	}
	return islandMember(n, "IS")
}

func faroeseAuthentication(s Subject) []Field {
	return []Field{
		fixed("C", "COUNTRY_CODE", "FO"), fixed("O", "INSTANCE_IDENTIFIER_O", s.Instance), fixed("CN", "COMMON_NAME", s.server()),
	}
}

func faroeseSigning(s Subject) []Field { return islandFields(s, "FO", false) }

func faroeseMember(n name, _ string) (identifier.ClientID, error) { return islandMember(n, "FO") }

// islandFields is what Iceland and the Faroe Islands share; in the Faroe Islands the serial number may be changed.
func islandFields(s Subject, country string, serialFixed bool) []Field {
	serial := open("serialNumber", "SERIAL_NUMBER", s.server())
	serial.ReadOnly = serialFixed
	return []Field{
		fixed("C", "COUNTRY_CODE", country), fixed("O", "INSTANCE_IDENTIFIER_O", s.Instance),
		fixed("OU", "MEMBER_CLASS_OU", s.MemberClass), fixed("CN", "MEMBER_CODE", s.MemberCode), serial,
	}
}

// countryMember reads (O, OU, CN) of a subject whose country is fixed.
func countryMember(n name, country string) (identifier.ClientID, error) {
	if err := n.country(country); err != nil {
		return identifier.ClientID{}, err
	}
	values, err := n.require("O", "OU", "CN")
	if err != nil {
		return identifier.ClientID{}, err
	}
	return identifier.NewMember(values[0], values[1], values[2])
}

func islandMember(n name, country string) (identifier.ClientID, error) {
	member, err := countryMember(n, country)
	if err != nil {
		return identifier.ClientID{}, err
	}
	_, err = n.require("serialNumber")
	return member, err
}

func basicAuthentication(s Subject) []Field {
	return []Field{
		open("CN", "SERVER_DNS_NAME", s.DNSName), fixed("serialNumber", "MEMBER_CODE_SN", s.MemberCode),
		open("C", "COUNTRY_CODE", ""), fixed("O", "ORGANIZATION_NAME", s.MemberName),
	}
}

func basicSigning(s Subject) []Field {
	return []Field{
		fixed("CN", "ORGANIZATION_NAME_CN", s.MemberName), fixed("O", "ORGANIZATION_NAME", s.MemberName),
		fixed("businessCategory", "MEMBER_CLASS_BC", s.MemberClass), open("C", "COUNTRY_CODE", ""),
		fixed("serialNumber", "MEMBER_CODE_SN", s.MemberCode),
	}
}

func acmeAuthentication(s Subject) []Field {
	return []Field{
		open("C", "COUNTRY_CODE", ""), fixed("O", "ORGANIZATION_NAME", s.MemberName), fixed("serialNumber", "MEMBER_CODE_SN", s.MemberCode),
		open("CN", "SERVER_DNS_NAME", s.DNSName), open(SubjectAltName, "SUBJECT_ALT_NAME", s.DNSName),
	}
}

func acmeSigning(s Subject) []Field {
	return []Field{
		open("C", "COUNTRY_CODE", ""), fixed("O", "ORGANIZATION_NAME", s.MemberName), fixed("businessCategory", "MEMBER_CLASS_BC", s.MemberClass),
		fixed("serialNumber", "MEMBER_CODE_SN", s.MemberCode), fixed("CN", "ORGANIZATION_NAME_CN", s.MemberName),
		open(SubjectAltName, "SUBJECT_ALT_NAME", s.DNSName),
	}
}

func basicMember(n name, instance string) (identifier.ClientID, error) {
	values, err := n.require("businessCategory", "serialNumber")
	if err != nil {
		return identifier.ClientID{}, err
	}
	return identifier.NewMember(instance, values[0], values[1])
}

func skFields(s Subject) []Field {
	return []Field{fixed("SN", "SERIAL_NUMBER_SN", s.MemberCode), fixed("CN", "COMMON_NAME", s.MemberName)}
}

// skMember knows Estonia's registers: by organizationIdentifier when there is one, otherwise by the register code in the serial number.
func skMember(n name, instance string) (identifier.ClientID, error) {
	if id, _ := n.first("organizationIdentifier"); id != "" {
		for _, r := range []struct{ prefix, class string }{{"NTREE-", "COM"}, {"GO:EE-", "GOV"}, {"NP:EE-", "NGO"}} {
			if code, ok := strings.CutPrefix(id, r.prefix); ok {
				return identifier.NewMember(instance, r.class, code)
			}
		}
		return identifier.NewMember(instance, "NEE", id)
	}
	serial, _ := n.first("serialNumber")
	switch {
	case serial == "":
		return identifier.ClientID{}, badSubject("Subject name does not contain serial number")
	case strings.Trim(serial, "0123456789") != "":
		return identifier.ClientID{}, badSubject("Serial number is not an integer")
	case len(serial) != 8:
		return identifier.ClientID{}, badSubject("Serial number must be 8 digits long")
	}
	switch serial[0] {
	case '0':
		return identifier.ClientID{}, badSubject("Malformed serial number: " + serial)
	case '7':
		return identifier.NewMember(instance, "GOV", serial)
	case '8', '9':
		return identifier.NewMember(instance, "NGO", serial)
	}
	return identifier.NewMember(instance, "COM", serial)
}

func noFields(Subject) []Field { return nil }

func esteidMember(n name, instance string) (identifier.ClientID, error) {
	serial, _ := n.first("serialNumber")
	if serial == "" {
		return identifier.ClientID{}, badSubject("Subject name does not contain serial number")
	}
	return identifier.NewMember(instance, "PERSON", serial)
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

func badSubject(message string) error {
	return fault.New(fault.Invalid, "incorrect_certificate", "%s", message)
}
