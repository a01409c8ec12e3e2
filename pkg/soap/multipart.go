package soap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Field is one header of a part, with its name spelled as it travels.
type Field struct{ Name, Value string }

// Fields are the headers of a part in the order they travel.
type Fields []Field

// Get gives the first value of the header whose name matches without regard to case, "" for none.
func (f Fields) Get(name string) string {
	for _, field := range f {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// Part is one part of a multipart body; Body holds its exact bytes, with no transfer encoding undone.
type Part struct {
	Headers Fields
	Body    []byte
}

// Get gives the first value of a header without regard to the case of its name.
func (p Part) Get(name string) string { return p.Headers.Get(name) }

// Limits bound a multipart body; zero means no bound. The headers of one part have at most 32 KiB always.
type Limits struct {
	Parts int   // number of parts
	Part  int64 // bytes of one part's body
}

const maxHeaderBytes = 32 << 10

// ReadMultipart reads a whole multipart body into memory. It may have no parts at all: the caller knows which it needs. Code
// mime_parsing_failed, of kind TooLarge when a limit is passed.
func ReadMultipart(r io.Reader, contentType string, limits Limits) ([]Part, error) {
	reader, err := NewMultipartReader(r, contentType, limits)
	if err != nil {
		return nil, err
	}
	var parts []Part
	for {
		p, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return parts, nil
		}
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, Part{p.Headers, body})
	}
}

// MultipartReader reads the parts of a multipart body one after the other and holds only a buffer of the body in memory. It takes
// bare line feeds for line ends when the first boundary line ends with one, and a last boundary without its final hyphens.
type MultipartReader struct {
	r         *bufio.Reader
	delimiter []byte // line end, two hyphens, boundary
	newline   int    // bytes of the line end: 2, or 1 in a body with bare line feeds
	limits    Limits
	parts     int
	current   *PartReader
	done      bool
	err       error
}

// PartReader is the part being read. It ends with io.EOF; it may not be used after the next call of Next.
type PartReader struct {
	Headers Fields
	m       *MultipartReader
	total   int64
	ready   int // bytes in the buffer known to belong to the part
	short   int // bytes of the delimiter that the headers' line end stood in for
	err     error
}

const bufferSize = 64 << 10

// NewMultipartReader starts to read a body of this content type, which must carry a boundary. Code mime_parsing_failed.
func NewMultipartReader(r io.Reader, contentType string, limits Limits) (*MultipartReader, error) {
	b, err := boundary(contentType)
	if err != nil {
		return nil, err
	}
	return &MultipartReader{r: bufio.NewReaderSize(r, bufferSize), delimiter: []byte("\r\n--" + b), newline: 2, limits: limits}, nil
}

// Next passes over what is left of the part before and gives the next one, io.EOF after the last.
func (m *MultipartReader) Next() (*PartReader, error) {
	if m.err == nil && !m.done {
		m.err = m.advance()
	}
	switch {
	case m.err != nil:
		return nil, m.err
	case m.done:
		return nil, io.EOF
	}
	return m.current, nil
}

func (m *MultipartReader) advance() error {
	if m.current == nil {
		if err := m.preamble(); err != nil || m.done {
			return err
		}
	} else {
		if _, err := io.Copy(io.Discard, m.current); err != nil {
			return err
		}
		if err := m.afterDelimiter(); err != nil || m.done {
			return err
		}
	}
	m.parts++
	if m.limits.Parts > 0 && m.parts > m.limits.Parts {
		return tooLarge("more than %d parts", m.limits.Parts)
	}
	headers, err := m.readHeaders()
	m.current = &PartReader{Headers: headers, m: m}
	return err
}

// preamble passes over the lines before the first boundary and learns the line end from it.
func (m *MultipartReader) preamble() error {
	for read := 0; ; {
		line, err := m.r.ReadSlice('\n')
		read += len(line)
		last := errors.Is(err, io.EOF)
		if err != nil && !last && !errors.Is(err, bufio.ErrBufferFull) {
			return broken(err, "reading failed")
		}
		if read > bufferSize {
			return broken(nil, "no boundary at the beginning")
		}
		if rest, found := bytes.CutPrefix(line, m.delimiter[2:]); found {
			switch ending := strings.TrimLeft(string(rest), " \t"); ending {
			case "\r\n":
				return nil
			case "\n":
				m.delimiter, m.newline = m.delimiter[1:], 1
				return nil
			case "", "--", "--\n", "--\r\n":
				m.done = true
				return nil
			}
		}
		if last {
			m.done = true
			return nil
		}
	}
}

