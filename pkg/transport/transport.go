// Package transport writes and reads the message between two security servers (PR-MESSTRANSP; proxy to proxy over HTTP).
//
// A message is one multipart/mixed body: OCSP responses (requests only), the SOAP message, the attachments nested in a multipart of their
// own, hash chain result and hash chain, and the signature at the end. It is read by a state machine that only moves forward. Attachments
// are never held in memory as a whole: their digests are computed as they pass, and what must be read twice waits in a file.
package transport

import (
	"fmt"
	"io"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
)

// Content types of the parts.
const (
	typeOCSP        = "application/ocsp-response"
	typeNested      = "multipart/mixed"
	typeChainResult = "application/hash-chain-result"
	typeChain       = "application/hash-chain"
	typeSignature   = "signature/bdoc-1.0/ts"
	typeFault       = "text/xml; charset=UTF-8"
)

// HTTP headers. Java reads those of a response through a case-sensitive map with these lower-case names, so they are never canonicalised
// on the way out.
const (
	headerDigest      = "x-hash-algorithm"
	headerVersion     = "x-proxy-version"
	headerContentType = "x-original-content-type"
	headerSOAPAction  = "x-original-soapaction"
	headerRequestID   = "x-road-request-id"
)

// Header is what the HTTP headers say about a message.
type Header struct {
	Digest              signature.Digest // of the parts, the hash chain and the signature
	ProxyVersion        string           // requests only
	OriginalContentType string           // of what the information system sent
	OriginalSOAPAction  string           // requests only; may be ""
	RequestID           string           // requests only; for logs
}

// SetRequest puts the headers of a request into an http.Header.
func (h Header) SetRequest(to map[string][]string) {
	to[headerDigest] = []string{h.Digest.Name}
	to[headerVersion] = []string{h.ProxyVersion}
	to[headerContentType] = []string{h.OriginalContentType}
	to[headerSOAPAction] = []string{h.OriginalSOAPAction}
	to[headerRequestID] = []string{h.RequestID}
}

// SetResponse puts the headers of a response into an http.Header.
func (h Header) SetResponse(to map[string][]string) {
	to[headerDigest] = []string{h.Digest.Name}
	to[headerContentType] = []string{h.OriginalContentType}
}

// ReadHeader reads the headers of a request or response. A message without a known digest algorithm is refused with code internal_error or
// unsupported_algorithm.
func ReadHeader(from map[string][]string) (Header, error) {
	h := Header{
		ProxyVersion:        get(from, headerVersion),
		OriginalContentType: get(from, headerContentType),
		OriginalSOAPAction:  get(from, headerSOAPAction),
		RequestID:           get(from, headerRequestID),
	}
	name := get(from, headerDigest)
	if name == "" {
		return Header{}, fault.New(fault.Invalid, "internal_error", "Could not get hash algorithm identifier from message")
	}
	digest, err := signature.DigestByName(name)
	if err != nil {
		return Header{}, err
	}
	if !digest.IsStrong() {
		return Header{}, fault.New(fault.Invalid, "unsupported_algorithm", "Unsupported algorithm: %s", digest.Name)
	}
	h.Digest = digest
	return h, nil
}

// get reads a header in whatever spelling it arrived.
func get(from map[string][]string, name string) string {
	for spelled, values := range from {
		if len(values) > 0 && strings.EqualFold(spelled, name) {
			return values[0]
		}
	}
	return ""
}

// Limits bound one message.
type Limits struct {
	Message     int64  // bytes of the SOAP part
	Signature   int64  // bytes of each of signature, hash chain and hash chain result
	OCSP        int    // OCSP responses, of at most 64 KiB each
	Attachments int    // how many
	Bytes       int64  // of all attachments together
	Memory      int64  // bytes of attachments kept in memory; what is more goes to a file
	Dir         string // folder of these files; "" is the system's
}

// DefaultLimits suits both proxies.
var DefaultLimits = Limits{Message: 1 << 20, Signature: 1 << 20, OCSP: 8, Attachments: 1000, Bytes: 4 << 30, Memory: 64 << 10}

const maxOCSP = 64 << 10

// readAll reads a part that must be short.
func readAll(r io.Reader, limit int64, what string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fault.New(fault.TooLarge, "invalid_message", "%s has more than %d bytes", what, limit)
	}
	return data, nil
}

// boundary30 makes the thirty random letters that the boundaries of one message share.
func boundary30(rand io.Reader) (string, error) {
	var b [30]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("making a boundary: %w", err)
	}
	for i := range b {
		b[i] = 'a' + b[i]%26
	}
	return string(b[:]), nil
}
