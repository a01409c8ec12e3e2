//go:build conformance

package xades_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/testkit"
)

func shared(t *testing.T, path string) []byte {
	data, err := os.ReadFile(testkit.Shared(t, "vectors/"+path))
	require.NoError(t, err)
	return data
}

// sha512 makes parts of a message and its attachments.
func sha512(message []byte, attachments ...[]byte) []hashchain.Input {
	parts := []hashchain.Input{{Name: xades.MessageName, Digest: signature.SHA512.Sum(message)}}
	for i, a := range attachments {
		parts = append(parts, hashchain.Input{Name: xades.AttachmentName(i + 1), Digest: signature.SHA512.Sum(a)})
	}
	return parts
}

// believer checks the path to one authority and nothing else.
type believer struct {
	t         *testing.T
	authority *x509.Certificate
	member    identifier.ClientID
}

func (b believer) VerifySigner(cert *x509.Certificate, chain []*x509.Certificate, ocsp [][]byte, signer identifier.ClientID, at time.Time) error {
	if signer.Member() != b.member {
		return fault.New(fault.Invalid, "incorrect_certificate", "Name in certificate (%s) does not match name in message (%s)", b.member, signer)
	}
	require.NotEmpty(b.t, ocsp)
	require.Empty(b.t, chain)
	if at.Before(cert.NotBefore) || at.After(cert.NotAfter) || !bytes.Equal(cert.RawIssuer, b.authority.RawSubject) {
		return fault.New(fault.Invalid, "cert_validation", "not under the authority")
	}
	if cert.SignatureAlgorithm == x509.SHA1WithRSA { // crypto/x509 does not know it any more, and X-Road's own tests do
		digest := sha1.Sum(cert.RawTBSCertificate)
		return rsa.VerifyPKCS1v15(b.authority.PublicKey.(*rsa.PublicKey), crypto.SHA1, digest[:], cert.Signature)
	}
	return cert.CheckSignatureFrom(b.authority)
}

