// Package token is the software token: private keys sealed so that whoever holds the database without the PIN holds nothing.
//
// It works on byte strings and keeps nothing itself. Initialize makes the token's blob: a random root key, sealed with AES-256-GCM under a
// key that argon2id derives from the PIN. Unlock opens it into a Session, which generates and opens keys, each sealed under the root key.
// Changing the PIN re-seals the root key only. Every blob names its format and version in the authenticated data, so that none can stand in
// for another and a later format can be told apart.
package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"sync"

	"github.com/ristmik/ristmik/pkg/fault"
)

// KeyAlgorithm is the kind and size of a key.
type KeyAlgorithm string

// The key algorithms; X-Road's default is RSA2048.
const (
	RSA2048 KeyAlgorithm = "RSA2048"
	RSA3072 KeyAlgorithm = "RSA3072"
	RSA4096 KeyAlgorithm = "RSA4096"
	P256    KeyAlgorithm = "P256"
	P384    KeyAlgorithm = "P384"
)

// generators is the table of what can be generated.
var generators = map[KeyAlgorithm]func(io.Reader) (crypto.Signer, error){
	RSA2048: func(r io.Reader) (crypto.Signer, error) { return rsa.GenerateKey(r, 2048) },
	RSA3072: func(r io.Reader) (crypto.Signer, error) { return rsa.GenerateKey(r, 3072) },
	RSA4096: func(r io.Reader) (crypto.Signer, error) { return rsa.GenerateKey(r, 4096) },
	P256:    func(r io.Reader) (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), r) },
	P384:    func(r io.Reader) (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), r) },
}

// Valid reports whether keys of this kind can be made.
func (a KeyAlgorithm) Valid() bool { return generators[a] != nil }

// Initialize makes a new token sealed under the PIN. Faults: token_invalid_characters, token_weak_pin.
func Initialize(rand io.Reader, pin string) ([]byte, error) {
	if err := CheckPIN(pin); err != nil {
		return nil, err
	}
	root := make([]byte, keySize)
	if _, err := io.ReadFull(rand, root); err != nil {
		return nil, fmt.Errorf("making token: %w", err)
	}
	defer clear(root)
	return sealRoot(rand, root, pin)
}

// Unlock opens a token. Faults: pin_incorrect "Incorrect PIN" for a wrong PIN; a damaged blob cannot be told from it. A blob of another
// format is an error that is no fault.
func Unlock(sealed []byte, pin string) (*Session, error) {
	root, err := openRoot(sealed, pin)
	if err != nil {
		return nil, err
	}
	return &Session{root: root}, nil
}

// ChangePIN seals the same token under a new PIN; keys need no change. Faults: pin_incorrect for the old one, and those of Initialize for
// the new one.
func ChangePIN(rand io.Reader, sealed []byte, oldPIN, newPIN string) ([]byte, error) {
	root, err := openRoot(sealed, oldPIN)
	if err != nil {
		return nil, err
	}
	defer clear(root)
	if err := CheckPIN(newPIN); err != nil {
		return nil, err
	}
	return sealRoot(rand, root, newPIN)
}

// minPIN is the least number of characters; argon2id makes guessing slow, it cannot make an empty secret a secret.
const minPIN = 4

// CheckPIN checks a new PIN: printable ASCII (token_invalid_characters), at least four characters (token_weak_pin).
func CheckPIN(pin string) error {
	for _, b := range []byte(pin) {
		if b < ' ' || b > '~' {
			return fault.New(fault.Invalid, "token_invalid_characters", "The PIN code contains invalid characters")
		}
	}
	if len(pin) < minPIN {
		return fault.New(fault.Invalid, "token_weak_pin", "The PIN code is too weak").With(fmt.Sprint(minPIN))
	}
	return nil
}

// Session is an unlocked token: someone is logged in. It is safe for concurrent use.
type Session struct {
	mu   sync.RWMutex
	root []byte // nil after Close
}

// Generate makes a key and seals it. The public key goes in clear to whoever stores the blob. The fault token_not_active says that the
// session is closed.
func (s *Session) Generate(rand io.Reader, algorithm KeyAlgorithm) (sealedKey []byte, public crypto.PublicKey, err error) {
	generate, ok := generators[algorithm]
	if !ok {
		return nil, nil, fault.New(fault.Invalid, "unsupported_algorithm", "Key algorithm %s is not supported", algorithm)
	}
	// Making a large key takes seconds: the session is not locked meanwhile, only asked before and after.
	if err := s.with(func([]byte) error { return nil }); err != nil {
		return nil, nil, err
	}
	key, err := generate(rand)
	if err != nil {
		return nil, nil, fmt.Errorf("generating key: %w", err)
	}
	sealedKey, err = s.Seal(rand, key)
	return sealedKey, key.Public(), err
}

// Seal seals a key that was made elsewhere, RSA or ECDSA.
func (s *Session) Seal(rand io.Reader, key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	defer clear(der)
	id, err := keyID(key.Public())
	if err != nil {
		return nil, err
	}
	var sealed []byte
	err = s.with(func(root []byte) error {
		sealed, err = sealKey(rand, root, id, der)
		return err
	})
	return sealed, err
}

// Open gives the key of a blob made by Generate or Seal of this token. The signer holds its key in memory and works until it is dropped;
// whoever caches signers drops them when the session closes. The fault token_not_active says that the session is closed; a blob that is
// damaged or of another token is an error that is no fault.
func (s *Session) Open(sealedKey []byte) (crypto.Signer, error) {
	var der, id []byte
	err := s.with(func(root []byte) error {
		var err error
		der, id, err = openKey(root, sealedKey)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer clear(der)
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("opening key: %T cannot sign", parsed)
	}
	if actual, err := keyID(key.Public()); err != nil || string(actual) != string(id) {
		return nil, fmt.Errorf("opening key: blob names another key")
	}
	return key, nil
}

// Close wipes the root key; later calls fail with token_not_active.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.root)
	s.root = nil
}

func (s *Session) with(use func(root []byte) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.root == nil {
		return fault.New(fault.Conflict, "token_not_active", "Token is not active")
	}
	return use(s.root)
}

// keyID is the SHA-256 hash of the public key's SubjectPublicKeyInfo.
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("naming key: %w", err)
	}
	sum := sha256.Sum256(der)
	return sum[:], nil
}
