package soap

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// MultipartWriter writes a multipart body as peers do: CRLF line ends, header names exactly as given.
type MultipartWriter struct {
	w        io.Writer
	boundary string
	begun    bool
}

// NewMultipartWriter writes to w with this boundary, which must not occur in any part: take it from NewBoundary.
func NewMultipartWriter(w io.Writer, boundary string) *MultipartWriter {
	return &MultipartWriter{w: w, boundary: boundary}
}

// NewBoundary makes a boundary of 30 random letters and digits.
func NewBoundary(rand io.Reader) (string, error) {
	const alphabet = "abcdefghijklmnopqrstuvwxyz012345"
	var b [30]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("making a boundary: %w", err)
	}
	for i := range b {
		b[i] = alphabet[b[i]%byte(len(alphabet))]
	}
	return "xroad" + string(b[:]), nil
}

// CreatePart begins the next part. Its bytes are written to the returned writer until the next call of CreatePart or Close.
func (m *MultipartWriter) CreatePart(headers Fields) (io.Writer, error) {
	var b strings.Builder
	if m.begun {
		b.WriteString("\r\n")
	}
	m.begun = true
	b.WriteString("--" + m.boundary + "\r\n")
	for _, h := range headers {
		if h.Name == "" || strings.ContainsAny(h.Name, ":\r\n \t") || strings.ContainsAny(h.Value, "\r\n") {
			return nil, errors.New("writing a part: a header holds a line end or has a bad name")
		}
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	b.WriteString("\r\n")
	_, err := io.WriteString(m.w, b.String())
	return m.w, err
}

// WritePart writes one whole part.
func (m *MultipartWriter) WritePart(headers Fields, body []byte) error {
	w, err := m.CreatePart(headers)
	if err == nil {
		_, err = w.Write(body)
	}
	return err
}

// Close writes the last boundary. It does not close the writer underneath.
func (m *MultipartWriter) Close() error {
	end := "--" + m.boundary + "--\r\n"
	if m.begun {
		end = "\r\n" + end
	}
	_, err := io.WriteString(m.w, end)
	return err
}
