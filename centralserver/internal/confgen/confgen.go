// Package confgen turns the registry into signed global configuration: the software token and its configuration signing keys, the anchors that
// security servers start from, and the parts and directories of versions 2 to 6 (GCONF_07…18).
//
// Everything that changes something runs in one transaction with its audit record. Generation reads the registry once, signs outside any
// transaction, and publishes all versions or none.
package confgen

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/token"
)

// SourceType tells the configuration for this instance's own servers from the one for other instances.
type SourceType string

// The two sources of a central server.
const (
	Internal SourceType = "INTERNAL"
	External SourceType = "EXTERNAL"
)

// SourceTypes lists both, in the order in which they are generated.
var SourceTypes = [...]SourceType{Internal, External}

// directory is the name under which a source is published and which anchors carry.
func (t SourceType) directory() string {
	if t == Internal {
		return "internalconf"
	}
	return "externalconf"
}

// Valid reports whether the source exists.
func (t SourceType) Valid() bool { return t == Internal || t == External }

// SigningKey is a configuration signing key of one source at this node. Exactly one key of a source is active and signs.
type SigningKey struct {
	ID          string // 40 hex digits, also the key's identifier on the token
	Source      SourceType
	Label       string
	Algorithm   string // RSA or EC
	Sealed      []byte
	Certificate []byte // DER, self-signed: a key carrier
	Active      bool
	CreatedAt   time.Time
}

// StoredAnchor is the anchor file of a source as administrators download it.
type StoredAnchor struct {
	Source      SourceType
	Data        []byte
	Hash        string // SHA-224, upper-case hex with colons
	GeneratedAt time.Time
}

// parameters are the instance-wide settings that the configuration carries.
type parameters struct {
	instance             string
	address              string // DNS name or IP address of the central server
	authCertRegURL       string
	provider             identifier.ClientID // of the management services; zero when not configured
	ocspFreshness        time.Duration
	timeStampingInterval time.Duration
	expireInterval       time.Duration
}

func readParameters(tx Tx) (p parameters, err error) {
	read := func(key string) (value string) {
		if err == nil {
			value, err = tx.Parameter(key)
		}
		return value
	}
	seconds := func(key string) time.Duration {
		value := read(key)
		if err != nil || value == "" {
			return 0
		}
		var n int
		if n, err = strconv.Atoi(value); err != nil {
			err = fmt.Errorf("system parameter %s: %w", key, err)
		}
		return time.Duration(n) * time.Second
	}
	p.instance, p.address, p.authCertRegURL = read(registry.ParameterInstance), read(registry.ParameterAddress), read(parameterAuthCertRegURL)
	p.ocspFreshness, p.timeStampingInterval, p.expireInterval = seconds(parameterOCSPFreshness), seconds(parameterTimeStampingInterval), seconds(parameterExpireInterval)
	if err == nil {
		p.provider, err = registry.Provider(tx)
	}
	return p, err
}

// The keys of the system parameters that only the configuration reads; X-Road's names.
const (
	parameterAuthCertRegURL       = "authCertRegUrl"
	parameterOCSPFreshness        = "ocspFreshnessSeconds"
	parameterTimeStampingInterval = "timeStampingIntervalSeconds"
	parameterExpireInterval       = "confExpireIntervalSeconds"
)

// defaults are the values that initialization stores beside those that the configuration file gives, as X-Road's.
var defaults = map[string]string{
	parameterAuthCertRegURL: "https://%{centralServerAddress}:4001/managementservice/",
	parameterOCSPFreshness:  "3600",
	parameterExpireInterval: "600",
}

// Tx is what confgen needs of a transaction.
type Tx interface {
	Now() time.Time
	registry.Parameters
	Federation
	OptionalParts
	Publications() ([]Publication, error) // of all central servers that have an address, by name
	EnsureGroup(code, description string) error
	Token() ([]byte, error) // the sealed software token, nil before initialization
	SaveToken(sealed []byte) error
	SigningKeys() ([]SigningKey, error)
	AddSigningKey(SigningKey) error
	ActivateSigningKey(SigningKey) error // and makes the source's other keys inactive
	NodeNames() ([]string, error)        // all central servers that have an address
	Nodes(SourceType) ([]Node, error)    // all central servers that publish the source, by name
	RemoveSigningKey(id string) error
	Anchor(SourceType) (*StoredAnchor, error) // nil when there is none
	SaveAnchor(StoredAnchor) error
	Shared() (*globalconf.SharedParameters, error) // members, servers, groups, classes and trust services
	Generation() (int64, error)
}

// Store runs transactions. View never writes. Update writes the audit record of ctx and raises the generation number in the same
// transaction; it may run fn again when another transaction got in between.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	Update(ctx context.Context, fn func(Tx) error) error
	Report(ctx context.Context, p Publication) error // changes nothing that the configuration shows
}

// Node is one of the central servers on this database, as a source of configuration.
type Node struct {
	Name         string
	Address      string   // DNS name or IP address
	Certificates [][]byte // of its signing keys of one source, DER
}

// Config is what the service is told at start.
type Config struct {
	Node                  string        // this central server's name among those on the database
	PublicDirectory       string        // files that the publication door serves
	PublicPort            int           // port of that door, as it stands in anchors; 80 is left out
	Interval              time.Duration // between two generations of an unchanged registry
	Poll                  time.Duration // between two looks at the generation number
	KeyAlgorithm          token.KeyAlgorithm
	RegistrationPort      int           // of the registration service, as initialization stores it in its URL
	TimeStampingInterval  time.Duration // what initialization stores: how often security servers have their messages time-stamped
	ManagementCertificate func() []byte // DER of the certificate of the registration and management doors
	Now                   func() time.Time
	Rand                  io.Reader
	Log                   *zap.Logger
}

// Service owns the token session and the published configuration of this central server.
type Service struct {
	config Config
	store  Store

	mutex   sync.Mutex // guards session and signers
	session *token.Session
	signers map[string]crypto.Signer

	generating sync.Mutex // one generation at a time
	last       published
	snapshot   atomic.Pointer[globalconf.Snapshot]
	status     atomic.Pointer[Status]
}

// New makes the service; nothing is read or written yet.
func New(config Config, store Store) *Service {
	s := &Service{config: config, store: store, signers: map[string]crypto.Signer{}, last: published{parts: map[string]publishedPart{}}}
	s.status.Store(&Status{})
	return s
}

// Snapshot is the configuration this server published last, for its own doors; nil before the first generation.
func (s *Service) Snapshot() *globalconf.Snapshot { return s.snapshot.Load() }

// Status says how generation is doing, for the administrators' alerts.
type Status struct {
	LastSuccess  time.Time
	FailingSince time.Time // zero while the last generation succeeded
	Failure      error
}

// Status gives the outcome of the latest generation.
func (s *Service) Status() Status { return *s.status.Load() }
