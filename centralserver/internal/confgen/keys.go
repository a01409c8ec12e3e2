package confgen

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/token"
)

// TokenID and TokenName are those of the one software token; KeysPerSource bounds the keys of a source.
const (
	TokenID       = "0"
	TokenName     = "softToken-0"
	KeysPerSource = 2 // one signs, the other is being rotated in or out
)

// TokenState is the software token with the signing keys on it.
type TokenState struct {
	Initialized bool
	LoggedIn    bool
	Keys        []SigningKey
}

// Token reads the token's state.
func (s *Service) Token(ctx context.Context) (TokenState, error) {
	state := TokenState{LoggedIn: s.loggedIn()}
	err := s.store.View(ctx, func(tx Tx) error {
		sealed, err := tx.Token()
		if err != nil {
			return err
		}
		state.Initialized = sealed != nil
		state.Keys, err = tx.SigningKeys()
		return err
	})
	return state, err
}

// Login opens the token with its PIN. A wrong PIN is the fault pin_incorrect; the token stays as it was.
func (s *Service) Login(ctx context.Context, pin string) error {
	putToken(ctx)
	var sealed []byte
	err := s.store.View(ctx, func(tx Tx) (err error) {
		sealed, err = tx.Token()
		return err
	})
	if err != nil {
		return err
	}
	if sealed == nil {
		return fault.New(fault.Conflict, "token_not_initialized", "Token is not initialized")
	}
	session, err := token.Unlock(sealed, pin)
	if err != nil {
		return err
	}
	if err := s.store.Update(ctx, func(Tx) error { return nil }); err != nil {
		session.Close()
		return err
	}
	s.setSession(session)
	return nil
}

// LoginFromFile logs in with the configured PIN at start, without a person: its audit record names the user "system".
func (s *Service) LoginFromFile(ctx context.Context, pin string) error {
	ctx = audit.Begin(ctx, "Log in to token", audit.Actor{})
	return s.Login(ctx, pin)
}

// Logout forgets the keys.
func (s *Service) Logout(ctx context.Context) error {
	putToken(ctx)
	if err := s.store.Update(ctx, func(Tx) error { return nil }); err != nil {
		return err
	}
	s.setSession(nil)
	return nil
}

// AddSigningKey makes a key for a source with a self-signed certificate and re-creates the source's anchor (GCONF_11). The first key of a
// source is active at once.
func (s *Service) AddSigningKey(ctx context.Context, source SourceType, label string) (SigningKey, error) {
	audit.SetEvent(ctx, "Generate "+source.word()+" configuration signing key")
	putToken(ctx)
	session := s.currentSession()
	if session == nil {
		return SigningKey{}, tokenNotActive()
	}
	sealed, public, err := session.Generate(s.config.Rand, s.config.KeyAlgorithm)
	if err != nil {
		return SigningKey{}, err
	}
	signer, err := session.Open(sealed)
	if err != nil {
		return SigningKey{}, err
	}
	certificate, err := selfSigned(s.config.Rand, signer, source.word()+"SigningKey")
	if err != nil {
		return SigningKey{}, err
	}
	id, err := keyID(public)
	if err != nil {
		return SigningKey{}, err
	}
	key := SigningKey{ID: id, Source: source, Label: label, Algorithm: algorithmName(public), Sealed: sealed, Certificate: certificate}
	err = s.store.Update(ctx, func(tx Tx) error {
		keys, err := keysOf(tx, source)
		if err != nil {
			return err
		}
		if len(keys) >= KeysPerSource {
			return fault.New(fault.Conflict, "signing_key_limit_reached", "A source has at most %d signing keys", KeysPerSource)
		}
		key.Active = len(keys) == 0
		key.CreatedAt = tx.Now()
		if err := tx.AddSigningKey(key); err != nil {
			return err
		}
		return s.afterKeyChange(ctx, tx, key)
	})
	return key, err
}

