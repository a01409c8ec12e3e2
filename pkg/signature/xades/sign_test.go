package xades_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
)

func TestSignaturesVerify(t *testing.T) {
	for name, key := range map[string]crypto.Signer{"RSA": rsaKey(t), "P-256": ecKey(t)} {
		for _, d := range []signature.Digest{signature.SHA512, signature.SHA384, signature.SHA256} {
			for _, n := range []int{1, 2, 12} {
				c := credential(t, key)
				message := parts(d, n)
				signed, err := xades.Sign(rand.Reader, now, c, d, message)
				require.NoError(t, err)
				require.Equal(t, n > 1, signed.HashChain != nil)

				s, err := xades.Parse(signed.XML)
				require.NoError(t, err)
				require.NoError(t, s.Verify(signed.HashChain, signed.HashChainResult, message))
				require.Equal(t, c.Certificate.Raw, s.Certificate().Raw)
				require.Equal(t, c.OCSP, s.OCSP())
				require.Equal(t, now, s.SigningTime())
				require.Equal(t, d, s.Digest())
				require.Empty(t, s.Chain())

				files := map[string][]byte{xades.MessageName: content(0)}
				if n > 1 {
					files = map[string][]byte{hashchain.ResultName: signed.HashChainResult}
				}
				require.NoError(t, xmlsec(t, signed, c.Certificate, files), "%s %s %d", name, d.Name, n)
				for file := range files {
					files[file] = []byte("something else")
				}
				require.Error(t, xmlsec(t, signed, c.Certificate, files))
			}
		}
	}
}

func TestBatch(t *testing.T) {
	c := credential(t, ecKey(t))
	messages := [][]hashchain.Input{parts(signature.SHA512, 1), parts(signature.SHA512, 3), parts(signature.SHA512, 2)}
	signed, err := xades.SignBatch(rand.Reader, now, c, signature.SHA512, messages)
	require.NoError(t, err)
	for i, one := range signed {
		require.Equal(t, signed[0].XML, one.XML)
		s, err := xades.Parse(one.XML)
		require.NoError(t, err)
		require.NoError(t, s.Verify(one.HashChain, one.HashChainResult, messages[i]))
		require.Error(t, s.Verify(one.HashChain, one.HashChainResult, messages[(i+1)%3]))
		require.NoError(t, xmlsec(t, one, c.Certificate, map[string][]byte{hashchain.ResultName: one.HashChainResult}))
	}
}

func TestIntermediatesTravelWithTheSignature(t *testing.T) {
	c := credential(t, ecKey(t))
	c.Chain = append(c.Chain, credential(t, ecKey(t)).Certificate, credential(t, rsaKey(t)).Certificate)
	c.OCSP = append(c.OCSP, []byte("second"), []byte("third"))
	signed, err := xades.Sign(rand.Reader, now, c, signature.SHA512, parts(signature.SHA512, 1))
	require.NoError(t, err)
	s, err := xades.Parse(signed.XML)
	require.NoError(t, err)
	require.NoError(t, s.Verify(nil, nil, parts(signature.SHA512, 1)))
	require.Len(t, s.Chain(), 2)
	require.Equal(t, c.Chain[1].Raw, s.Chain()[1].Raw)
	require.Equal(t, c.OCSP, s.OCSP())

	swapped := strings.Replace(string(signed.XML), `"#encapsulated-cert-1"`, `"#encapsulated-cert-2"`, 1)
	_, err = xades.Parse([]byte(swapped))
	require.Equal(t, `Certificate "#encapsulated-cert-2" does not match its digest`, fault.From(err).Message)
	absent := strings.Replace(string(signed.XML), `"#encapsulated-cert-1"`, `"#encapsulated-cert-7"`, 1)
	_, err = xades.Parse([]byte(absent))
	require.Equal(t, `Certificate "#encapsulated-cert-7" is not in the signature`, fault.From(err).Message)
}

func TestSignRefuses(t *testing.T) {
	good := credential(t, ecKey(t))
	message := parts(signature.SHA512, 2)
	weak, err := signature.DigestByName("SHA-1")
	require.NoError(t, err)
	without := func(change func(*signature.Credential)) signature.Credential {
		c := good
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		credential signature.Credential
		digest     signature.Digest
		messages   [][]hashchain.Input
	}{
		"no key":            {without(func(c *signature.Credential) { c.Signer = nil }), signature.SHA512, [][]hashchain.Input{message}},
		"no certificate":    {without(func(c *signature.Credential) { c.Certificate = nil }), signature.SHA512, [][]hashchain.Input{message}},
		"no OCSP response":  {without(func(c *signature.Credential) { c.OCSP = nil }), signature.SHA512, [][]hashchain.Input{message}},
		"another key":       {without(func(c *signature.Credential) { c.Signer = ecKey(t) }), signature.SHA512, [][]hashchain.Input{message}},
		"weak digest":       {good, weak, [][]hashchain.Input{parts(weak, 1)}},
		"other digest":      {good, signature.SHA256, [][]hashchain.Input{message[:1]}},
		"no message":        {good, signature.SHA512, nil},
		"no parts":          {good, signature.SHA512, [][]hashchain.Input{{}}},
		"attachment first":  {good, signature.SHA512, [][]hashchain.Input{message[1:]}},
		"message twice":     {good, signature.SHA512, [][]hashchain.Input{{message[0], message[0]}}},
		"attachment 2 only": {good, signature.SHA512, [][]hashchain.Input{{message[0], {Name: "/attachment2", Digest: message[1].Digest}}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := xades.SignBatch(rand.Reader, now, c.credential, c.digest, c.messages)
			require.Error(t, err)
		})
	}
}

