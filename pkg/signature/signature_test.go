package signature_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
)

func TestSignAndVerify(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	otherRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	keys := map[string][2]crypto.Signer{"RSA": {rsaKey, otherRSA}}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		a, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		b, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		keys[curve.Params().Name] = [2]crypto.Signer{a, b}
	}
	for name, c := range map[string]struct{ key, uri string }{
		"SHA256withRSA":        {"RSA", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"},
		"SHA384withRSA":        {"RSA", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"},
		"SHA512withRSA":        {"RSA", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"},
		"SHA256withRSAandMGF1": {"RSA", "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"},
		"SHA384withRSAandMGF1": {"RSA", "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1"},
		"SHA512withRSAandMGF1": {"RSA", "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"},
		"SHA256withECDSA":      {"P-256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"},
		"SHA384withECDSA":      {"P-384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"},
		"SHA512withECDSA":      {"P-521", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := signature.ByURI(c.uri)
			require.NoError(t, err)
			byName, err := signature.ByName("sha" + name[3:])
			require.NoError(t, err)
			require.Equal(t, a, byName)
			require.Equal(t, name, a.Name)

			data := []byte("what is signed")
			value, err := a.Sign(rand.Reader, keys[c.key][0], data)
			require.NoError(t, err)
			require.NoError(t, a.Verify(keys[c.key][0].Public(), data, value))

			for what, err := range map[string]error{
				"other data":    a.Verify(keys[c.key][0].Public(), []byte("What is signed"), value),
				"other key":     a.Verify(keys[c.key][1].Public(), data, value),
				"no value":      a.Verify(keys[c.key][0].Public(), data, nil),
				"no key":        a.Verify(nil, data, value),
				"zero":          signature.Algorithm{Hash: crypto.SHA512}.Verify(keys[c.key][0].Public(), data, value),
				"changed value": a.Verify(keys[c.key][0].Public(), data, append(value[:len(value)-1:len(value)-1], value[len(value)-1]^1)),
			} {
				require.Equal(t, "invalid_signature_value", fault.CodeOf(err), what)
				require.Equal(t, "Signature is not valid", fault.From(err).Message, what)
			}
		})
	}
}

func TestPSSSaltOfAnyLengthVerifies(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	a, err := signature.ByName("SHA256withRSAandMGF1")
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("data"))
	value, err := key.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: 20, Hash: crypto.SHA256})
	require.NoError(t, err)
	require.NoError(t, a.Verify(key.Public(), []byte("data"), value))
}

func TestForKey(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	a, err := signature.ForKey(rsaKey.Public(), signature.SHA512)
	require.NoError(t, err)
	require.Equal(t, "SHA512withRSA", a.Name)
	a, err = signature.ForKey(ecKey.Public(), signature.SHA256)
	require.NoError(t, err)
	require.Equal(t, "SHA256withECDSA", a.Name)

	weak, err := signature.DigestByName("sha-1")
	require.NoError(t, err)
	_, err = signature.ForKey(rsaKey.Public(), weak)
	require.Equal(t, "unsupported_algorithm", fault.CodeOf(err))
	_, err = signature.ForKey("key", signature.SHA512)
	require.Equal(t, "unsupported_algorithm", fault.CodeOf(err))
}

func TestKeysThatMayNotSign(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	withRSA, err := signature.ByName("SHA512withRSA")
	require.NoError(t, err)

	_, err = withRSA.Sign(rand.Reader, short, nil)
	require.Equal(t, "RSA key of 1024 bits is too short to sign with", fault.From(err).Message)
	_, err = withRSA.Sign(rand.Reader, ec, nil)
	require.Equal(t, "unsupported_algorithm", fault.CodeOf(err))
}

func TestUnknownAlgorithms(t *testing.T) {
	for _, name := range []string{"", "SHA1withRSA", "SHA224withECDSA", "NONEwithRSA", "SHA512withDSA"} {
		_, err := signature.ByName(name)
		require.Equal(t, "unsupported_algorithm", fault.CodeOf(err), name)
	}
	for _, uri := range []string{"", "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#hmac-sha1", "http://www.w3.org/2001/04/xmldsig-more#ECDSA-SHA512"} {
		_, err := signature.ByURI(uri)
		require.Equal(t, "unsupported_algorithm", fault.CodeOf(err), uri)
	}
	_, err := signature.DigestByURI("http://www.w3.org/2001/04/xmldsig-more#md5")
	require.Equal(t, "unsupported_algorithm", fault.CodeOf(err))
	_, err = signature.DigestByName("MD5")
	require.Equal(t, "unsupported_algorithm", fault.CodeOf(err))
}

func TestWeakDigestsAreKnownButWeak(t *testing.T) {
	d, err := signature.DigestByURI("http://www.w3.org/2000/09/xmldsig#sha1")
	require.NoError(t, err)
	want := sha1.Sum([]byte("x"))
	require.Equal(t, want[:], d.Sum([]byte("x")))
	require.False(t, d.IsStrong())
	require.True(t, signature.SHA512.IsStrong())
	require.False(t, signature.Digest{}.IsStrong())
}

func TestECDSAForms(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		for range 20 { // short r and s turn up
			der, err := key.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
			require.NoError(t, err)
			raw, err := signature.ECDSARaw(&key.PublicKey, der)
			require.NoError(t, err)
			require.Len(t, raw, 2*((curve.Params().BitSize+7)/8))
			back, err := signature.ECDSADER(&key.PublicKey, raw)
			require.NoError(t, err)
			require.Equal(t, der, back)
			same, err := signature.ECDSADER(&key.PublicKey, der)
			require.NoError(t, err)
			require.Equal(t, der, same)
		}
		for _, bad := range [][]byte{nil, {0x30, 0}, []byte("text"), {0x30, 6, 2, 1, 0x80, 2, 1, 1}, {0x30, 6, 2, 1, 1, 2, 1, 1, 0}} {
			_, err := signature.ECDSARaw(&key.PublicKey, bad)
			require.Error(t, err)
			_, err = signature.ECDSADER(&key.PublicKey, bad)
			require.Error(t, err)
		}
	}
}
