package testca

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
)

// Spec says what Issue makes. Only Member is needed for a signing certificate, and Usage and ServerCode for an authentication certificate.
type Spec struct {
	Usage      certificate.Usage   // Signing by default
	Member     identifier.ClientID // whose certificate; subsystems count as their member
	MemberName string              // the member's code by default
	ServerCode string              // "ss1" by default
	DNSName    string              // "localhost" by default

	Fields    []certificate.FieldValue // the whole subject, instead of the profile's
	Both      bool                     // key usages of both kinds, which security servers refuse to import
	NotBefore time.Time                // an hour ago by default
	NotAfter  time.Time                // in two years by default
	RSA       bool                     // RSA-2048 key instead of P-256
	Key       crypto.Signer            // this key instead of a new one
}

// Issue makes a key, a request, the certificate and its OCSP response in one step. An intermediate CA adds itself to the chain, and the
// response for it.
func (c *CA) Issue(spec Spec) (signature.Credential, error) {
	if spec.Usage == "" {
		spec.Usage = certificate.Signing
	}
	key := spec.Key
	if key == nil {
		var err error
		if key, err = newKey(c.config.Rand, spec.RSA); err != nil {
			return signature.Credential{}, err
		}
	}
	fields, err := c.fields(spec)
	if err != nil {
		return signature.Credential{}, err
	}
	request, err := certificate.CreateRequest(c.config.Rand, key, spec.Usage, fields)
	if err != nil {
		return signature.Credential{}, err
	}
	cert, err := c.sign(request, spec)
	if err != nil {
		return signature.Credential{}, err
	}
	credential := signature.Credential{Signer: key, Certificate: cert}
	subject := cert
	for each := c; each != nil; each = each.parent {
		response, err := each.OCSP(subject)
		if err != nil {
			return signature.Credential{}, err
		}
		credential.OCSP = append(credential.OCSP, response)
		if each.parent != nil {
			credential.Chain = append(credential.Chain, each.ca.certificate)
		}
		subject = each.ca.certificate
	}
	return credential, nil
}

// fields fills the profile's form: what the profile leaves open gets a value that any reader accepts.
func (c *CA) fields(spec Spec) ([]certificate.FieldValue, error) {
	if spec.Fields != nil {
		return spec.Fields, nil
	}
	if spec.Member.IsZero() {
		return nil, fmt.Errorf("issuing certificate: no member")
	}
	subject := certificate.Subject{
		Instance: spec.Member.Instance(), MemberClass: spec.Member.MemberClass(), MemberCode: spec.Member.MemberCode(),
		MemberName: or(spec.MemberName, spec.Member.MemberCode()), ServerCode: or(spec.ServerCode, "ss1"), DNSName: or(spec.DNSName, "localhost"),
	}
	form := c.config.Profile.SigningFields(subject)
	if spec.Usage == certificate.Authentication {
		form = c.config.Profile.AuthenticationFields(subject)
	}
	entered := map[string]string{}
	for _, f := range form {
		switch {
		case f.Default != "":
		case f.ID == "C":
			entered[f.ID] = "EE"
		default:
			entered[f.ID] = subject.MemberName
		}
	}
	return certificate.ResolveFields(form, entered)
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// extendedUsage encodes one extended key usage as a critical extension: time-stamping verifiers insist on critical.
func extendedUsage(usage x509.ExtKeyUsage) (pkix.Extension, error) {
	ids := map[x509.ExtKeyUsage]int{x509.ExtKeyUsageTimeStamping: 8, x509.ExtKeyUsageOCSPSigning: 9}
	der, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, ids[usage]}})
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: der}, err
}
