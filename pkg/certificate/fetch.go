package certificate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// maxOCSPResponse is the largest response that is read, in bytes.
const maxOCSPResponse = 64 << 10

// FetchOCSP asks a responder: POST application/ocsp-request, answered by 200 application/ocsp-response of at most 64 KiB. The time-out is
// the context's. The answer is parsed to see that it is a response with a status, and not verified.
func FetchOCSP(ctx context.Context, client *http.Client, url string, request []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(request))
	if err != nil {
		return nil, fmt.Errorf("asking OCSP responder: %w", err)
	}
	r.Header.Set("Content-Type", "application/ocsp-request")
	r.Header.Set("Accept", "application/ocsp-response")
	response, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("asking OCSP responder: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking OCSP responder %s: status %d", url, response.StatusCode)
	}
	if media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); media != "application/ocsp-response" {
		return nil, fmt.Errorf("asking OCSP responder %s: content type %q", url, media)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxOCSPResponse+1))
	if err != nil {
		return nil, fmt.Errorf("asking OCSP responder: %w", err)
	}
	if len(body) > maxOCSPResponse {
		return nil, fmt.Errorf("asking OCSP responder %s: more than %d bytes", url, maxOCSPResponse)
	}
	if _, err := ParseOCSP(body); err != nil {
		return nil, fmt.Errorf("asking OCSP responder %s: %w", url, err)
	}
	return body, nil
}
