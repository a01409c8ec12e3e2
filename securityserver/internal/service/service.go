// Package service keeps what this server's clients offer: service descriptions, their services, and who may call them. The proxies look up
// addresses and access rights here.
package service

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/client"
)

// WSDL is the one type of description that is known.
const WSDL = "WSDL"

const (
	defaultTimeout = 60 // seconds
	maxTimeout     = 1000
	outOfOrder     = "Out of order" // the notice of a description that nobody has enabled yet
)

// Description is a document that describes services of a client.
type Description struct {
	ID             int64
	Client         identifier.ClientID
	Type, URL      string
	Disabled       bool
	DisabledNotice string // shown to callers while disabled
	RefreshedAt    time.Time
	Services       []Service
}

// Service is one operation.
type Service struct {
	ID                   int64 // of the row
	DescriptionID        int64
	Client               identifier.ClientID
	Code, Version, Title string
	URL                  string
	Timeout              int  // seconds, 0 to 1000
	TLSAuth              bool // an https service must show one of the client's internal TLS certificates
}

// FullCode is code.version, or the code alone.
func (s Service) FullCode() string {
	if s.Version == "" {
		return s.Code
	}
	return s.Code + "." + s.Version
}

// Subject is who may hold an access right: a subsystem, a global group, or a local group of the client by its ID.
type Subject struct {
	Subsystem identifier.ClientID
	Group     identifier.GlobalGroupID
	Local     int64
}

// IsLocal tells local groups from the others.
func (s Subject) IsLocal() bool { return s.Local != 0 }

// IsGlobal tells global groups from the others.
func (s Subject) IsGlobal() bool { return s.Local == 0 && s.Subsystem.IsZero() }

// Encoded is the identifier of the REST interface.
func (s Subject) Encoded() string {
	switch {
	case s.IsLocal():
		return strconv.FormatInt(s.Local, 10)
	case s.IsGlobal():
		return s.Group.Encoded()
	}
	return s.Subsystem.Encoded()
}

// ParseSubject reads the identifier of the REST interface: a number is a local group, two parts are a global group, more are a subsystem.
func ParseSubject(encoded string) (s Subject, err error) {
	if s.Local, err = strconv.ParseInt(encoded, 10, 64); err == nil && s.Local > 0 {
		return s, nil
	}
	s.Local = 0
	if strings.Count(encoded, ":") == 1 {
		s.Group, err = identifier.ParseGlobalGroupID(encoded)
	} else {
		s.Subsystem, err = identifier.ParseClientID(encoded)
	}
	return s, err
}

// Right lets a subject call a service code of a client, in all versions.
type Right struct {
	Client      identifier.ClientID
	ServiceCode string
	Subject     Subject
	GivenAt     time.Time
}

// Conf gives the newest global configuration, nil before the first.
type Conf interface {
	Current() *globalconf.Snapshot
}

// Rows are descriptions and services in a transaction.
type Rows interface {
	HasClient(id identifier.ClientID) error // NotFound client_not_found
	Descriptions() ([]Description, error)   // with their services
	AddDescription(d Description) (int64, error)
	SaveDescription(d Description) error // URL, time of the refresh, disabled and notice; a duplicate is Conflict url_already_exists
	DeleteDescription(id int64) error
	AddService(s Service) error  // a duplicate is Conflict service_already_exists
	SaveService(s Service) error // URL, timeout, TLS check and title
	DeleteService(id int64) error
}

// RightRows are access rights in a transaction.
type RightRows interface {
	Rights() ([]Right, error)
	AddRight(r Right) error
	DeleteRight(r Right) error
}

// CertificateRows are the internal TLS certificates of clients in a transaction.
type CertificateRows interface {
	InternalCertificates(id identifier.ClientID) ([]client.Certificate, error)
	AddInternalCertificate(id identifier.ClientID, c client.Certificate) error
}

// Tx is one transaction.
type Tx interface {
	Rows
	RightRows
	GroupRows
	CertificateRows
	Audit(ctx context.Context) error
}

// Store runs transactions. Generation changes with every committed Update.
type Store interface {
	View(ctx context.Context, fn func(tx Tx) error) error
	Update(ctx context.Context, fn func(tx Tx) error) error
	Generation() uint64
}

// Config is what Services needs.
type Config struct {
	Store Store
	Conf  Conf
	HTTP  *http.Client // for descriptions
	Now   func() time.Time
}
