// Package rest is an administrator's script's view of the REST APIs of both servers: an API key, JSON in and out, and the error bodies of X-Road 7.
package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// Client speaks to one server as one caller.
type Client struct {
	base string // https://127.0.0.10:4000
	http *http.Client
	key  string
}

// Error is an answer that was not a success.
type Error struct {
	Method, Path string
	Status       int
	Code         string
	Metadata     []string
	Warnings     []string
	Body         string
}

// Error names the call, the status and the code.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: HTTP %d", e.Method, e.Path, e.Status)
	if e.Code != "" {
		return text + " " + strings.Join(append([]string{e.Code}, e.Metadata...), " ")
	}
	return text + " " + e.Body
}

// New makes a client for the server at base. The servers of a fresh instance have self-signed certificates; connections are made on
// loopback only, where nobody stands between.
func New(base string) (*Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // a fresh server's self-signed certificate, on loopback
		IdleConnTimeout: 30 * time.Second,
	}
	return &Client{base: base, http: &http.Client{Transport: transport, Jar: jar, Timeout: 60 * time.Second}}, nil
}

// MakeAPIKey asks for an API key with name and password, as a script on the server's own machine does, and uses it from then on.
func (c *Client) MakeAPIKey(ctx context.Context, user, password string, roles ...string) error {
	body, err := json.Marshal(roles)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/v1/api-keys", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.SetBasicAuth(user, password)
	r.Header.Set("Content-Type", "application/json")
	data, _, err := c.do(r)
	if err != nil {
		return err
	}
	var made struct{ Key string }
	if err := json.Unmarshal(data, &made); err != nil {
		return fmt.Errorf("reading the API key: %w", err)
	}
	c.key = made.Key
	return nil
}

// UseAPIKey lets the client speak with a key that was made before.
func (c *Client) UseAPIKey(key string) { c.key = key }

// APIKey is the key in use.
func (c *Client) APIKey() string { return c.key }

// Call sends in as JSON (nil: no body) and reads the answer into out (nil: not read).
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	return c.send(ctx, method, path, body, "application/json", out)
}

// Upload sends bytes as application/octet-stream.
func (c *Client) Upload(ctx context.Context, method, path string, data []byte, out any) error {
	return c.send(ctx, method, path, bytes.NewReader(data), "application/octet-stream", out)
}

// Form sends fields and one file as multipart/form-data.
func (c *Client) Form(ctx context.Context, path string, fields map[string]string, fileField, fileName string, file []byte, out any) error {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			return err
		}
	}
	if fileField != "" {
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, fileField, fileName)},
			"Content-Type":        {"application/octet-stream"},
		})
		if err != nil {
			return err
		}
		if _, err := part.Write(file); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.send(ctx, http.MethodPost, path, &body, w.FormDataContentType(), out)
}

// Download reads an answer's bytes.
func (c *Client) Download(ctx context.Context, method, path string, in any) ([]byte, error) {
	var raw []byte
	err := c.Call(ctx, method, path, in, &raw)
	return raw, err
}

func (c *Client) send(ctx context.Context, method, path string, body io.Reader, contentType string, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Authorization", "X-Road-ApiKey token="+c.key)
	data, _, err := c.do(r)
	if err != nil || out == nil {
		return err
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = data
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	return nil
}

// do sends the request, and again after a moment when the server says that it is asked too often: nothing has happened then.
func (c *Client) do(r *http.Request) ([]byte, int, error) {
	for {
		data, status, err := c.once(r)
		if status != http.StatusTooManyRequests {
			return data, status, err
		}
		pause := time.NewTimer(slower)
		select {
		case <-r.Context().Done():
			pause.Stop()
			return nil, status, err
		case <-pause.C:
		}
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, 0, err
			}
		}
	}
}

// slower is the pause after "too many requests".
const slower = 250 * time.Millisecond

func (c *Client) once(r *http.Request) ([]byte, int, error) {
	response, err := c.http.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 32<<20))
	if err != nil {
		return nil, 0, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, response.StatusCode, errorFrom(r, response.StatusCode, data)
	}
	return data, response.StatusCode, nil
}

func errorFrom(r *http.Request, status int, data []byte) error {
	e := &Error{Method: r.Method, Path: r.URL.Path, Status: status, Body: strings.TrimSpace(string(data))}
	var body struct {
		Error struct {
			Code     string
			Metadata []string
		}
		Warnings []struct{ Code string }
	}
	if json.Unmarshal(data, &body) == nil {
		e.Code, e.Metadata = body.Error.Code, body.Error.Metadata
		for _, w := range body.Warnings {
			e.Warnings = append(e.Warnings, w.Code)
		}
	}
	return e
}

// Segment escapes an identifier for a path.
func Segment(id string) string { return url.PathEscape(id) }
