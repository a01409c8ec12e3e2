package certificate_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
)

func profileOf(t testing.TB, simple string) certificate.Profile {
	t.Helper()
	p, err := certificate.ProfileByClass(simple)
	require.NoError(t, err)
	return p
}

func TestProfileByClass(t *testing.T) {
	classes := certificate.ProfileClasses()
	require.Len(t, classes, 8)
	for _, class := range classes {
		require.Equal(t, class, profileOf(t, class).Class())
		require.Equal(t, class, profileOf(t, class[strings.LastIndexByte(class, '.')+1:]).Class())
	}
	_, err := certificate.ProfileByClass("com.example.Profile")
	refused(t, err, "certificate_profile_info_class_not_found", "com.example.Profile could not be found in classpath")
	_, err = certificate.ProfileByClass("other.EjbcaCertificateProfileInfoProvider")
	require.Error(t, err)
}

func TestFields(t *testing.T) {
	s := certificate.Subject{
		Instance: "EE", MemberClass: "GOV", MemberCode: "123", MemberName: "Member One", ServerCode: "ss1", DNSName: "ss1.example",
	}
	// A field that may be written is marked with a star.
	for _, c := range []struct{ class, authentication, signing string }{
		{"Ejbca", "C=EE, CN=ss1", "C=EE, O=GOV, CN=123"},
		{"FiVRK", "C=FI, O*=, serialNumber=EE/ss1/GOV, CN*=ss1.example, subjectAltName*=ss1.example",
			"C=FI, O*=, serialNumber=EE/ss1/GOV, CN=123, subjectAltName*=ss1.example"},
		{"Is", "C=IS, CN*=ss1.example, serialNumber=EE/GOV/123/ss1", "C=IS, O=EE, OU=GOV, CN=123, serialNumber=EE/GOV/123/ss1"},
		{"Fo", "C=FO, O=EE, CN=EE/GOV/123/ss1", "C=FO, O=EE, OU=GOV, CN=123, serialNumber*=EE/GOV/123/ss1"},
		{"Basic", "CN*=ss1.example, serialNumber=123, C*=, O=Member One",
			"CN=Member One, O=Member One, businessCategory=GOV, C*=, serialNumber=123"},
		{"BasicACME", "C*=, O=Member One, serialNumber=123, CN*=ss1.example, subjectAltName*=ss1.example",
			"C*=, O=Member One, businessCategory=GOV, serialNumber=123, CN=Member One, subjectAltName*=ss1.example"},
		{"SkKlass3", "SN=123, CN=Member One", "SN=123, CN=Member One"},
		{"SkEsteId", "", ""},
	} {
		t.Run(c.class, func(t *testing.T) {
			p := profileOf(t, c.class+"CertificateProfileInfoProvider")
			require.Equal(t, c.authentication, print(p.AuthenticationFields(s)))
			require.Equal(t, c.signing, print(p.SigningFields(s)))
			for _, f := range append(p.AuthenticationFields(s), p.SigningFields(s)...) {
				require.NotEmpty(t, f.Label, f.LabelKey)
				require.True(t, f.Required)
			}
		})
	}
	s.ServerOwner = member(t, "EE:COM:9")
	require.Contains(t, print(profileOf(t, "IsCertificateProfileInfoProvider").SigningFields(s)), "serialNumber=EE/COM/9/ss1")
}

func print(fields []certificate.Field) string {
	var parts []string
	for _, f := range fields {
		star := "*"
		if f.ReadOnly {
			star = ""
		}
		parts = append(parts, f.ID+star+"="+f.Default)
	}
	return strings.Join(parts, ", ")
}

