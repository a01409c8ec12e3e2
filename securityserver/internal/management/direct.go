package management

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/request"
)

// maxResponse bounds the central server's answer, as X-Road's bounded reader does for requests.
const maxResponse = 100_000

// direct posts authCertReg to the central server. The connection trusts exactly the certificate that the configuration names: neither
// chain nor dates nor host name count (PR-MSERV; X-Road does the same).
func (s *Sender) direct(ctx context.Context, service globalconf.ManagementService, sealed request.Sealed) (int64, error) {
	if u, err := url.Parse(service.AuthCertRegAddress); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return 0, fault.New(fault.Conflict, "internal_error", "Malformed management service address '%s'", service.AuthCertRegAddress)
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			Time:               s.config.Now,
			InsecureSkipVerify: true, // VerifyConnection pins the certificate instead
			VerifyConnection:   pinned(service.AuthCertRegCertificate),
		},
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, service.AuthCertRegAddress, bytes.NewReader(sealed.Body))
	if err != nil {
		return 0, fault.Wrap(err, fault.Conflict, "internal_error", "Malformed management service address '%s'", service.AuthCertRegAddress)
	}
	post.Header.Set("Content-Type", sealed.ContentType)
	response, err := transport.RoundTrip(post)
	if err != nil {
		return 0, unanswered(err, sent.Load())
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	switch {
	case err != nil:
		return 0, unanswered(err, true)
	case len(body) > maxResponse:
		return 0, fault.New(fault.Unavailable, "invalid_response", "Response of the central server is too long")
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusInternalServerError:
		return 0, refusedByStatus(response)
	}
	return read(body, response.Header.Get("Content-Type"), sealed)
}

// refusedByStatus judges a status that carries no SOAP: 4xx is a door that did not let the request in; for the rest nobody knows.
func refusedByStatus(response *http.Response) error {
	kind := fault.Unavailable
	if response.StatusCode >= 400 && response.StatusCode < 500 {
		kind = fault.Conflict
	}
	return fault.New(kind, "http_error", "Server responded with error %d: %s", response.StatusCode, http.StatusText(response.StatusCode))
}

// unanswered tells a request that never left from one whose outcome is unknown.
func unanswered(err error, sent bool) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && !sent {
		return f
	}
	if sent {
		return fault.Wrap(err, fault.Unavailable, "network_error", "The central server did not answer; the outcome is not known")
	}
	return fault.Wrap(err, fault.Conflict, "network_error", "Could not connect to the central server")
}

// pinned accepts the one certificate of the configuration. Without one in the configuration nothing is accepted: the answer would decide
// about a registration on the word of whoever answers.
func pinned(certificate []byte) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		switch {
		case len(state.PeerCertificates) == 0:
			return fault.New(fault.Conflict, "ssl_authentication_failed", "Central server did not send TLS certificate")
		case len(certificate) == 0:
			return fault.New(fault.Conflict, "ssl_authentication_failed", "Central server TLS certificate is not in global conf")
		case !bytes.Equal(state.PeerCertificates[0].Raw, certificate):
			return fault.New(fault.Conflict, "ssl_authentication_failed", "Central server TLS certificate does not match in global conf")
		}
		return nil
	}
}
