package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/token"
)

func unlocked(t testing.TB, pin string) ([]byte, *token.Session) {
	t.Helper()
	sealed, err := token.Initialize(rand.Reader, pin)
	require.NoError(t, err)
	session, err := token.Unlock(sealed, pin)
	require.NoError(t, err)
	return sealed, session
}

func refused(t testing.TB, err error, code, message string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, fault.From(err).Code, "%v", err)
	require.Equal(t, message, fault.From(err).Message)
}

func TestPINPolicy(t *testing.T) {
	for _, pin := range []string{"1234", "  ~ ", strings.Repeat("x", 200)} {
		require.NoError(t, token.CheckPIN(pin))
	}
	for _, pin := range []string{"", "1", "123"} {
		_, err := token.Initialize(rand.Reader, pin)
		refused(t, err, "token_weak_pin", "The PIN code is too weak")
	}
	for _, pin := range []string{"12345\n", "pässword", "1234\x7f", "\x00\x00\x00\x00"} {
		_, err := token.Initialize(rand.Reader, pin)
		refused(t, err, "token_invalid_characters", "The PIN code contains invalid characters")
	}
}

func TestUnlock(t *testing.T) {
	sealed, _ := unlocked(t, "Secret1234")
	require.NotContains(t, string(sealed), "Secret")
	for _, pin := range []string{"", "secret1234", "Secret1234 ", "Secret123"} {
		_, err := token.Unlock(sealed, pin)
		refused(t, err, "pin_incorrect", "Incorrect PIN")
		require.Equal(t, fault.Invalid, fault.From(err).Kind)
	}
	again, err := token.Initialize(rand.Reader, "Secret1234")
	require.NoError(t, err)
	require.NotEqual(t, sealed, again)
}

func TestADamagedTokenDoesNotOpen(t *testing.T) {
	sealed, _ := unlocked(t, "1234")
	for _, i := range []int{0, 3, 12, 13, 28, 29, 40, 41, len(sealed) - 1} { // every field once
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := token.Unlock(changed, "1234")
		require.Error(t, err, "byte %d", i)
	}
	for _, bad := range [][]byte{nil, {}, sealed[:len(sealed)-1], append(bytes.Clone(sealed), 0)} {
		_, err := token.Unlock(bad, "1234")
		require.ErrorContains(t, err, "not a token blob of this version")
	}
	costly := bytes.Clone(sealed)
	binary.BigEndian.PutUint32(costly[8:], 1<<31)
	_, err := token.Unlock(costly, "1234")
	require.ErrorContains(t, err, "not a token blob of this version", "a planted blob takes no memory")
}

func TestChangePIN(t *testing.T) {
	sealed, session := unlocked(t, "1234")
	blob, public, err := session.Generate(rand.Reader, token.P256)
	require.NoError(t, err)
	_, err = token.ChangePIN(rand.Reader, sealed, "4321", "5678")
	refused(t, err, "pin_incorrect", "Incorrect PIN")
	_, err = token.ChangePIN(rand.Reader, sealed, "1234", "5")
	refused(t, err, "token_weak_pin", "The PIN code is too weak")
	changed, err := token.ChangePIN(rand.Reader, sealed, "1234", "5678")
	require.NoError(t, err)
	_, err = token.Unlock(changed, "1234")
	refused(t, err, "pin_incorrect", "Incorrect PIN")
	again, err := token.Unlock(changed, "5678")
	require.NoError(t, err)
	key, err := again.Open(blob)
	require.NoError(t, err)
	require.Equal(t, public, key.Public())
}