// afterDelimiter reads what follows a delimiter that the part before ended with.
func (m *MultipartReader) afterDelimiter() error {
	if _, err := m.r.Discard(len(m.delimiter) - m.current.short); err != nil {
		return broken(err, "reading failed")
	}
	line, err := m.r.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return broken(err, "reading failed")
	}
	text := string(bytes.TrimRight(line, "\r\n"))
	// A body that ends right after a boundary ends there: a peer that closes without the final hyphens has sent everything.
	m.done = strings.HasPrefix(text, "--") || errors.Is(err, io.EOF)
	return nil
}

func (m *MultipartReader) readHeaders() (Fields, error) {
	var fields Fields
	for total := 0; ; {
		line, err := m.r.ReadSlice('\n')
		if err != nil {
			return nil, broken(err, "a part's headers are cut off")
		}
		if total += len(line); total > maxHeaderBytes {
			return nil, tooLarge("a part's headers have more than %d bytes", maxHeaderBytes)
		}
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case text == "":
			return fields, nil
		case (text[0] == ' ' || text[0] == '\t') && len(fields) > 0:
			fields[len(fields)-1].Value += " " + strings.TrimSpace(text)
		default:
			name, value, found := strings.Cut(text, ":")
			if name == "" || !found || strings.ContainsAny(name, " \t") {
				return nil, broken(nil, "malformed header in a part")
			}
			fields = append(fields, Field{name, strings.TrimSpace(value)})
		}
	}
}

// Read reads the part's bytes.
func (p *PartReader) Read(b []byte) (int, error) {
	if p.err == nil && p.ready == 0 && len(b) > 0 {
		p.ready, p.err = p.look()
	}
	if p.ready == 0 {
		return 0, p.err
	}
	n, err := p.m.r.Read(b[:min(len(b), p.ready)])
	p.ready -= n
	p.total += int64(n)
	if limit := p.m.limits.Part; limit > 0 && p.total > limit {
		p.ready, p.err = 0, tooLarge("a part has more than %d bytes", limit)
		return 0, p.err
	}
	return n, err
}

// look finds how many buffered bytes belong to the part for certain; io.EOF when the delimiter comes next.
func (p *PartReader) look() (int, error) {
	m := p.m
	for want := 1; ; want++ {
		_, err := m.r.Peek(want)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, broken(err, "reading failed")
		}
		buffer, _ := m.r.Peek(m.r.Buffered())
		want = max(want, len(buffer))
		end := err != nil
		if p.total == 0 {
			// An empty part may end with the line end of its headers.
			switch matches(buffer, m.delimiter[m.newline:], end) {
			case yes:
				p.short = m.newline
				return 0, io.EOF
			case unknown:
				continue
			case no:
			}
		}
		n, answer := find(buffer, m.delimiter, end)
		switch {
		case n > 0:
			return n, nil
		case answer == yes:
			return 0, io.EOF
		case end:
			return 0, broken(nil, "the last part is cut off")
		}
	}
}

type answer int

const (
	no answer = iota
	yes
	unknown // more bytes are needed
)

// find gives the number of bytes before the first delimiter, or before what may become one, and what stands there.
func find(buffer, delimiter []byte, end bool) (int, answer) {
	for from := 0; ; {
		i := bytes.Index(buffer[from:], delimiter)
		if i < 0 {
			break
		}
		if a := matches(buffer[from+i:], delimiter, end); a != no {
			return from + i, a
		}
		from += i + 1
	}
	if end {
		return len(buffer), no
	}
	for keep := min(len(delimiter)-1, len(buffer)); keep > 0; keep-- {
		if bytes.HasSuffix(buffer, delimiter[:keep]) {
			return len(buffer) - keep, unknown
		}
	}
	return len(buffer), no
}

// matches tells whether the buffer begins with the delimiter as a whole: followed by blanks and a line end, by two hyphens, or by nothing.
func matches(buffer, delimiter []byte, end bool) answer {
	open := unknown
	if end {
		open = no
	}
	if len(buffer) < len(delimiter) {
		if bytes.HasPrefix(delimiter, buffer) {
			return open
		}
		return no
	}
	rest, found := bytes.CutPrefix(buffer, delimiter)
	if !found {
		return no
	}
	if bytes.HasPrefix(rest, []byte("--")) {
		return yes
	}
	blank := bytes.TrimLeft(rest, " \t")
	switch {
	case len(blank) > 0 && blank[0] == '\n', bytes.HasPrefix(blank, []byte("\r\n")):
		return yes
	case end && len(blank) == 0:
		return yes
	case len(blank) == 0, len(blank) == 1 && blank[0] == '\r', len(rest) == 1 && rest[0] == '-':
		return open
	}
	return no
}

func broken(err error, text string) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // io.EOF means a good end to those who read parts
	}
	return fault.Wrap(err, fault.Invalid, "mime_parsing_failed", "Malformed multipart message: %s", text)
}

func tooLarge(format string, args ...any) error {
	return fault.New(fault.TooLarge, "mime_parsing_failed", "Malformed multipart message: "+format, args...)
}
