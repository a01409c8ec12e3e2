// Package keys holds the tokens, keys, certificate requests and certificates of this server, their states, and the OCSP responses that make
// them usable (UC SS_19 to SS_34). Private keys are kept sealed under the token's PIN; only a logged-in token can use them.
package keys

import (
	"context"
	"crypto"
	"crypto/x509"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/token"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// SoftToken is the identifier of the software token, which every server has.
const SoftToken = "0"

// Token is a software token: a root key, sealed under its PIN, that seals the keys.
type Token struct {
	ID, Name string
	Sealed   []byte
	Keys     []Key
}

// Key is a private key, sealed, with what hangs on it.
type Key struct {
	ID, TokenID  string
	Label, Name  string            // Label is given at birth, Name can be changed
	Usage        certificate.Usage // "" until the first request or certificate
	Algorithm    token.KeyAlgorithm
	Public       []byte // SubjectPublicKeyInfo, DER
	Sealed       []byte
	Requests     []Request
	Certificates []Certificate
}

// Request is a certificate signing request that waits for its certificate.
type Request struct {
	ID, KeyID string
	Member    identifier.ClientID // zero for authentication
	Profile   string              // class of the certification service's profile
	DER       []byte
}

// Certificate is a certificate saved for a key.
type Certificate struct {
	Hash      string // SHA-256, lower-case hex
	KeyID     string
	Member    identifier.ClientID // zero for authentication
	DER       []byte
	Status    Status
	Active    bool
	OCSPError string // why it could not be activated at import, "" otherwise
}

// Parsed is the certificate itself. What was stored was parsed before; bytes that cannot be parsed now are an error.
func (c Certificate) Parsed() (*x509.Certificate, error) { return x509.ParseCertificate(c.DER) }

// Response is a verified OCSP response.
type Response struct {
	Hash, SHA1 string // of the certificate, lower-case hex
	DER        []byte
	FetchedAt  time.Time
}

// Conf gives the newest global configuration, nil before the first.
type Conf interface {
	Current() *globalconf.Snapshot
}

// Sender sends management requests about authentication certificates; *management.Sender has it.
type Sender interface {
	RegisterAuthCertificate(ctx context.Context, server identifier.SecurityServerID, address string, auth signature.Credential) (int64, error)
	DeleteAuthCertificate(ctx context.Context, server identifier.SecurityServerID, certificate []byte) (int64, error)
}

// TokenRows are tokens and keys in a transaction.
type TokenRows interface {
	Tokens() ([]Token, error) // with everything on them
	AddToken(t Token) error
	SaveToken(t Token) error // name and sealed root key
	AddKey(k Key) error
	SaveKey(k Key) error // name and usage
	DeleteKey(id string) error
}

// CertificateRows are requests, certificates and OCSP responses in a transaction.
type CertificateRows interface {
	AddRequest(r Request) error
	DeleteRequest(id string) error
	AddCertificate(c Certificate) error  // a duplicate is Conflict certificate_already_exists
	SaveCertificate(c Certificate) error // status, active and OCSP error
	DeleteCertificate(hash string) error
	Responses() ([]Response, error)
	SaveResponse(r Response) error
}

// ServerRows are what the package needs to know of this server.
type ServerRows interface {
	ServerID() (identifier.SecurityServerID, error)
	ClientIDs() ([]identifier.ClientID, error)
}

// Tx is one transaction.
type Tx interface {
	TokenRows
	CertificateRows
	ServerRows
	submission.Tx
	Audit(ctx context.Context) error
}

// Store runs transactions. Generation changes with every committed Update of anybody, so that what was read can be kept in memory.
type Store interface {
	View(ctx context.Context, fn func(tx Tx) error) error
	Update(ctx context.Context, fn func(tx Tx) error) error
	Generation() uint64
}

// Config is what Keys needs.
type Config struct {
	Store          Store
	Conf           Conf
	Sender         Sender
	HTTP           *http.Client  // for OCSP responders
	Interval       time.Duration // between OCSP rounds; 0 means 20 minutes
	Retry          time.Duration // after a failed round; 0 means one minute
	Algorithm      token.KeyAlgorithm
	ActivateOnSeen bool // activate an authentication certificate when the configuration first lists it
	Now            func() time.Time
	Rand           io.Reader
	Log            *zap.Logger
}

// Keys is all of it. It is safe for concurrent use.
type Keys struct {
	config Config
	view   atomic.Pointer[view]
	kick   chan struct{}

	mu       sync.RWMutex
	sessions map[string]*token.Session // by token
	signers  map[string]crypto.Signer  // by key, of logged-in tokens
	asked    map[string]Asked          // by the responder's URL
	next     time.Time                 // of the next OCSP round
}

// New makes Keys with all tokens logged out.
func New(config Config) *Keys {
	if config.Interval <= 0 {
		config.Interval = 20 * time.Minute
	}
	if config.Retry <= 0 {
		config.Retry = time.Minute
	}
	if config.Algorithm == "" {
		config.Algorithm = token.RSA2048
	}
	return &Keys{config: config, kick: make(chan struct{}, 1), sessions: map[string]*token.Session{}, signers: map[string]crypto.Signer{},
		asked: map[string]Asked{}}
}

// view is what the database held at a generation, indexed for the proxies.
type view struct {
	generation uint64
	server     identifier.SecurityServerID
	tokens     []Token
	responses  map[string]Response // by SHA-256
	bySHA1     map[string]Response
	parsed     map[string]*x509.Certificate
	signing    map[identifier.ClientID][]signing // by member
}

// signing is a signing certificate and its key.
type signing struct {
	key         Key
	certificate Certificate
}

// load gives the newest view; it reads the database only when somebody has changed it.
func (k *Keys) load(ctx context.Context) (*view, error) {
	generation := k.config.Store.Generation()
	if v := k.view.Load(); v != nil && v.generation == generation {
		return v, nil
	}
	v := &view{generation: generation}
	err := k.config.Store.View(ctx, func(tx Tx) (err error) {
		v.responses, v.bySHA1, v.parsed = map[string]Response{}, map[string]Response{}, map[string]*x509.Certificate{}
		if v.server, err = tx.ServerID(); err != nil {
			return err
		}
		if v.tokens, err = tx.Tokens(); err != nil {
			return err
		}
		all, err := tx.Responses()
		if err != nil {
			return err
		}
		for _, r := range all {
			v.responses[r.Hash], v.bySHA1[r.SHA1] = r, r
		}
		v.signing = map[identifier.ClientID][]signing{}
		for _, key := range v.keys() {
			for _, c := range key.Certificates {
				if key.Usage == certificate.Signing {
					v.signing[c.Member] = append(v.signing[c.Member], signing{key, c})
				}
				if v.parsed[c.Hash], err = c.Parsed(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	k.view.Store(v)
	return v, nil
}

func (v *view) keys() []Key { return allKeys(v.tokens) }

func allKeys(tokens []Token) []Key {
	var all []Key
	for _, t := range tokens {
		all = append(all, t.Keys...)
	}
	return all
}

// Tokens gives all tokens with everything on them.
func (k *Keys) Tokens(ctx context.Context) ([]Token, error) {
	v, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	return v.tokens, nil
}

// Token finds a token; NotFound token_not_found.
func (k *Keys) Token(ctx context.Context, id string) (Token, error) {
	v, err := k.load(ctx)
	if err != nil {
		return Token{}, err
	}
	return findToken(v.tokens, id)
}

// Key finds a key; NotFound key_not_found.
func (k *Keys) Key(ctx context.Context, id string) (Key, error) {
	v, err := k.load(ctx)
	if err != nil {
		return Key{}, err
	}
	_, key, err := findKey(v.tokens, id)
	return key, err
}

// Certificate finds a certificate by its SHA-256 in hex; NotFound certificate_not_found.
func (k *Keys) Certificate(ctx context.Context, hash string) (Key, Certificate, error) {
	v, err := k.load(ctx)
	if err != nil {
		return Key{}, Certificate{}, err
	}
	_, key, c, err := findCertificate(v.tokens, hash)
	return key, c, err
}

// snapshot is the current global configuration, if it may be relied on: Conflict global_conf_outdated.
func (k *Keys) snapshot() (*globalconf.Snapshot, error) {
	snapshot := k.config.Conf.Current()
	if snapshot == nil {
		return nil, fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
	}
	return snapshot, snapshot.Valid(k.config.Now())
}

// trust is whom this instance believes, according to the current configuration.
func (k *Keys) trust() (*certificate.Trust, *globalconf.Snapshot, error) {
	snapshot, err := k.snapshot()
	if err != nil {
		return nil, nil, err
	}
	trust, err := snapshot.Trust(snapshot.Instance())
	return trust, snapshot, err
}