// ActivateSigningKey lets this key sign from the next generation on.
func (s *Service) ActivateSigningKey(ctx context.Context, id string) error {
	return s.store.Update(ctx, func(tx Tx) error {
		key, err := findKey(tx, id)
		if err != nil {
			return err
		}
		audit.SetEvent(ctx, "Activate "+key.Source.word()+" configuration signing key")
		putToken(ctx)
		if key.Active {
			return fault.New(fault.Conflict, "signing_key_action_not_possible", "Signing key is already active")
		}
		audit.Put(ctx, "keyId", key.ID)
		return tx.ActivateSigningKey(key)
	})
}

// DeleteSigningKey removes a key that does not sign.
func (s *Service) DeleteSigningKey(ctx context.Context, id string) error {
	return s.store.Update(ctx, func(tx Tx) error {
		key, err := findKey(tx, id)
		if err != nil {
			return err
		}
		audit.SetEvent(ctx, "Delete "+key.Source.word()+" configuration signing key")
		putToken(ctx)
		if key.Active {
			return fault.New(fault.Conflict, "signing_key_action_not_possible", "An active signing key cannot be deleted")
		}
		if err := tx.RemoveSigningKey(id); err != nil {
			return err
		}
		return s.afterKeyChange(ctx, tx, key)
	})
}

func (s *Service) afterKeyChange(ctx context.Context, tx Tx, key SigningKey) error {
	audit.Put(ctx, "keyId", key.ID)
	audit.Put(ctx, "keyFriendlyName", key.Label)
	if c, err := x509.ParseCertificate(key.Certificate); err == nil {
		audit.Put(ctx, "certHash", audit.Hash(certificate.HashSHA256(c)))
		audit.Put(ctx, "certHashAlgorithm", "SHA-256")
	}
	return s.recreateAnchor(tx, key.Source)
}

// signer opens the key that signs a source's directory.
func (s *Service) signer(key SigningKey) (crypto.Signer, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.session == nil {
		return nil, tokenNotActive()
	}
	if signer := s.signers[key.ID]; signer != nil {
		return signer, nil
	}
	signer, err := s.session.Open(key.Sealed)
	if err != nil {
		return nil, fmt.Errorf("opening signing key %s: %w", key.ID, err)
	}
	s.signers[key.ID] = signer
	return signer, nil
}

func (s *Service) setSession(session *token.Session) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.session != nil {
		s.session.Close()
	}
	s.session, s.signers = session, map[string]crypto.Signer{}
}

func (s *Service) currentSession() *token.Session {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.session
}

func (s *Service) loggedIn() bool { return s.currentSession() != nil }

func (t SourceType) word() string {
	if t == Internal {
		return "internal"
	}
	return "external"
}

func keysOf(tx Tx, source SourceType) ([]SigningKey, error) {
	all, err := tx.SigningKeys()
	if err != nil {
		return nil, err
	}
	var keys []SigningKey
	for _, key := range all {
		if key.Source == source {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func findKey(tx Tx, id string) (SigningKey, error) {
	all, err := tx.SigningKeys()
	if err != nil {
		return SigningKey{}, err
	}
	for _, key := range all {
		if key.ID == id {
			return key, nil
		}
	}
	return SigningKey{}, fault.New(fault.NotFound, "signing_key_not_found", "Signing key not found")
}

func putToken(ctx context.Context) {
	audit.Put(ctx, "tokenId", TokenID)
	audit.Put(ctx, "tokenSerialNumber", nil)
	audit.Put(ctx, "tokenFriendlyName", TokenName)
}

func tokenNotActive() error {
	return fault.New(fault.Conflict, "token_not_active", "Token is not logged in")
}

// selfSigned makes the carrier of a signing key's public half. Verifiers ignore its validity, so it covers every date X-Road's clients
// can read.
func selfSigned(rand io.Reader, signer crypto.Signer, commonName string) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand, template, template, signer.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of a signing key: %w", err)
	}
	return der, nil
}

func keyID(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("naming a signing key: %w", err)
	}
	hash := crypto.SHA1.New()
	hash.Write(der)
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func algorithmName(public crypto.PublicKey) string {
	if _, ok := public.(*rsa.PublicKey); ok {
		return "RSA"
	}
	return "EC"
}
