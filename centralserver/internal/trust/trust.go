// Package trust holds the rules of the services that the instance approves: certification services with their intermediate CAs and OCSP
// responders, and time-stamping services (UC TRUST_08, 10, 12, 16).
package trust

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/url"
	"strconv"
	"time"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
)

// CostType says what using a service costs.
type CostType string

// CostTypes lists all, in the spelling of database and REST API.
var CostTypes = [...]CostType{"FREE", "PAID", "UNDEFINED"}

// CSRFormat is the form in which a certification service wants certificate requests by default.
type CSRFormat string

// CSRFormats lists all, in the spelling of database and REST API.
var CSRFormats = [...]CSRFormat{"PEM", "DER"}

// Settings is how a certification service is used.
type Settings struct {
	ProfileClass            string // full name of X-Road's certificate profile class
	AuthenticationOnly      bool
	CSRFormat               CSRFormat
	ACMEDirectoryURL        string
	ACMEIPAddress           string
	AuthenticationProfileID string
	SigningProfileID        string
}

// CertificationService is an approved certification service: a top CA.
type CertificationService struct {
	ID            int64
	Name          string // common name of the certificate's subject
	DER           []byte
	Settings      Settings
	Responders    []Responder
	Intermediates []Intermediate
}

// Intermediate is an intermediate CA of a certification service.
type Intermediate struct {
	ID         int64
	ServiceID  int64
	DER        []byte
	Responders []Responder
}

// Responder is an OCSP responder of a top CA or of an intermediate one.
type Responder struct {
	ID             int64
	ServiceID      int64 // 0 when it belongs to an intermediate CA
	IntermediateID int64 // 0 when it belongs to a top CA
	URL            string
	CostType       CostType
	DER            []byte // nil when it has no certificate of its own
}

// TimestampingService is an approved time-stamping service.
type TimestampingService struct {
	ID       int64
	Name     string // common name of the certificate's subject
	URL      string
	DER      []byte
	CostType CostType
}

// Reader reads the approved certification services, whole.
type Reader interface {
	CertificationServices() ([]CertificationService, error)
}

// Writer changes the approved certification services.
type Writer interface {
	CertificationService(id int64) (*CertificationService, error) // nil when there is none
	AddCertificationService(CertificationService) (int64, error)
	ChangeCertificationService(id int64, s Settings) error
	RemoveCertificationService(id int64) error // with its intermediate CAs and responders
	Intermediate(id int64) (*Intermediate, error)
	AddIntermediate(Intermediate) (int64, error)
	RemoveIntermediate(id int64) error // with its responders
	AddResponder(Responder) (int64, error)
	Responder(id int64) (*Responder, error) // nil when there is none
	ChangeResponder(Responder) error        // address, cost and certificate
	RemoveResponder(id int64) (bool, error)
}

// Stamping is the approved time-stamping services.
type Stamping interface {
	TimestampingServices() ([]TimestampingService, error)
	AddTimestampingService(TimestampingService) (int64, error)
	ChangeTimestampingService(TimestampingService) error
	RemoveTimestampingService(id int64) error
}

// Tx is a transaction on the approved services.
type Tx interface {
	Now() time.Time
	Reader
	Writer
	Stamping
}

// Store runs transactions under the promises of registry.Store.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	Update(ctx context.Context, fn func(Tx) error) error
}

// Service applies the rules.
type Service struct{ store Store }

// New makes the service.
func New(store Store) *Service { return &Service{store: store} }

// Build gives what the approved services say about certificates, to verify one that an administrator brings.
func Build(instance string, services []CertificationService) (*certificate.Trust, error) {
	var all []*certificate.Authority
	for _, s := range services {
		parsed, err := x509.ParseCertificate(s.DER)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "internal_error", "Internal error")
		}
		top := &certificate.Authority{Name: s.Name, Certificate: parsed, AuthenticationOnly: s.Settings.AuthenticationOnly}
		if top.Profile, err = certificate.ProfileByClass(s.Settings.ProfileClass); err != nil {
			return nil, err
		}
		all = append(all, top)
		for _, i := range s.Intermediates {
			if parsed, err = x509.ParseCertificate(i.DER); err != nil {
				return nil, fault.Wrap(err, fault.Internal, "internal_error", "Internal error")
			}
			all = append(all, &certificate.Authority{Name: parsed.Subject.CommonName, Certificate: parsed, Top: top})
		}
	}
	return certificate.NewTrust(instance, all, time.Hour), nil
}

func parseCertificate(file []byte) (*x509.Certificate, error) {
	parsed, err := certificate.ParseFile(file)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_certificate", "Incorrect file format. Only PEM and DER files allowed.")
	}
	return parsed, nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || len(s) > 255 {
		return fault.New(fault.Invalid, "invalid_url", "Invalid URL: '%s'", s).With(s)
	}
	return nil
}

func putHash(ctx context.Context, key string, der []byte) {
	sum := sha256.Sum256(der)
	audit.Put(ctx, key, audit.Hash(sum[:]))
	audit.Put(ctx, key+"Algorithm", "SHA-256")
}

// Hash is the SHA-256 of a certificate's DER in lower-case hex.
func Hash(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func notFound(code, what string, id int64) error {
	return fault.New(fault.NotFound, code, "%s '%d' not found", what, id).With(strconv.FormatInt(id, 10))
}