func TestConformanceVerdicts(t *testing.T) {
	block, _ := pem.Decode(shared(t, "certs/root-ca.pem"))
	old, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	made, err := x509.ParseCertificate(shared(t, "made-by-xroad-7.2.2/ca.crt"))
	require.NoError(t, err)
	consumer, err := identifier.NewMember("EE", "BUSINESS", "consumer")
	require.NoError(t, err)
	someone, err := identifier.NewMember("EE", "BUSINESS", "foo")
	require.NoError(t, err)
	member, err := identifier.NewMember("DEV", "GOV", "00000000")
	require.NoError(t, err)
	oldDate, madeDate := time.Date(2014, 10, 30, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 20, 11, 10, 0, 0, time.UTC)

	message0, message1 := shared(t, "signatures/message-0.xml"), shared(t, "signatures/message-1.xml")
	madeMessage := shared(t, "made-by-xroad-7.2.2/message.xml")

	for name, c := range map[string]struct {
		signature, chain, result string
		parts                    []hashchain.Input
		authority                *x509.Certificate
		member, signer           identifier.ClientID
		at                       time.Time
		code                     string
	}{
		"sign-0":               {"signatures/sign-0.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, ""},
		"sign-0, other signer": {"signatures/sign-0.xml", "", "", sha512(message0), old, consumer, someone, oldDate, "incorrect_certificate"},
		"sign-0, other bytes":  {"signatures/sign-0.xml", "", "", sha512(message1), old, consumer, consumer, oldDate, "invalid_signature_value"},
		"sign-0, attachment":   {"signatures/sign-0.xml", "", "", sha512(message0, message1), old, consumer, consumer, oldDate, "malformed_signature"},
		"batch-sig": {"signatures/batch-sig.xml", "signatures/hash-chain-1.xml", "signatures/hash-chain-result.xml",
			sha512(message1, []byte("blaah")), old, consumer, consumer, oldDate, ""},
		"batch-sig, other attachment": {"signatures/batch-sig.xml", "signatures/hash-chain-1.xml", "signatures/hash-chain-result.xml",
			sha512(message1, []byte("blaaah")), old, consumer, consumer, oldDate, "malformed_signature.invalid_hash_chain"},
		"batch-sig, attachment left out": {"signatures/batch-sig.xml", "signatures/hash-chain-1.xml", "signatures/hash-chain-result.xml",
			sha512(message1), old, consumer, consumer, oldDate, "malformed_signature.invalid_reference"},
		"batch-sig, no chain":   {"signatures/batch-sig.xml", "", "", sha512(message1), old, consumer, consumer, oldDate, "malformed_signature"},
		"no signature":          {"signatures/sign-0-no-signature.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "malformed_signature"},
		"no signing cert":       {"signatures/sign-0-no-signing-cert.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "malformed_signature"},
		"no object container":   {"signatures/sign-0-no-objectcontainer.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "malformed_signature"},
		"schema failure":        {"signatures/sign-0-schema-fail.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "malformed_signature"},
		"no OCSP responses":     {"signatures/sign-0-ocsp-no-responses.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "malformed_signature"},
		"malformed XML":         {"signatures/sign-0-malformed-xml.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "invalid_xml"},
		"empty":                 {"signatures/empty.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "invalid_xml"},
		"extra certs, digest":   {"signatures/extra-certs-digest-invalid.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "malformed_signature"},
		"extra certs, missing":  {"signatures/extra-certs-missing-cert.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "malformed_signature"},
		"manifest, time-stamps": {"signatures/xades.signature.ts.xml", "", "", sha512(message0), old, consumer, consumer, oldDate, "malformed_signature"},
		"X-Road 7.2.2":          {"made-by-xroad-7.2.2/signature-single.xml", "", "", sha512(madeMessage), made, member, member, madeDate, ""},
		"X-Road 7.2.2, other":   {"made-by-xroad-7.2.2/signature-single.xml", "", "", sha512(message0), made, member, member, madeDate, "invalid_signature_value"},
		"X-Road 7.2.2, batch": {"made-by-xroad-7.2.2/signature-batch.xml", "made-by-xroad-7.2.2/signature-batch.hashchain.xml",
			"made-by-xroad-7.2.2/signature-batch.hashchainresult.xml", sha512(madeMessage), made, member, member, madeDate, ""},
		"X-Road 7.2.2, other chain": {"made-by-xroad-7.2.2/signature-batch.xml", "signatures/hash-chain-1.xml", "signatures/hash-chain-result.xml",
			sha512(message1, []byte("blaah")), made, member, member, madeDate, "invalid_signature_value"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := xades.Parse(shared(t, c.signature))
			if err == nil {
				var chain, result []byte
				if c.chain != "" {
					chain, result = shared(t, c.chain), shared(t, c.result)
				}
				err = xades.VerifyMessage(s, believer{t, c.authority, c.member}, c.signer, chain, result, c.parts, c.at)
			}
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			t.Log(err)
			require.Equal(t, c.code, fault.CodeOf(err))
		})
	}
}

func TestConformanceOtherMakers(t *testing.T) {
	dss, err := xades.Parse(shared(t, "signatures/non-batch-sig/signatures.xml"))
	require.NoError(t, err)
	message, attachment := shared(t, "signatures/non-batch-sig/message.xml"), shared(t, "signatures/non-batch-sig/attachment1")
	require.NoError(t, dss.Verify(nil, nil, sha512(message, attachment)))
	require.Equal(t, "invalid_signature_value", fault.CodeOf(dss.Verify(nil, nil, sha512(message, message))))
	require.Equal(t, "malformed_signature", fault.CodeOf(dss.Verify(nil, nil, sha512(message))))
	require.Equal(t, time.Date(2024, 7, 9, 7, 38, 53, 0, time.UTC), dss.SigningTime())
	require.Len(t, dss.OCSP(), 1)

	_, err = xades.Parse(shared(t, "signatures/proxy/signature.xml"))
	require.NoError(t, err)
}

// entries unpacks a container with a program that is not ours.
func entries(t *testing.T, container string) map[string][]byte {
	dir := t.TempDir()
	output, err := exec.Command("unzip", "-q", testkit.Shared(t, "vectors/asic/"+container), "-d", dir).CombinedOutput()
	require.NoError(t, err, string(output))
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	}))
	return files
}

func TestConformanceContainers(t *testing.T) {
	for name, code := range map[string]string{
		"valid-signed-message.asice":               "",
		"valid-batch-ts.asice":                     "",
		"valid-non-batch-soap-attachments.asice":   "",
		"invalid-not-signed-hashchain.asice":       "",
		"valid-signed-hashchain.asice":             "",
		"invalid-digest.asice":                     "invalid_signature_value",
		"wrong-message.asice":                      "invalid_signature_value",
		"invalid-hashchain-modified-message.asice": "malformed_signature.hashchain_unused_inputs",
	} {
		t.Run(name, func(t *testing.T) {
			files := entries(t, "asic-verifier/"+name)
			s, err := xades.Parse(files["META-INF/signatures.xml"])
			require.NoError(t, err)
			var attachments [][]byte
			for i := 1; files["attachment"+string(rune('0'+i))] != nil; i++ {
				attachments = append(attachments, files["attachment"+string(rune('0'+i))])
			}
			parts := append(sha512(files["message.xml"], attachments...), unlogged(t, files)...)
			err = s.Verify(files["sig-hashchain.xml"], files["sig-hashchainresult.xml"], parts)
			if code == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, code, fault.CodeOf(err))
		})
	}
}

// unlogged gives parts that a message log leaves out of its containers; their digests stand only in the hash chain.
func unlogged(t *testing.T, files map[string][]byte) []hashchain.Input {
	if files["META-INF/signatures.xml"] == nil || !bytes.Contains(files["META-INF/signatures.xml"], []byte(hashchain.ResultName)) {
		return nil
	}
	var parts []hashchain.Input
	for _, found := range regexp.MustCompile(`(?s)DataRef URI="(/attachment\d+)">\s*<DigestValue>([^<]*)<`).FindAllSubmatch(files["sig-hashchain.xml"], -1) {
		if files[string(found[1][1:])] == nil {
			parts = append(parts, hashchain.Input{Name: string(found[1]), Digest: decode(t, string(found[2]))})
		}
	}
	return parts
}

// masked hides what differs between two signatures of the same shape.
func masked(document []byte) string {
	s := string(document)
	for _, tag := range []string{"ds:DigestValue", "ds:X509Certificate", "ds:X509IssuerName", "ds:X509SerialNumber", "xades:SigningTime", "xades:EncapsulatedOCSPValue"} {
		s = regexp.MustCompile(`(?s)(<`+tag+`[^>]*>)[^<]*(</`+tag+`>)`).ReplaceAllString(s, "$1…$2")
	}
	// The line breaks of the value are compared, its text is not: equal keys make equal lengths.
	return regexp.MustCompile(`(?s)<ds:SignatureValue .*</ds:SignatureValue>`).ReplaceAllStringFunc(s, func(v string) string {
		return regexp.MustCompile(`(?m)^[A-Za-z0-9+/]+=*(&#13;)?$`).ReplaceAllString(v, "…$1")
	})
}

func TestConformanceShapeOfOurSignatures(t *testing.T) {
	c := credential(t, rsaKey(t))
	message := sha512(shared(t, "made-by-xroad-7.2.2/message.xml"))
	single, err := xades.Sign(rand.Reader, time.Now(), c, signature.SHA512, message)
	require.NoError(t, err)
	require.Equal(t, masked(shared(t, "made-by-xroad-7.2.2/signature-single.xml")), masked(single.XML))
	require.Nil(t, single.HashChain)

	batch, err := xades.SignBatch(rand.Reader, time.Now(), c, signature.SHA512, [][]hashchain.Input{message, message, message})
	require.NoError(t, err)
	require.Equal(t, masked(shared(t, "made-by-xroad-7.2.2/signature-batch.xml")), masked(batch[0].XML))
	require.Equal(t, string(shared(t, "made-by-xroad-7.2.2/signature-batch.hashchain.xml")), string(batch[0].HashChain))
	require.Equal(t, string(shared(t, "made-by-xroad-7.2.2/signature-batch.hashchainresult.xml")), string(batch[0].HashChainResult))
}

// PKCS#1 v1.5 signatures are the same every time: with X-Road's test key, time and OCSP response, our document is X-Road's to the last byte.
func TestConformanceBytesOfASignature(t *testing.T) {
	theirs := shared(t, "signatures/sign-0.xml")
	parsed, err := xades.Parse(theirs)
	require.NoError(t, err)
	block, _ := pem.Decode(shared(t, "certs/consumer.key"))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	require.NoError(t, err)
	c := signature.Credential{Signer: key, Certificate: parsed.Certificate(), OCSP: parsed.OCSP()}
	ours, err := xades.Sign(rand.Reader, parsed.SigningTime(), c, signature.SHA512, sha512(shared(t, "signatures/message-0.xml")))
	require.NoError(t, err)
	require.Equal(t, string(theirs), string(ours.XML))
}

func TestConformanceSchemas(t *testing.T) {
	folder := filepath.Dir(testkit.Shared(t, "schemas/signature/xades-schema.xsd"))
	c := credential(t, rsaKey(t))
	c.Chain = append(c.Chain, c.Certificate)
	message := sha512([]byte("message"))
	signed, err := xades.SignBatch(rand.Reader, time.Now(), c, signature.SHA256, [][]hashchain.Input{parts(signature.SHA256, 1), parts(signature.SHA256, 3)})
	require.NoError(t, err)
	single, err := xades.Sign(rand.Reader, time.Now(), c, signature.SHA512, message)
	require.NoError(t, err)
	stamped, err := xades.AddTimestamp(single.XML, []byte("token"))
	require.NoError(t, err)
	for _, document := range [][]byte{signed[0].XML, single.XML, stamped} {
		text := string(document)
		// Validated like X-Road does: the signature alone, and then its qualifying properties, which XML-DSig's schema takes for anything.
		inner := text[strings.Index(text, "<ds:Signature "):strings.LastIndex(text, "</asic:")]
		inner = strings.Replace(inner, "<ds:Signature ", `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" `, 1)
		validate(t, filepath.Join(folder, "xmldsig-core-schema.xsd"), inner)
		properties := text[strings.Index(text, "<xades:QualifyingProperties "):strings.Index(text, "</ds:Object>")]
		properties = strings.Replace(properties, "<xades:QualifyingProperties ", `<xades:QualifyingProperties xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" `, 1)
		validate(t, filepath.Join(folder, "xades-schema.xsd"), properties)
	}
}

func decode(t testing.TB, text string) []byte {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	require.NoError(t, err)
	return data
}
