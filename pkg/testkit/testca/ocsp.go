package testca

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // X-Road's CertID
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"
)

// OCSPOptions bend a response for tests; zero fields keep what OCSP would say.
type OCSPOptions struct {
	ThisUpdate, NextUpdate time.Time
	NoNextUpdate           bool
	ByCA                   bool // signed with the CA's key instead of the responder's
	NotEmbedded            bool // without the responder's certificate
	Hash                   crypto.Hash
	Unknown                bool
}

// OCSP makes the response for a certificate, as the responder would now: SHA-1 CertID, nextUpdate in an hour, the responder's certificate
// embedded. A certificate that was not issued here is unknown.
func (c *CA) OCSP(cert *x509.Certificate) ([]byte, error) { return c.OCSPWith(cert, OCSPOptions{}) }

// OCSPWith makes a response as OCSP does, bent by options.
func (c *CA) OCSPWith(cert *x509.Certificate, o OCSPOptions) ([]byte, error) {
	return c.respond(cert.SerialNumber, o)
}

func (c *CA) respond(serial *big.Int, o OCSPOptions) ([]byte, error) {
	now := c.config.Now().UTC().Truncate(time.Second)
	template := ocsp.Response{
		Status: ocsp.Good, SerialNumber: serial, ThisUpdate: now, NextUpdate: now.Add(time.Hour), IssuerHash: o.Hash, Certificate: c.ocsp.certificate,
	}
	if !o.ThisUpdate.IsZero() {
		template.ThisUpdate = o.ThisUpdate
	}
	if !o.NextUpdate.IsZero() {
		template.NextUpdate = o.NextUpdate
	}
	if o.NoNextUpdate {
		template.NextUpdate = time.Time{}
	}
	c.mu.Lock()
	r := c.issued[serial.Int64()]
	switch {
	case r == nil || !serial.IsInt64() || o.Unknown:
		template.Status = ocsp.Unknown
	case r.RevokedAt != nil:
		template.Status, template.RevokedAt, template.RevocationReason = ocsp.Revoked, *r.RevokedAt, ocsp.KeyCompromise
		if r.OnHold {
			template.RevocationReason = ocsp.CertificateHold
		}
	}
	c.mu.Unlock()
	signer := c.ocsp
	if o.ByCA {
		signer, template.Certificate = c.ca, nil
	}
	if o.NotEmbedded {
		template.Certificate = nil
	}
	der, err := ocsp.CreateResponse(c.ca.certificate, signer.certificate, template, signer.key)
	if err != nil {
		return nil, fmt.Errorf("creating OCSP response: %w", err)
	}
	return der, nil
}

// OCSPHandler answers OCSP requests: POST of the DER, or GET with the base64 of it as the end of the path. A request for another CA or with a
// CertID other than SHA-1 is answered "unauthorized", a broken one "malformedRequest".
func (c *CA) OCSPHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request *ocsp.Request
		switch r.Method {
		case http.MethodPost:
			body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
			if err == nil {
				request, _ = ocsp.ParseRequest(body)
			}
		case http.MethodGet:
			request = requestInPath(r.URL.EscapedPath())
		default:
			http.Error(w, "POST or GET", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		_, _ = w.Write(c.answer(request))
	})
}

const maxRequest = 64 << 10

func (c *CA) answer(request *ocsp.Request) []byte {
	if request == nil {
		return ocsp.MalformedRequestErrorResponse
	}
	name := sha1.Sum(c.ca.certificate.RawSubject) //nolint:gosec // X-Road's CertID
	if request.HashAlgorithm != crypto.SHA1 || !bytes.Equal(request.IssuerNameHash, name[:]) {
		return ocsp.UnauthorizedErrorResponse
	}
	der, err := c.respond(request.SerialNumber, OCSPOptions{})
	if err != nil {
		return ocsp.InternalErrorErrorResponse
	}
	return der
}

// requestInPath reads the longest end of the path that is a request; base64 itself may hold slashes.
func requestInPath(path string) *ocsp.Request {
	for {
		_, rest, found := strings.Cut(path, "/")
		if !found {
			return nil
		}
		path = rest
		text, err := url.PathUnescape(path)
		if err != nil {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		if request, err := ocsp.ParseRequest(der); err == nil {
			return request
		}
	}
}