func TestMember(t *testing.T) {
	const no = "Certificate subject name does not contain "
	for _, c := range []struct{ class, dn, want string }{
		{"Ejbca", "C=EE,O=GOV,CN=1", "EE:GOV:1"},
		{"Ejbca", "O=GOV,CN=1", no + "country code"},
		{"Ejbca", "C=EE,CN=1", no + "organization"},
		{"Ejbca", "C=EE,O=GOV", no + "common name"},
		{"Ejbca", "C=EE,O=GOV,CN= ", no + "common name"},
		{"Ejbca", "", no + "country code"},
		// X-Road reads the RFC 2253 string, which starts with the end of the encoding.
		{"Ejbca", "C=EE,O=COM,O=GOV,CN=1", "EE:GOV:1"},

		{"FiVRK", "C=FI,O=X,serialNumber=DEV/ss1/GOV,CN=1", "DEV:GOV:1"},
		{"FiVRK", "C=EE,O=X,serialNumber=DEV/ss1/GOV,CN=1", no + "valid country code"},
		{"FiVRK", "C=FI,serialNumber=DEV/ss1/GOV,CN=1", no + "organization"},
		{"FiVRK", "C=FI,O=X,serialNumber=DEV/ss1/GOV", no + "common name"},
		{"FiVRK", "C=FI,O=X,serialNumber=DEV/ss1,CN=1", "Certificate subject name's attribute serialNumber has invalid value"},
		{"FiVRK", "C=FI,O=X,serialNumber=DEV/ss1/GOV/x,CN=1", "Certificate subject name's attribute serialNumber has invalid value"},
		{"FiVRK", "C=FI,O=X,serialNumber=/ss1/GOV,CN=1", "Certificate subject name's attribute serialNumber has invalid value"},
		{"FiVRK", "C=FI,O=DEV,OU=GOV,CN=1", "DEV:GOV:1"},
		{"FiVRK", "C=SE,O=DEV,OU=GOV,CN=1", no + "valid country code"},
		{"FiVRK", "C=DEV,O=GOV,CN=1", "DEV:GOV:1"},

		{"Is", "C=IS,O=DEV,OU=GOV,CN=1,serialNumber=x", "DEV:GOV:1"},
		{"Is", "C=IS,O=DEV,OU=GOV,CN=1", no + "serial number"},
		{"Is", "C=IS,O=DEV,CN=1,serialNumber=x", no + "organization unit"},
		{"Is", "C=EE,O=DEV,OU=GOV,CN=1,serialNumber=x", no + "valid country code"},
		{"Is", "C=DEV,O=GOV,CN=1", "DEV:GOV:1"},

		{"Fo", "C=FO,O=DEV,OU=GOV,CN=1,serialNumber=x", "DEV:GOV:1"},
		{"Fo", "C=FO,O=DEV,OU=GOV,CN=1", no + "serial number"},
		{"Fo", "C=DEV,O=GOV,CN=1", no + "valid country code"},

		{"Basic", "C=EE,O=X,businessCategory=GOV,serialNumber=1,CN=X", "CTX:GOV:1"},
		{"Basic", "C=EE,O=X,serialNumber=1,CN=X", no + "business category"},
		{"Basic", "C=EE,O=X,businessCategory=GOV,CN=X", no + "serial number"},
		{"BasicACME", "businessCategory=GOV,serialNumber=1", "CTX:GOV:1"},

		{"SkKlass3", "organizationIdentifier=NTREE-12345678,CN=X", "CTX:COM:12345678"},
		{"SkKlass3", "organizationIdentifier=GO:EE-1", "CTX:GOV:1"},
		{"SkKlass3", "organizationIdentifier=NP:EE-1", "CTX:NGO:1"},
		{"SkKlass3", "organizationIdentifier=VATFI-1,serialNumber=12345678", "CTX:NEE:VATFI-1"},
		{"SkKlass3", "serialNumber=12345678", "CTX:COM:12345678"},
		{"SkKlass3", "serialNumber=62345678", "CTX:COM:62345678"},
		{"SkKlass3", "serialNumber=72345678", "CTX:GOV:72345678"},
		{"SkKlass3", "serialNumber=82345678", "CTX:NGO:82345678"},
		{"SkKlass3", "serialNumber=92345678", "CTX:NGO:92345678"},
		{"SkKlass3", "serialNumber=02345678", "Malformed serial number: 02345678"},
		{"SkKlass3", "serialNumber=1234567", "Serial number must be 8 digits long"},
		{"SkKlass3", "serialNumber=1234567x", "Serial number is not an integer"},
		{"SkKlass3", "CN=X", "Subject name does not contain serial number"},
		{"SkKlass3", "organizationIdentifier=NTREE-", "'memberCode' must not be blank"},

		{"SkEsteId", "serialNumber=38001085718", "CTX:PERSON:38001085718"},
		{"SkEsteId", "CN=X", "Subject name does not contain serial number"},
	} {
		t.Run(c.class+" "+c.dn, func(t *testing.T) {
			id, err := profileOf(t, c.class+"CertificateProfileInfoProvider").Member(subject(t, c.dn), "CTX")
			if strings.Count(c.want, ":") == 2 {
				require.NoError(t, err)
				require.Equal(t, strings.Split(c.want, ":"), []string{id.Instance(), id.MemberClass(), id.MemberCode()})
				return
			}
			refused(t, err, "incorrect_certificate", c.want)
		})
	}
}

func FuzzMember(f *testing.F) {
	for _, dn := range []string{"C=EE,O=GOV,CN=1", "C=FI,O=X,serialNumber=DEV/ss1/GOV,CN=1", "organizationIdentifier=NTREE-1"} {
		f.Add(subject(f, dn).RawSubject)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		_ = certificate.DistinguishedName(der)
		for _, class := range certificate.ProfileClasses() {
			id, err := profileOf(t, class).Member(&x509.Certificate{RawSubject: der}, "CTX")
			if err != nil {
				require.Equal(t, "incorrect_certificate", fault.CodeOf(err))
				continue
			}
			require.False(t, id.IsZero())
			require.False(t, id.IsSubsystem())
		}
	})
}

func TestResolveFields(t *testing.T) {
	form := profileOf(t, "BasicCertificateProfileInfoProvider").SigningFields(certificate.Subject{
		Instance: "EE", MemberClass: "GOV", MemberCode: "1", MemberName: "Member One",
	})
	values, err := certificate.ResolveFields(form, map[string]string{"C": "EE", "O": "Member One"})
	require.NoError(t, err)
	require.Equal(t, []certificate.FieldValue{
		{ID: "CN", Value: "Member One"}, {ID: "O", Value: "Member One"}, {ID: "businessCategory", Value: "GOV"}, {ID: "C", Value: "EE"},
		{ID: "serialNumber", Value: "1"},
	}, values)
	for _, c := range []struct {
		entered map[string]string
		message string
	}{
		{nil, "Field 'Country Code (C) (C)' is missing value"},
		{map[string]string{"C": " "}, "Field 'Country Code (C) (C)' is missing value"},
		{map[string]string{"C": "EE", "X": "1"}, "Unknown field: X"},
		{map[string]string{"C": "EE", "serialNumber": "2"}, "Field 'Member Code (SN) (serialNumber)' is read-only"},
	} {
		_, err := certificate.ResolveFields(form, c.entered)
		refused(t, err, "invalid_dn_parameter", c.message)
	}
}
