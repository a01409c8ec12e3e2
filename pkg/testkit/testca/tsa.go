package testca

import (
	"crypto"
	"encoding/asn1"
	"io"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
)

// policy is the time-stamping policy that every token names; it stands for nothing.
var policy = asn1.ObjectIdentifier{1, 2, 3, 4, 1}

// Timestamp answers an RFC 3161 request (DER) with a response (DER). SHA-256, SHA-384 and SHA-512 imprints are accepted; the rest is a
// rejection inside the response.
func (c *CA) Timestamp(request []byte) ([]byte, error) {
	r, err := timestamp.ParseRequest(request)
	if err != nil {
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadDataFormat)
	}
	switch r.HashAlgorithm {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	default:
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadAlgorithm)
	}
	if len(r.HashedMessage) != r.HashAlgorithm.Size() {
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadDataFormat)
	}
	token := timestamp.Timestamp{
		HashAlgorithm: r.HashAlgorithm, HashedMessage: r.HashedMessage, Nonce: r.Nonce, Policy: policy,
		Time: c.config.Now().UTC().Truncate(time.Second), Accuracy: time.Second, AddTSACertificate: r.Certificates,
	}
	return token.CreateResponseWithOpts(c.tsa.certificate, c.tsa.key, crypto.SHA256)
}

// TSAHandler answers POSTed time-stamp requests on any path.
func (c *CA) TSAHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.Error(w, "POST", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
		if err != nil {
			http.Error(w, "request cannot be read", http.StatusBadRequest)
			return
		}
		response, err := c.Timestamp(body)
		if err != nil {
			http.Error(w, "time-stamping failed", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(response)
	})
}
