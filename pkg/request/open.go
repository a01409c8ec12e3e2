package request

import (
	"bytes"
	"crypto/x509"
	"time"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
)

// limits of a management request: the central server's doors take no more than 50 KiB anyway. One part more than any type has is read, so
// that its refusal names the type.
var limits = soap.Limits{Parts: 7, Part: 100_000}

// Verifier opens management requests at the central server.
type Verifier struct {
	Trust    func() (*certificate.Trust, error) // what to believe now; its error is the answer when the configuration is not valid
	Instance string                             // the own X-Road instance
	Provider identifier.ClientID                // the management service provider
	Now      func() time.Time
}

// Opened is a request whose signatures, certificates and sender are verified, and the message it came in.
type Opened struct {
	Request
	Message *soap.Message
}

// parcel is a request on its way through the checks.
type parcel struct {
	kind    kind
	message *soap.Message
	parts   []soap.Part
	trust   *certificate.Trust
	at      time.Time
	member  identifier.ClientID // whom the signing certificate names
}

// Open verifies a request and reads it, in the order of UC MEMBER_28 to MEMBER_31 and, where they are silent, of PR-MSERV. Faults are of kind
// Invalid and carry the sentence of the use case; docs/divergences.md lists those that differ from X-Road 7.
func (v *Verifier) Open(body []byte, contentType string) (*Opened, error) {
	trust, err := v.Trust()
	if err != nil {
		return nil, err
	}
	p := &parcel{trust: trust, at: v.Now()}
	if err := p.unpack(body, contentType); err != nil {
		return nil, err
	}
	if err := p.verify(); err != nil {
		return nil, err
	}
	// Verified; the body is read from the very bytes that were.
	r, err := readBody(p.kind, p.message)
	if err != nil {
		return nil, err
	}
	if err := v.checkRequest(p, r); err != nil {
		return nil, err
	}
	return &Opened{Request: *r, Message: p.message}, nil
}

// unpack takes the parts apart, reads the envelope and its header, and finds out the type. Nothing read here is acted on before verify.
func (p *parcel) unpack(body []byte, contentType string) error {
	multipart, err := soap.IsMultipart(contentType)
	if err != nil {
		return err
	}
	if !multipart {
		p.parts = []soap.Part{{Headers: soap.Fields{{Name: "Content-Type", Value: contentType}}, Body: body}}
	} else if p.parts, err = soap.ReadMultipart(bytes.NewReader(body), contentType, limits); err != nil {
		return err
	}
	if len(p.parts) == 0 || len(p.parts[0].Body) == 0 {
		return refuse("invalid_request", "Request contains no SOAP message")
	}
	p.message, err = soap.Parse(p.parts[0].Body, p.parts[0].Get("Content-Type"))
	if err != nil {
		return err
	}
	if p.message.Fault != nil {
		return refuse("invalid_request", "Failed to parse SOAP request")
	}
	code := p.message.Header.Service.Code()
	var found bool
	if p.kind, found = kindOf(code); !found {
		return refuse("invalid_request", "Unknown service code '%.20s'", code)
	}
	if named, ok := kindOf(p.message.BodyName); !ok || named.name != p.kind.name {
		return refuse("invalid_request", "Unrecognized soap request of type '%.40s'", p.message.BodyName)
	}
	return nil
}

// expected names a part that must be there, for the text of its absence.
type expected struct {
	part      int
	algorithm bool // its algorithm header, not its body
	text      string
}

// expectations are in the order of UC MEMBER_28 1c to 1i.
var expectations = map[shape][]expected{
	signed: {{1, true, "Client signature algorithm id"}, {1, false, "Client signature"}, {2, false, "Client certificate"},
		{3, false, "Client certificate OCSP"}},
	twice: {{1, true, "Auth signature algorithm id"}, {2, true, "Owner signature algorithm id"}, {1, false, "Auth signature"},
		{2, false, "Owner signature"}, {3, false, "Auth certificate"}, {4, false, "Owner certificate"}, {5, false, "Owner certificate OCSP"}},
}

var partCount = map[shape]int{plain: 1, signed: 4, twice: 6}

