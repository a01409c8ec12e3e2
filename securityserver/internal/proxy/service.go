package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
)

// services calls the services of this server's clients. Connections are kept for each provider apart, because each provider has its own
// trusted certificates.
type services struct {
	config Config

	mu    sync.Mutex
	doors map[doorKey]*http.Transport
}

// doorKey names what a connection was made for.
type doorKey struct {
	provider  identifier.ClientID
	verifyTLS bool
	trusted   [sha256.Size]byte // of the provider's internal TLS certificates, when they are verified
}

const maxDoors = 1000

func newServices(c Config) *services {
	return &services{config: c, doors: map[doorKey]*http.Transport{}}
}

// serviceResponse is a service's response, read up to the end of its SOAP message. The attachments come as they are read.
type serviceResponse struct {
	message     *soap.Message
	contentType string
	headers     soap.Fields
	parts       *soap.MultipartReader
	body        io.ReadCloser
	cancel      context.CancelFunc
}

func (r *serviceResponse) close() {
	r.body.Close()
	r.cancel()
}

// call sends the message to the service and reads the SOAP message of the response. The time-out of the service covers everything, also
// the attachments that are still to be read.
func (s *services) call(ctx context.Context, req *request) (*serviceResponse, error) {
	h := &req.head.Message.Header
	if req.service.URL == "" {
		return nil, fault.New(fault.Conflict, "service_missing_url", "Service address not specified for '%s'", h.Service)
	}
	u, err := url.Parse(req.service.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fault.Wrap(err, fault.Conflict, "service_malformed_url", "Malformed service address '%s': %s", req.service.URL, "an http or https URL is expected")
	}
	door, err := s.door(ctx, h.Service.Provider(), u.Scheme == "https" && req.service.VerifyTLS)
	if err != nil {
		return nil, err
	}
	timeout := req.service.Timeout
	if timeout <= 0 {
		timeout = serviceTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	response, err := s.post(ctx, door, req) //nolint:bodyclose // serviceResponse.close closes it
	if err != nil {
		cancel()
		return nil, err
	}
	r := &serviceResponse{body: response.Body, cancel: cancel}
	if err := s.read(r, response); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (s *services) post(ctx context.Context, door *http.Transport, req *request) (*http.Response, error) {
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, req.service.URL, nil)
	if err != nil {
		return nil, fault.Wrap(err, fault.Conflict, "service_malformed_url", "Malformed service address '%s': %s", req.service.URL, "it cannot be requested")
	}
	contentType := req.head.Message.ContentType
	if len(req.rest.Attachments) > 0 {
		contentType = req.header.OriginalContentType
		reader, writer := io.Pipe()
		post.Body = reader
		done := make(chan struct{})
		go func() {
			defer close(done)
			writer.CloseWithError(writeSOAP(writer, contentType, req.head, req.rest))
		}()
		// The request's attachments are freed when the exchange is over: nobody may read them then.
		defer func() {
			_ = reader.Close()
			<-done
		}()
	} else {
		raw := req.head.Message.Raw
		post.Body, post.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
		post.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
	}
	post.Header["Content-Type"] = []string{contentType}
	post.Header["SOAPAction"] = []string{req.header.OriginalSOAPAction}
	post.Header["User-Agent"] = nil
	return door.RoundTrip(post)
}

// read reads the SOAP message of a response; status 200 and 500 may carry one.
func (s *services) read(r *serviceResponse, response *http.Response) error {
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusInternalServerError {
		return fault.New(fault.Unavailable, "http_error", "Server responded with error %d: %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	r.contentType = response.Header.Get("Content-Type")
	if r.contentType == "" {
		return fault.New(fault.Unavailable, "invalid_content_type", "Could not get content type from response")
	}
	multipart, err := soap.IsMultipart(r.contentType)
	if err != nil {
		return err
	}
	partType, part := r.contentType, io.Reader(r.body)
	if multipart {
		if r.parts, err = soap.NewMultipartReader(r.body, r.contentType, soap.Limits{}); err != nil {
			return err
		}
		first, err := r.parts.Next()
		if errors.Is(err, io.EOF) {
			return fault.New(fault.Unavailable, "invalid_message", "No response message received from service")
		}
		if err != nil {
			return err
		}
		r.headers, part, partType = first.Headers, first, first.Headers.Get("Content-Type")
	}
	raw, err := readMessage(part, s.config.Limits)
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return fault.New(fault.Unavailable, "invalid_message", "No response message received from service")
	}
	r.message, err = soap.Parse(raw, partType)
	return err
}

// door gives the kept connections for a provider. Our internal TLS certificate is shown to every service that asks; the service's own is
// compared with the provider's internal certificates if its setting says so (and then nothing else counts, as with X-Road).
func (s *services) door(ctx context.Context, provider identifier.ClientID, verifyTLS bool) (*http.Transport, error) {
	key := doorKey{provider: provider, verifyTLS: verifyTLS}
	var trusted [][]byte
	if verifyTLS {
		client, _, err := s.config.Clients.Registered(ctx, provider)
		if err != nil {
			return nil, err
		}
		if trusted = client.Certificates; len(trusted) == 0 {
			return nil, fault.New(fault.Conflict, tlsFailed, "Client '%s' has no IS certificates", provider)
		}
		key.trusted = sha256.Sum256(bytes.Join(trusted, nil))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if door, ok := s.doors[key]; ok {
		return door, nil
	}
	if len(s.doors) >= maxDoors {
		for _, door := range s.doors {
			door.CloseIdleConnections()
		}
		clear(s.doors)
	}
	door := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		TLSClientConfig:        s.tlsConfig(trusted, verifyTLS),
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdlePerPeer,
		IdleConnTimeout:        poolTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ExpectContinueTimeout:  time.Second,
	}
	s.doors[key] = door
	return door, nil
}

func (s *services) tlsConfig(trusted [][]byte, verify bool) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		Time:               s.config.Now,
		InsecureSkipVerify: true, // VerifyConnection compares with the provider's certificates, or the setting says not to
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return s.config.InternalTLS()
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			if !verify {
				return nil
			}
			if len(state.PeerCertificates) > 0 &&
				slices.ContainsFunc(trusted, func(c []byte) bool { return bytes.Equal(c, state.PeerCertificates[0].Raw) }) {
				return nil
			}
			return fault.New(fault.Unauthorized, tlsFailed, "Service's TLS certificate does not match any IS certificates of its provider")
		},
	}
}
