package certificate_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

const unfit = "incorrect_validation_info"

func TestVerifyOCSP(t *testing.T) {
	ca := newCA(t, "Test CA")
	cert := issue(t, ca, testca.Spec{}).Certificate
	revoked, held := issue(t, ca, testca.Spec{}).Certificate, issue(t, ca, testca.Spec{}).Certificate
	require.NoError(t, ca.Revoke(revoked))
	require.NoError(t, ca.Suspend(held))
	trust := ca.Trust("EE")
	sn := cert.SerialNumber.String()
	with := func(c *x509.Certificate, o testca.OCSPOptions) []byte {
		der, err := ca.OCSPWith(c, o)
		require.NoError(t, err)
		return der
	}
	for _, c := range []struct {
		name          string
		cert          *x509.Certificate
		response      []byte
		at            time.Time
		code, message string
	}{
		{"good", cert, with(cert, testca.OCSPOptions{}), now, "", ""},
		{"good, by the CA", cert, with(cert, testca.OCSPOptions{ByCA: true}), now, "", ""},
		{"good, responder not embedded", cert, with(cert, testca.OCSPOptions{NotEmbedded: true}), now, "", ""},
		{"good, as old as allowed", cert, with(cert, testca.OCSPOptions{ThisUpdate: now.Add(-time.Hour)}), now, "", ""},
		{"good, thisUpdate in the future", cert, with(cert, testca.OCSPOptions{ThisUpdate: now.Add(24 * time.Hour)}), now, "", ""},
		{"good, nextUpdate now", cert, with(cert, testca.OCSPOptions{NextUpdate: now}), now, "", ""},
		{"good, no nextUpdate", cert, with(cert, testca.OCSPOptions{NoNextUpdate: true}), now, "", ""},
		{"another certificate", cert, with(revoked, testca.OCSPOptions{}), now, unfit, "OCSP response does not apply to certificate (sn = " + sn + ")"},
		{"SHA-256 CertID", cert, with(cert, testca.OCSPOptions{Hash: crypto.SHA256}), now, unfit,
			"OCSP response does not apply to certificate (sn = " + sn + ")"},
		{"too old", cert, with(cert, testca.OCSPOptions{ThisUpdate: now.Add(-time.Hour - time.Second)}), now, unfit,
			"OCSP response is too old (thisUpdate: 2026-03-01T10:59:59Z)"},
		{"nextUpdate passed", cert, with(cert, testca.OCSPOptions{NextUpdate: now.Add(-time.Second)}), now, unfit,
			"OCSP nextUpdate is too old, atDate: 2026-03-01T12:00:00Z nextUpdate: 2026-03-01T11:59:59Z"},
		{"revoked", revoked, with(revoked, testca.OCSPOptions{}), now, "cert_validation",
			"OCSP response indicates certificate status is REVOKED (date: 2026-03-01 12:00:00)"},
		{"on hold", held, with(held, testca.OCSPOptions{}), now, "cert_validation",
			"OCSP response indicates certificate status is REVOKED (date: 2026-03-01 12:00:00)"},
		{"revoked and old", revoked, with(revoked, testca.OCSPOptions{}), now.Add(2 * time.Hour), unfit,
			"OCSP response is too old (thisUpdate: 2026-03-01T12:00:00Z)"},
		{"unknown", cert, with(cert, testca.OCSPOptions{Unknown: true}), now, "cert_validation",
			"OCSP response indicates certificate status is UNKNOWN"},
		{"no response at all", cert, []byte("no"), now, unfit, "OCSP response cannot be read"},
		{"responder's error", cert, ocsp.TryLaterErrorResponse, now, unfit, "OCSP response cannot be read"},
		{"empty", cert, nil, now, unfit, "OCSP response cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time from memory
				err := trust.VerifyOCSP(c.cert, c.response, c.at)
				if c.code == "" {
					require.NoError(t, err)
				} else {
					refused(t, err, c.code, c.message)
				}
			}
		})
	}
	trust.VerifyNextUpdate = false
	require.NoError(t, trust.VerifyOCSP(cert, with(cert, testca.OCSPOptions{NextUpdate: now.Add(-time.Second)}), now))
	refused(t, trust.VerifyOCSP(issue(t, newCA(t, "Other CA"), testca.Spec{}).Certificate, nil, now), "internal_error", notApproved)

	for der, want := range map[string]certificate.Status{
		string(with(cert, testca.OCSPOptions{})): certificate.Good, string(with(revoked, testca.OCSPOptions{})): certificate.Revoked,
		string(with(held, testca.OCSPOptions{})): certificate.Suspended, string(with(cert, testca.OCSPOptions{Unknown: true})): certificate.Unknown,
	} {
		r, err := certificate.ParseOCSP([]byte(der))
		require.NoError(t, err)
		require.Equal(t, want, r.Status)
		require.True(t, now.Equal(r.ThisUpdate))
		require.Equal(t, want == certificate.Revoked || want == certificate.Suspended, !r.RevokedAt.IsZero())
	}
}