func (p *parcel) verify() error {
	for _, e := range expectations[p.kind.shape] {
		if e.part >= len(p.parts) && e.algorithm {
			continue // the whole part is missing, which has a text of its own
		}
		missing := e.part >= len(p.parts) || len(p.parts[e.part].Body) == 0 && !e.algorithm
		if missing || e.algorithm && p.parts[e.part].Get(algorithmHeader) == "" {
			return refuse("invalid_request", "%s is missing", e.text)
		}
	}
	if len(p.parts) > partCount[p.kind.shape] {
		if p.kind.shape == twice {
			return refuse("internal_error", "Unexpected content in multipart")
		}
		return refuse("internal_error", "Unexpected content in multipart while reading request of type %s", p.kind.java)
	}
	switch p.kind.shape {
	case signed:
		return p.verifySigned()
	case twice:
		return p.verifyTwice()
	default:
		return nil
	}
}

func (p *parcel) verifySigned() error {
	const invalid = "Member (owner/client) sign certificate is invalid"
	c, err := parseCertificate(p.parts[2].Body, invalid)
	if err != nil {
		return err
	}
	if err := p.checkSignature(p.parts[1], c, "Client signature verification failed"); err != nil {
		return err
	}
	return p.checkSigner(c, p.parts[3].Body, invalid)
}

func (p *parcel) verifyTwice() error {
	auth, err := parseCertificate(p.parts[3].Body, "Authentication certificate is invalid")
	if err != nil {
		return err
	}
	ownerCertificate, err := parseCertificate(p.parts[4].Body, "Owner certificate is invalid")
	if err != nil {
		return err
	}
	if err := p.checkSignature(p.parts[1], auth, "Auth signature verification failed"); err != nil {
		return err
	}
	if err := p.checkSignature(p.parts[2], ownerCertificate, "Owner signature verification failed"); err != nil {
		return err
	}
	if err := p.checkSigner(ownerCertificate, p.parts[5].Body, "Owner certificate is invalid"); err != nil {
		return err
	}
	return p.checkAuthentication(auth)
}

// checkSignature verifies the bytes of the SOAP part.
func (p *parcel) checkSignature(part soap.Part, c *x509.Certificate, text string) error {
	algorithm, err := signature.ByName(part.Get(algorithmHeader))
	if err != nil {
		return err
	}
	if err := algorithm.Verify(c.PublicKey, p.parts[0].Body, part.Body); err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid_signature_value", "%s", text)
	}
	return nil
}

// checkIssued verifies the path to an approved certification service. No chain travels with a request: the issuer must be listed.
func (p *parcel) checkIssued(c *x509.Certificate) error {
	if err := p.trust.VerifyIssued(c, p.at); err != nil {
		return err
	}
	return p.trust.VerifyChain(c, nil, p.at)
}

// checkSigner verifies a signing certificate and learns whom it names.
func (p *parcel) checkSigner(c *x509.Certificate, ocsp []byte, text string) error {
	if err := p.checkIssued(c); err != nil {
		return invalidCertificate(err, text)
	}
	if !certificate.IsSigning(c) {
		return invalidCertificate(refuse("cert_validation", "Certificate is not a signing certificate"), text)
	}
	if err := p.trust.VerifyOCSP(c, ocsp, p.at); err != nil {
		return invalidCertificate(err, text)
	}
	var err error
	if p.member, err = p.trust.Member(c); err != nil {
		return invalidCertificate(err, text)
	}
	return nil
}

// checkAuthentication verifies an authentication certificate. It has no OCSP response yet: it is not active before it is registered.
func (p *parcel) checkAuthentication(c *x509.Certificate) error {
	const text = "Authentication certificate is invalid"
	if err := p.checkIssued(c); err != nil {
		return invalidCertificate(err, text)
	}
	if !certificate.IsAuthentication(c) {
		return invalidCertificate(refuse("cert_validation", "Certificate is not an authentication certificate"), text)
	}
	return nil
}

func parseCertificate(der []byte, text string) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "incorrect_certificate", "%s: Cannot read the certificate", text)
	}
	return c, nil
}

// invalidCertificate keeps the code of the validation and puts its message after the text, as UC MEMBER_28 5a and 6a say.
func invalidCertificate(err error, text string) error {
	f := fault.From(err)
	return fault.Wrap(err, fault.Invalid, f.Code, "%s: %s", text, f.Message)
}

func refuse(code, format string, args ...any) error {
	return fault.New(fault.Invalid, code, format, args...)
}
