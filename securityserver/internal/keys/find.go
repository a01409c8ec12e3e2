package keys

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
)

func findToken(tokens []Token, id string) (Token, error) {
	for _, t := range tokens {
		if t.ID == id {
			return t, nil
		}
	}
	return Token{}, fault.New(fault.NotFound, "token_not_found", "Token '%s' not found", id).With(id)
}

func findKey(tokens []Token, id string) (Token, Key, error) {
	for _, t := range tokens {
		for _, key := range t.Keys {
			if key.ID == id {
				return t, key, nil
			}
		}
	}
	return Token{}, Key{}, fault.New(fault.NotFound, "key_not_found", "Key '%s' not found", id).With(id)
}

func findRequest(tokens []Token, keyID, id string) (Token, Key, Request, error) {
	t, key, err := findKey(tokens, keyID)
	if err != nil {
		return t, key, Request{}, err
	}
	for _, r := range key.Requests {
		if r.ID == id {
			return t, key, r, nil
		}
	}
	return t, key, Request{}, fault.New(fault.NotFound, "csr_not_found", "Certificate signing request '%s' not found", id).With(id)
}

func findCertificate(tokens []Token, hash string) (Token, Key, Certificate, error) {
	for _, t := range tokens {
		for _, key := range t.Keys {
			for _, c := range key.Certificates {
				if strings.EqualFold(c.Hash, hash) {
					return t, key, c, nil
				}
			}
		}
	}
	return Token{}, Key{}, Certificate{}, fault.New(fault.NotFound, "certificate_not_found", "Certificate not found").With(hash)
}

func findPublic(tokens []Token, spki []byte) (Token, Key, bool) {
	for _, t := range tokens {
		for _, key := range t.Keys {
			if string(key.Public) == string(spki) {
				return t, key, true
			}
		}
	}
	return Token{}, Key{}, false
}

func putToken(ctx context.Context, t Token) {
	audit.Put(ctx, "tokenId", t.ID)
	audit.Put(ctx, "tokenSerialNumber", nil)
	audit.Put(ctx, "tokenFriendlyName", t.Name)
}

func putKey(ctx context.Context, t Token, key Key) {
	putToken(ctx, t)
	audit.Put(ctx, "keyId", key.ID)
	audit.Put(ctx, "keyFriendlyName", key.Name)
	if key.Usage != "" {
		audit.Put(ctx, "keyUsage", string(key.Usage))
	}
}

func putHash(ctx context.Context, hash string) {
	if digest, err := hex.DecodeString(hash); err == nil {
		audit.Put(ctx, "certHash", audit.Hash(digest))
		audit.Put(ctx, "certHashAlgorithm", "SHA-256")
	}
}

func putCertificate(ctx context.Context, t Token, key Key, c Certificate) {
	putKey(ctx, t, key)
	audit.Put(ctx, "certId", c.Hash)
	putHash(ctx, c.Hash)
}
