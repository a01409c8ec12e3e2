package keys

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/token"
)

// NewSoftToken makes the software token under a PIN; faults token_weak_pin and token_invalid_characters.
func NewSoftToken(rand io.Reader, pin string) (Token, error) {
	sealed, err := token.Initialize(rand, pin)
	if err != nil {
		return Token{}, err
	}
	return Token{ID: SoftToken, Name: "softToken-" + SoftToken, Sealed: sealed}, nil
}

// LoggedIn reports whether a token's keys can be used.
func (k *Keys) LoggedIn(tokenID string) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.sessions[tokenID] != nil
}

// Login unlocks a token (UC SS_24). Faults: token_not_found; action_not_possible when it is logged in; pin_incorrect.
func (k *Keys) Login(ctx context.Context, id, pin string) error {
	t, err := k.Token(ctx, id)
	if err != nil {
		return err
	}
	putToken(ctx, t)
	if k.LoggedIn(id) {
		return fault.New(fault.Conflict, "action_not_possible", "The token is logged in already")
	}
	session, err := token.Unlock(t.Sealed, pin)
	if err != nil {
		return err
	}
	if err := k.config.Store.Update(ctx, func(tx Tx) error { return tx.Audit(ctx) }); err != nil {
		session.Close()
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sessions[id] != nil { // somebody else was faster; one session is enough
		session.Close()
		return nil
	}
	k.sessions[id] = session
	k.Kick()
	return nil
}

// Logout locks a token (UC SS_26). Faults: token_not_found; action_not_possible when it is not logged in.
func (k *Keys) Logout(ctx context.Context, id string) error {
	t, err := k.Token(ctx, id)
	if err != nil {
		return err
	}
	putToken(ctx, t)
	if !k.LoggedIn(id) {
		return notLoggedIn()
	}
	if err := k.config.Store.Update(ctx, func(tx Tx) error { return tx.Audit(ctx) }); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.close(id, t)
	return nil
}

// close ends a session; the caller holds the lock.
func (k *Keys) close(id string, t Token) {
	if session := k.sessions[id]; session != nil {
		session.Close()
	}
	delete(k.sessions, id)
	for _, key := range t.Keys {
		delete(k.signers, key.ID)
	}
}

// Close logs all tokens out.
func (k *Keys) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, session := range k.sessions {
		session.Close()
	}
	clear(k.sessions)
	clear(k.signers)
}

// ChangePIN seals the token under a new PIN. It must be logged in, and stays so.
func (k *Keys) ChangePIN(ctx context.Context, id, oldPIN, newPIN string) error {
	t, err := k.Token(ctx, id)
	if err != nil {
		return err
	}
	putToken(ctx, t)
	if !k.LoggedIn(id) {
		return notLoggedIn()
	}
	if t.Sealed, err = token.ChangePIN(k.config.Rand, t.Sealed, oldPIN, newPIN); err != nil {
		return err
	}
	return k.config.Store.Update(ctx, func(tx Tx) error {
		if err := tx.SaveToken(t); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

// RenameToken sets a token's friendly name.
func (k *Keys) RenameToken(ctx context.Context, id, name string) error {
	return k.config.Store.Update(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		t, err := findToken(tokens, id)
		if err != nil {
			return err
		}
		t.Name = name
		putToken(ctx, t)
		if err := tx.SaveToken(t); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

// RenameKey sets a key's friendly name.
func (k *Keys) RenameKey(ctx context.Context, id, name string) error {
	return k.config.Store.Update(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		_, key, err := findKey(tokens, id)
		if err != nil {
			return err
		}
		key.Name = name
		audit.Put(ctx, "keyId", key.ID)
		audit.Put(ctx, "keyFriendlyName", key.Name)
		if err := tx.SaveKey(key); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

// GenerateKey makes a key without a usage (UC SS_28). Faults: token_not_found; action_not_possible when the token is not logged in.
func (k *Keys) GenerateKey(ctx context.Context, tokenID, label string) (Key, error) {
	t, key, err := k.generate(ctx, tokenID, label)
	if err != nil {
		return Key{}, err
	}
	return key, k.config.Store.Update(ctx, func(tx Tx) error {
		if err := tx.AddKey(key); err != nil {
			return err
		}
		putNewKey(ctx, t, key)
		return tx.Audit(ctx)
	})
}

func putNewKey(ctx context.Context, t Token, key Key) {
	putKey(ctx, t, key)
	audit.Put(ctx, "keyLabel", key.Label)
}

// generate makes the key and stores nothing: it takes long, and no transaction waits for it.
func (k *Keys) generate(ctx context.Context, tokenID, label string) (Token, Key, error) {
	t, err := k.Token(ctx, tokenID)
	if err != nil {
		return Token{}, Key{}, err
	}
	putToken(ctx, t)
	session, err := k.session(tokenID)
	if err != nil {
		return Token{}, Key{}, err
	}
	sealed, public, err := session.Generate(k.config.Rand, k.config.Algorithm)
	if err != nil {
		return Token{}, Key{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Token{}, Key{}, fmt.Errorf("encoding the public key: %w", err)
	}
	id, err := k.newID()
	if err != nil {
		return Token{}, Key{}, err
	}
	name := label
	if name == "" {
		name = id
	}
	return t, Key{ID: id, TokenID: tokenID, Label: name, Name: name, Algorithm: k.config.Algorithm, Public: spki, Sealed: sealed}, nil
}

func (k *Keys) newID() (string, error) {
	id := make([]byte, 20)
	if _, err := io.ReadFull(k.config.Rand, id); err != nil {
		return "", fmt.Errorf("making an identifier: %w", err)
	}
	return strings.ToUpper(hex.EncodeToString(id)), nil
}

func (k *Keys) session(tokenID string) (*token.Session, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if s := k.sessions[tokenID]; s != nil {
		return s, nil
	}
	return nil, notLoggedIn()
}

// signer opens a key of a logged-in token and keeps it open until the token is logged out.
func (k *Keys) signer(key Key) (crypto.Signer, error) {
	k.mu.RLock()
	s := k.signers[key.ID]
	k.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	session := k.sessions[key.TokenID]
	if session == nil {
		return nil, notLoggedIn()
	}
	s, err := session.Open(key.Sealed)
	if err == nil {
		k.signers[key.ID] = s
	}
	return s, err
}

func notLoggedIn() error {
	return fault.New(fault.Conflict, "action_not_possible", "The token is not logged in")
}