func TestTimestampLeavesTheSignatureAsItIs(t *testing.T) {
	c := credential(t, ecKey(t))
	signed, err := xades.Sign(rand.Reader, now, c, signature.SHA512, parts(signature.SHA512, 1))
	require.NoError(t, err)
	stamped, err := xades.AddTimestamp(signed.XML, []byte("token"))
	require.NoError(t, err)
	const inserted = "<xades:SignatureTimeStamp><xades:EncapsulatedTimeStamp>dG9rZW4=</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>"
	require.Equal(t, string(signed.XML), strings.Replace(string(stamped), "<xades:UnsignedSignatureProperties>"+inserted, "<xades:UnsignedSignatureProperties>", 1))

	s, err := xades.Parse(stamped)
	require.NoError(t, err)
	require.Equal(t, []byte("token"), s.Timestamp())
	require.NoError(t, s.Verify(nil, nil, parts(signature.SHA512, 1)))
	require.NoError(t, xmlsec(t, xades.Signed{XML: stamped}, c.Certificate, map[string][]byte{xades.MessageName: content(0)}))

	_, err = xades.AddTimestamp(stamped, []byte("token"))
	require.ErrorContains(t, err, "the signature has one")
	_, err = xades.AddTimestamp([]byte("<a/>"), []byte("token"))
	require.Error(t, err)
	start, end := bytes.Index(signed.XML, []byte("<xades:UnsignedSignatureProperties>")), bytes.Index(signed.XML, []byte("</xades:UnsignedProperties>"))
	empty := string(signed.XML[:start]) + "<xades:UnsignedSignatureProperties/>" + string(signed.XML[end:])
	_, err = xades.AddTimestamp([]byte(empty), []byte("token"))
	require.ErrorContains(t, err, "is empty")
}

func TestVerifyMessage(t *testing.T) {
	c := credential(t, ecKey(t))
	member, err := identifier.NewMember("DEV", "GOV", "1")
	require.NoError(t, err)
	subsystem, err := member.Subsystem("sub")
	require.NoError(t, err)
	other, err := identifier.NewMember("DEV", "GOV", "2")
	require.NoError(t, err)
	trust := knows{c.Certificate, member}
	message := parts(signature.SHA512, 2)
	signed, err := xades.Sign(rand.Reader, now, c, signature.SHA512, message)
	require.NoError(t, err)
	s, err := xades.Parse(signed.XML)
	require.NoError(t, err)
	require.NoError(t, xades.VerifyMessage(s, trust, subsystem, signed.HashChain, signed.HashChainResult, message, now))

	f := fault.From(xades.VerifyMessage(s, trust, other, signed.HashChain, signed.HashChainResult, message, now))
	require.Equal(t, "incorrect_certificate", f.Code)
	require.Equal(t, "malformed_signature.hashchain_unused_inputs", fault.CodeOf(xades.VerifyMessage(s, trust, other,
		signed.HashChain, signed.HashChainResult, append(message[:2:2], hashchain.Input{Name: "/attachment2"}), now)))
	require.Equal(t, "cert_validation", fault.CodeOf(xades.VerifyMessage(s, knows{credential(t, ecKey(t)).Certificate, member}, member,
		signed.HashChain, signed.HashChainResult, message, now)))

	withoutOCSP := append(append([]byte(nil), signed.XML[:bytes.Index(signed.XML, []byte("<xades:EncapsulatedOCSPValue"))]...),
		signed.XML[bytes.Index(signed.XML, []byte("</xades:OCSPValues>")):]...)
	s, err = xades.Parse(withoutOCSP)
	require.NoError(t, err)
	f = fault.From(xades.VerifyMessage(s, trust, member, signed.HashChain, signed.HashChainResult, message, now))
	require.Equal(t, "Could not get any OCSP elements from signature", f.Message)

	auth := c
	auth.Certificate = authentication(t, c.Signer)
	signed, err = xades.Sign(rand.Reader, now, auth, signature.SHA512, message[:1])
	require.NoError(t, err)
	s, err = xades.Parse(signed.XML)
	require.NoError(t, err)
	f = fault.From(xades.VerifyMessage(s, knows{auth.Certificate, member}, member, nil, nil, message[:1], now))
	require.Equal(t, "malformed_signature", f.Code)
	require.Equal(t, `Certificate 1.2.3=#0c0178,CN=Server \#1\, A\+B is not a signing certificate`, f.Message)
}

func BenchmarkSign(b *testing.B) {
	for name, key := range map[string]crypto.Signer{"RSA-2048": rsaKey(b), "P-256": ecKey(b)} {
		c := credential(b, key)
		message := parts(signature.SHA512, 1)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := xades.Sign(rand.Reader, now, c, signature.SHA512, message)
				require.NoError(b, err)
			}
		})
		b.Run(name+" batch of 10", func(b *testing.B) {
			messages := make([][]hashchain.Input, 10)
			for i := range messages {
				messages[i] = message
			}
			for b.Loop() {
				_, err := xades.SignBatch(rand.Reader, now, c, signature.SHA512, messages)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, key := range map[string]crypto.Signer{"RSA-2048": rsaKey(b), "P-256": ecKey(b)} {
		for _, n := range []int{1, 2} {
			message := parts(signature.SHA512, n)
			signed, err := xades.Sign(rand.Reader, now, credential(b, key), signature.SHA512, message)
			require.NoError(b, err)
			b.Run(name+[]string{" plain", " with attachment"}[n-1], func(b *testing.B) {
				for b.Loop() {
					s, err := xades.Parse(signed.XML)
					require.NoError(b, err)
					require.NoError(b, s.Verify(signed.HashChain, signed.HashChainResult, message))
				}
			})
		}
	}
}