// TestNoByteChangesWhatAResponseSays: the wrapper around the signed part is not signed, everything that matters is.
func TestNoByteChangesWhatAResponseSays(t *testing.T) {
	ca := newCA(t, "Test CA")
	c := issue(t, ca, testca.Spec{})
	trust := ca.Trust("EE")
	plain, err := ca.OCSPWith(c.Certificate, testca.OCSPOptions{NotEmbedded: true})
	require.NoError(t, err)
	want, err := certificate.ParseOCSP(plain)
	require.NoError(t, err)
	refusals := 0
	for i := range plain {
		changed := append([]byte(nil), plain...)
		changed[i] ^= 1
		if trust.VerifyOCSP(c.Certificate, changed, now) != nil {
			refusals++
			continue
		}
		got, err := certificate.ParseOCSP(changed)
		require.NoError(t, err)
		require.Equal(t, []any{want.Status, want.SerialNo, want.ThisUpdate, want.NextUpdate}, []any{got.Status, got.SerialNo, got.ThisUpdate, got.NextUpdate})
	}
	require.Greater(t, refusals, len(plain)-8)
}

// respond makes a response for a certificate of ca, signed by any key in the name of any certificate.
func respond(t *testing.T, ca *testca.CA, cert *x509.Certificate, signer signature.Credential, embed bool) []byte {
	t.Helper()
	template := ocsp.Response{Status: ocsp.Good, SerialNumber: cert.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
	if embed {
		template.Certificate = signer.Certificate
	}
	der, err := ocsp.CreateResponse(ca.Certificate(), signer.Certificate, template, signer.Signer)
	require.NoError(t, err)
	return der
}

func TestResponders(t *testing.T) {
	ca, other := newCA(t, "Test CA"), newCA(t, "Other CA")
	cert := issue(t, ca, testca.Spec{}).Certificate
	stranger := issue(t, other, testca.Spec{})
	own := issue(t, ca, testca.Spec{Usage: certificate.Authentication}) // issued by the CA, not for OCSP
	trust := ca.Trust("EE")

	refused(t, trust.VerifyOCSP(cert, respond(t, ca, cert, stranger, false), now), unfit, "Could not find OCSP certificate for responder ID")
	refused(t, trust.VerifyOCSP(cert, respond(t, ca, cert, stranger, true), now), unfit, "OCSP responder is not authorized for given CA")
	refused(t, trust.VerifyOCSP(cert, respond(t, ca, cert, own, true), now), unfit, "OCSP responder is not authorized for given CA")
	thief := signature.Credential{Signer: stranger.Signer, Certificate: ca.OCSPCertificate()}
	refused(t, trust.VerifyOCSP(cert, respond(t, ca, cert, thief, true), now), unfit, "Signature on OCSP response is not valid")

	listed := ca.Authority()
	listed.Responders = append(listed.Responders, certificate.Responder{Certificate: stranger.Certificate})
	trust = certificate.NewTrust("EE", []*certificate.Authority{listed, other.Authority()}, time.Hour)
	require.NoError(t, trust.VerifyOCSP(cert, respond(t, ca, cert, stranger, false), now), "listed for this CA, whoever issued it")

	// The other CA's own responder may not speak for this one.
	foreign, err := other.OCSP(stranger.Certificate)
	require.NoError(t, err)
	require.NoError(t, trust.VerifyOCSP(stranger.Certificate, foreign, now))
	refused(t, trust.VerifyOCSP(cert, foreign, now), unfit, "OCSP response does not apply to certificate (sn = "+cert.SerialNumber.String()+")")
}

func TestRenewedResponderUnderTheSameName(t *testing.T) {
	ca, before := newCA(t, "Test CA"), newCA(t, "Test CA")
	require.Equal(t, ca.OCSPCertificate().RawSubject, before.OCSPCertificate().RawSubject)
	authority := ca.Authority()
	authority.Responders = []certificate.Responder{{Certificate: before.OCSPCertificate()}}
	trust := certificate.NewTrust("EE", []*certificate.Authority{authority}, time.Hour)
	c := issue(t, ca, testca.Spec{})
	require.NoError(t, trust.VerifyOCSP(c.Certificate, c.OCSP[0], now))
}

// TestResponsesOfOpenSSL lets another implementation answer: by name and by key hash, and with several single responses.
func TestResponsesOfOpenSSL(t *testing.T) {
	ca := newCA(t, "Test CA")
	first, second := issue(t, ca, testca.Spec{}).Certificate, issue(t, ca, testca.Spec{}).Certificate
	dir := filepath.Join(t.TempDir(), "ca")
	require.NoError(t, ca.Save(dir))
	index := file(t, "index.txt", []byte("V\t360101000000Z\t\t"+hexSerial(first)+"\tunknown\t/CN=1\nV\t360101000000Z\t\t"+hexSerial(second)+"\tunknown\t/CN=2\n"))
	trust := ca.Trust("EE")
	one, two := file(t, "1.pem", certificate.EncodePEM(first)), file(t, "2.pem", certificate.EncodePEM(second))
	request := filepath.Join(t.TempDir(), "request")
	openssl(t, "ocsp", "-issuer", dir+"/ca.pem", "-cert", one, "-cert", two, "-no_nonce", "-reqout", request)
	for _, byKey := range []bool{false, true} {
		response := filepath.Join(t.TempDir(), "response")
		args := []string{"ocsp", "-index", index, "-CA", dir + "/ca.pem", "-rsigner", dir + "/ocsp.pem", "-rkey", dir + "/ocsp.key",
			"-reqin", request, "-respout", response, "-nmin", "60"}
		if byKey {
			args = append(args, "-resp_key_id")
		}
		openssl(t, args...)
		der := read(t, response)
		at := time.Now()
		require.NoError(t, trust.VerifyOCSP(first, der, at))
		refused(t, trust.VerifyOCSP(second, der, at), unfit, "OCSP response does not apply to certificate (sn = "+second.SerialNumber.String()+")")
	}
}

func TestRequestIsAnsweredByOpenSSL(t *testing.T) {
	ca := newCA(t, "Test CA")
	cert := issue(t, ca, testca.Spec{}).Certificate
	der, err := certificate.CreateOCSPRequest(cert, ca.Certificate())
	require.NoError(t, err)
	printed := openssl(t, "ocsp", "-reqin", file(t, "request", der), "-req_text")
	require.Contains(t, printed, "Hash Algorithm: sha1")
	require.Contains(t, printed, "Serial Number: "+hexSerial(cert))
	require.NotContains(t, printed, "Nonce")
}

func TestFetchOCSP(t *testing.T) {
	ca := newCA(t, "Test CA")
	cert := issue(t, ca, testca.Spec{}).Certificate
	request, err := certificate.CreateOCSPRequest(cert, ca.Certificate())
	require.NoError(t, err)
	answer := func(status int, media string, body []byte) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = w.Write(body)
		})
	}
	for _, c := range []struct {
		name    string
		handler http.Handler
		problem string
	}{
		{"good", ca.OCSPHandler(), ""},
		{"status", answer(503, "application/ocsp-response", nil), "status 503"},
		{"content type", answer(200, "text/html", []byte("<html>")), `content type "text/html"`},
		{"too large", answer(200, "application/ocsp-response", make([]byte, 65<<10)), "more than 65536 bytes"},
		{"refusal", answer(200, "application/ocsp-response", ocsp.UnauthorizedErrorResponse), "responder answered unauthorized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			der, err := certificate.FetchOCSP(t.Context(), server.Client(), server.URL, request)
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				require.Nil(t, der)
				return
			}
			require.NoError(t, err)
			require.NoError(t, ca.Trust("EE").VerifyOCSP(cert, der, now))
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = certificate.FetchOCSP(ctx, http.DefaultClient, "http://127.0.0.1:1/", request)
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzParseOCSP(f *testing.F) {
	ca := newCA(f, "Test CA")
	f.Add(issue(f, ca, testca.Spec{}).OCSP[0])
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := certificate.ParseOCSP(data)
		if err == nil {
			require.Equal(t, data, r.Raw)
		}
	})
}

func hexSerial(c *x509.Certificate) string {
	s := c.SerialNumber.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	}
	return s
}