func TestEveryAlgorithm(t *testing.T) {
	_, session := unlocked(t, "1234")
	digest := sha256.Sum256([]byte("message"))
	for _, algorithm := range []token.KeyAlgorithm{token.RSA2048, token.RSA3072, token.P256, token.P384} {
		blob, public, err := session.Generate(rand.Reader, algorithm)
		require.NoError(t, err)
		key, err := session.Open(blob)
		require.NoError(t, err)
		value, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		require.NoError(t, err)
		switch p := public.(type) {
		case *rsa.PublicKey:
			require.Equal(t, strings.TrimPrefix(string(algorithm), "RSA"), map[int]string{2048: "2048", 3072: "3072"}[p.N.BitLen()])
			require.NoError(t, rsa.VerifyPKCS1v15(p, crypto.SHA256, digest[:], value))
		case *ecdsa.PublicKey:
			require.Equal(t, map[token.KeyAlgorithm]elliptic.Curve{token.P256: elliptic.P256(), token.P384: elliptic.P384()}[algorithm], p.Curve)
			require.True(t, ecdsa.VerifyASN1(p, digest[:], value))
		default:
			t.Fatalf("%T", public)
		}
	}
	_, _, err := session.Generate(rand.Reader, "RSA1024")
	refused(t, err, "unsupported_algorithm", "Key algorithm RSA1024 is not supported")
}

func TestAKeyOpensOnlyWhereItBelongs(t *testing.T) {
	sealed, session := unlocked(t, "1234")
	_, other := unlocked(t, "1234")
	blob, _, err := session.Generate(rand.Reader, token.P256)
	require.NoError(t, err)
	second, _, err := session.Generate(rand.Reader, token.P256)
	require.NoError(t, err)
	_, err = other.Open(blob)
	require.Error(t, err)
	for i := range blob {
		changed := bytes.Clone(blob)
		changed[i] ^= 1
		_, err := session.Open(changed)
		require.Error(t, err, "byte %d", i)
	}
	swapped := append(bytes.Clone(blob[:36]), second[36:]...) // the id of one, the key of another
	_, err = session.Open(swapped)
	require.Error(t, err)
	for _, bad := range [][]byte{nil, sealed, blob[:40]} {
		_, err := session.Open(bad)
		require.Error(t, err)
	}
}

func TestClose(t *testing.T) {
	_, session := unlocked(t, "1234")
	blob, _, err := session.Generate(rand.Reader, token.P256)
	require.NoError(t, err)
	session.Close()
	session.Close()
	_, err = session.Open(blob)
	refused(t, err, "token_not_active", "Token is not active")
	_, _, err = session.Generate(rand.Reader, token.P256)
	refused(t, err, "token_not_active", "Token is not active")
}

func TestCloseWhileInUse(t *testing.T) {
	_, session := unlocked(t, "1234")
	blob, _, err := session.Generate(rand.Reader, token.P256)
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
				if _, err := session.Open(blob); err != nil {
					if fault.CodeOf(err) != "token_not_active" {
						t.Errorf("%v", err)
					}
					return
				}
			}
			t.Error("the session was not closed")
		})
	}
	session.Close()
	group.Wait()
}

func TestRandomnessThatFails(t *testing.T) {
	_, err := token.Initialize(failing{}, "1234")
	require.ErrorIs(t, err, errNoRandom)
	_, session := unlocked(t, "1234")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, err = session.Seal(failing{}, key)
	require.ErrorIs(t, err, errNoRandom)
}

var errNoRandom = errors.New("no randomness")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errNoRandom }

// TestSealAndOpenAreInverse seals keys under one token; unlocking is slow on purpose, so PINs are drawn a few at a time.
func TestSealAndOpenAreInverse(t *testing.T) {
	_, session := unlocked(t, "1234")
	rapid.Check(t, func(r *rapid.T) {
		curve := rapid.SampledFrom([]elliptic.Curve{elliptic.P256(), elliptic.P384()}).Draw(r, "curve")
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(r, err)
		blob, err := session.Seal(rand.Reader, key)
		require.NoError(r, err)
		opened, err := session.Open(blob)
		require.NoError(r, err)
		require.True(r, key.Equal(opened))
		at := rapid.IntRange(0, len(blob)-1).Draw(r, "at")
		blob[at] ^= byte(rapid.IntRange(1, 255).Draw(r, "bits"))
		_, err = session.Open(blob)
		require.Error(r, err)
	})
}

func TestOnlyThePINUnlocks(t *testing.T) {
	pins := rapid.StringMatching(`[ -~]{4,40}`)
	for seed := range 5 {
		pin, wrong := pins.Example(seed), pins.Example(seed+100)
		sealed, _ := unlocked(t, pin)
		if wrong != pin {
			_, err := token.Unlock(sealed, wrong)
			refused(t, err, "pin_incorrect", "Incorrect PIN")
		}
	}
}
