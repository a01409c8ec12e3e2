package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/soap"
)

// OCSPResponder gives other security servers the OCSP responses of this server's certificates (port 5577).
type OCSPResponder struct{ config Config }

// NewOCSPResponder makes the responder.
func NewOCSPResponder(c Config) *OCSPResponder { return &OCSPResponder{c.withDefaults()} }

// ServeHTTP answers GET /?cert=<SHA-1>&cert=… with one part for each certificate, in order. HEAD is a probe of life. A certificate without a
// usable response is status 500, as peers expect.
func (o *OCSPResponder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodHead:
		return
	case r.Method != http.MethodGet:
		http.Error(w, "Must use GET request method", http.StatusMethodNotAllowed)
		return
	}
	responses, err := o.find(r.URL.Query()["cert"])
	if err != nil {
		o.config.Log.Warn("OCSP responses were refused", zap.String("peer", r.RemoteAddr), zap.Error(err))
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	boundary := "ocsp" + rand.Text()
	w.Header().Set("Content-Type", "multipart/related; charset=UTF-8; boundary="+boundary)
	parts := soap.NewMultipartWriter(w, boundary)
	for _, der := range responses {
		if parts.WritePart(soap.Fields{{Name: "content-type", Value: "application/ocsp-response"}}, der) != nil {
			return // the peer is gone
		}
	}
	_ = parts.Close()
}

func (o *OCSPResponder) find(hashes []string) ([][]byte, error) {
	if len(hashes) == 0 || len(hashes) > maxCertificates {
		return nil, fmt.Errorf("between 1 and %d certificate hashes are expected", maxCertificates)
	}
	var found [][]byte
	for _, hash := range hashes {
		if raw, err := hex.DecodeString(hash); err != nil || len(raw) != 20 {
			return nil, fmt.Errorf("malformed certificate hash")
		}
		der, ok := o.config.Credentials.OCSPBySHA1(hash)
		if !ok {
			return nil, fmt.Errorf("no OCSP response for certificate %s", hash)
		}
		found = append(found, der)
	}
	return found, nil
}
