// Package testca is a whole certification service in one value: a CA that signs authentication and signing certificates, an OCSP responder
// with its own certificate, and a time-stamping authority. Tests use it in memory; the loopback instance serves it over HTTP and keeps it in
// a folder. It signs whatever is asked for and is not for production.
package testca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"sync"
	"time"

	"github.com/ristmik/ristmik/pkg/certificate"
)

// Config describes a CA. The zero value is usable.
type Config struct {
	Name    string              // common name; "Test CA" by default
	Now     func() time.Time    // time.Now by default
	Rand    io.Reader           // crypto/rand by default
	Profile certificate.Profile // of the subjects that Issue makes; EJBCA's C, O, CN by default
	RSA     bool                // the service's own keys are RSA-2048 instead of P-256
}

// CA is a certification service. It is safe for concurrent use.
type CA struct {
	config        Config
	ca, ocsp, tsa pair
	parent        *CA // the CA above an intermediate one

	mu     sync.Mutex
	dir    string // "" keeps nothing
	serial int64
	issued map[int64]*record
}

// record is what the CA remembers of a certificate it issued.
type record struct {
	Subject   string     `json:"subject"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
	OnHold    bool       `json:"onHold,omitempty"`
}

// pair is a key and its certificate.
type pair struct {
	key         crypto.Signer
	certificate *x509.Certificate
}

const (
	authorityLifetime = 20 * 365 * 24 * time.Hour
	lifetime          = 2 * 365 * 24 * time.Hour
	backdated         = time.Hour // so that a clock a little behind accepts what was just issued
)

// New makes a self-signed CA with its OCSP responder and time-stamping authority.
func New(config Config) (*CA, error) { return newCA(config, nil) }

// Intermediate makes a CA under this one; it has its own OCSP responder and time-stamping authority.
func (c *CA) Intermediate(name string) (*CA, error) {
	config := c.config
	config.Name = name
	return newCA(config, c)
}

func newCA(config Config, parent *CA) (*CA, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &CA{config: config, parent: parent, issued: map[int64]*record{}}
	c.ca.key, err = newKey(config.Rand, config.RSA)
	if err != nil {
		return nil, err
	}
	template := c.template(pkix.Name{CommonName: config.Name, Organization: []string{"Ristmik test"}}, authorityLifetime)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if parent == nil {
		c.ca.certificate, err = c.create(template, template, c.ca.key.Public(), c.ca.key)
	} else {
		c.ca.certificate, err = parent.issue(template, c.ca.key.Public())
	}
	if err != nil {
		return nil, err
	}
	c.ocsp, err = c.service("OCSP", x509.ExtKeyUsageOCSPSigning)
	if err != nil {
		return nil, err
	}
	c.tsa, err = c.service("TSA", x509.ExtKeyUsageTimeStamping)
	return c, err
}

func (config Config) withDefaults() (Config, error) {
	if config.Name == "" {
		config.Name = "Test CA"
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Rand == nil {
		config.Rand = rand.Reader
	}
	var err error
	if config.Profile == nil {
		config.Profile, err = certificate.ProfileByClass("EjbcaCertificateProfileInfoProvider")
	}
	return config, err
}

// Certificate is the CA's own certificate.
func (c *CA) Certificate() *x509.Certificate { return c.ca.certificate }

// OCSPCertificate is the delegated certificate that signs OCSP responses.
func (c *CA) OCSPCertificate() *x509.Certificate { return c.ocsp.certificate }

// TSACertificate is the time-stamping authority's certificate.
func (c *CA) TSACertificate() *x509.Certificate { return c.tsa.certificate }

// Authority is the CA as a configuration would list it, with its OCSP responder (whose URL is "") and profile.
func (c *CA) Authority() *certificate.Authority {
	a := &certificate.Authority{
		Name: c.config.Name, Certificate: c.ca.certificate, Profile: c.config.Profile,
		Responders: []certificate.Responder{{Certificate: c.ocsp.certificate}},
	}
	if c.parent != nil {
		a.Top = c.parent.Authority().Root()
	}
	return a
}

// Trust is an instance that approved this CA and the CAs above it, with X-Road's OCSP freshness of an hour.
func (c *CA) Trust(instance string) *certificate.Trust {
	var authorities []*certificate.Authority
	var top *certificate.Authority
	for each := c; each != nil; each = each.parent {
		a := each.Authority()
		authorities = append(authorities, a)
		top = a
	}
	for _, a := range authorities {
		if a != top {
			a.Top = top
		}
	}
	return certificate.NewTrust(instance, authorities, time.Hour)
}

// Sign issues a certificate for a PKCS#10 request (DER or PEM) with the request's subject and the key usages of an authentication or signing
// certificate; a requested subjectAltName is kept.
func (c *CA) Sign(request []byte, usage certificate.Usage) (*x509.Certificate, error) {
	return c.sign(request, Spec{Usage: usage})
}

func (c *CA) sign(request []byte, spec Spec) (*x509.Certificate, error) {
	r, err := certificate.ParseRequest(request)
	if err != nil {
		return nil, err
	}
	template := c.template(pkix.Name{}, lifetime)
	template.RawSubject, template.DNSNames, template.BasicConstraintsValid = r.RawSubject, r.DNSNames, true
	if !spec.NotBefore.IsZero() {
		template.NotBefore = spec.NotBefore
	}
	if !spec.NotAfter.IsZero() {
		template.NotAfter = spec.NotAfter
	}
	if spec.Usage == certificate.Authentication || spec.Both {
		template.KeyUsage |= x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	}
	if spec.Usage == certificate.Signing || spec.Both {
		template.KeyUsage |= x509.KeyUsageContentCommitment
	}
	if template.KeyUsage == 0 {
		return nil, fmt.Errorf("signing request: unknown usage %q", spec.Usage)
	}
	return c.issue(template, r.PublicKey)
}

// Revoke makes the CA answer "revoked" for a certificate it issued.
func (c *CA) Revoke(cert *x509.Certificate) error { return c.revoke(cert, false) }

// Suspend makes the CA answer "revoked" with the reason certificateHold.
func (c *CA) Suspend(cert *x509.Certificate) error { return c.revoke(cert, true) }

func (c *CA) revoke(cert *x509.Certificate, hold bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.issued[cert.SerialNumber.Int64()]
	if !ok || !cert.SerialNumber.IsInt64() {
		return fmt.Errorf("revoking certificate: serial %s was not issued here", cert.SerialNumber)
	}
	at := c.config.Now().UTC().Truncate(time.Second)
	r.RevokedAt, r.OnHold = &at, hold
	return c.keep()
}

// service makes the key and certificate of the CA's own OCSP responder or time-stamping authority.
func (c *CA) service(suffix string, usage x509.ExtKeyUsage) (pair, error) {
	key, err := newKey(c.config.Rand, c.config.RSA)
	if err != nil {
		return pair{}, err
	}
	template := c.template(pkix.Name{CommonName: c.config.Name + " " + suffix, Organization: []string{"Ristmik test"}}, authorityLifetime)
	template.KeyUsage, template.BasicConstraintsValid = x509.KeyUsageDigitalSignature, true
	extended, err := extendedUsage(usage)
	if err != nil {
		return pair{}, err
	}
	template.ExtraExtensions = []pkix.Extension{extended}
	cert, err := c.issue(template, key.Public())
	return pair{key, cert}, err
}

func (c *CA) template(subject pkix.Name, life time.Duration) *x509.Certificate {
	now := c.config.Now().UTC().Truncate(time.Second)
	return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, NotBefore: now.Add(-backdated), NotAfter: now.Add(life)}
}

// issue numbers, signs, remembers and keeps.
func (c *CA) issue(template *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	serial := max(c.serial, 1) + 1 // 1 is the CA's own
	template.SerialNumber = big.NewInt(serial)
	cert, err := c.create(template, c.ca.certificate, public, c.ca.key)
	if err != nil {
		return nil, err
	}
	c.serial = serial
	c.issued[serial] = &record{Subject: certificate.DistinguishedName(cert.RawSubject)}
	return cert, c.keep()
}

func (c *CA) create(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(c.config.Rand, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("issuing certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

func newKey(random io.Reader, useRSA bool) (crypto.Signer, error) {
	if useRSA {
		return rsa.GenerateKey(random, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), random)
}
