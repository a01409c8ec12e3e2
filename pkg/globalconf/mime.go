package globalconf

import (
	"bytes"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// The multipart of a signed directory is split here and not by mime/multipart: the signed bytes are needed exactly, the parameter values are
// not what the standard parser takes (unquoted URIs, single quotes, base64), and the inner terminator may be missing.

// entity is one MIME entity: its header fields, and its body as raw bytes.
type entity struct {
	fields map[string]string // by lower-case name
	body   []byte
}

// parseEntity reads header fields up to an empty line; lines end in CRLF or LF. Without an empty line everything is header.
func parseEntity(data []byte) (entity, error) {
	e := entity{fields: map[string]string{}}
	last := ""
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		data = rest
		switch {
		case len(line) == 0:
			e.body = data
			return e, nil
		case (line[0] == ' ' || line[0] == '\t') && last != "":
			e.fields[last] += " " + strings.TrimSpace(string(line))
			continue
		}
		name, value, ok := strings.Cut(string(line), ":")
		last = strings.ToLower(strings.TrimSpace(name))
		if _, exists := e.fields[last]; !ok || exists || last == "" {
			return e, wrongValue(name)
		}
		e.fields[last] = strings.TrimSpace(value)
	}
	return e, nil
}

// field gives a header field that must be there; the fault is global_conf_header_field_missing.
func (e entity) field(name string) (string, error) {
	value, ok := e.fields[strings.ToLower(name)]
	if !ok || value == "" {
		return "", fault.New(fault.Invalid, "global_conf_header_field_missing", "Missing header field %s", name)
	}
	return value, nil
}

// exactly demands one value of a field; the fault for another one is global_conf_header_field_wrong_value.
func (e entity) exactly(name, want string) error {
	value, err := e.field(name)
	if err != nil {
		return err
	}
	if value != want {
		return wrongValue(name)
	}
	return nil
}

// multipart demands that the entity is a multipart of this kind and gives its parts.
func (e entity) multipart(kind string) ([][]byte, error) {
	value, err := e.field("Content-Type")
	if err != nil {
		return nil, err
	}
	media, parameters := parseParameters(value)
	if !strings.EqualFold(media, kind) {
		return nil, wrongValue("Content-Type")
	}
	boundary, ok := parameters["boundary"]
	if !ok {
		return nil, missingParameter("Content-Type", "boundary")
	}
	if boundary == "" || len(boundary) > 70 {
		return nil, wrongValue("Content-Type")
	}
	return splitParts(e.body, boundary), nil
}

// splitParts cuts a multipart body at its delimiter lines. A part ends before the line break that precedes the next delimiter; that after a
// header without body the two share one line break needs no special case, because the part then is all header. The terminator may be missing.
func splitParts(body []byte, boundary string) [][]byte {
	delimiter := []byte("--" + boundary)
	var parts [][]byte
	start := -1
	for pos := 0; pos < len(body); {
		end, next := len(body), len(body)
		if i := bytes.IndexByte(body[pos:], '\n'); i >= 0 {
			end, next = pos+i, pos+i+1
		}
		if rest, ok := bytes.CutPrefix(body[pos:end], delimiter); ok {
			rest = bytes.TrimRight(rest, " \t\r")
			last := string(rest) == "--"
			if last || len(rest) == 0 {
				if start >= 0 {
					parts = append(parts, trimLineBreak(body[start:pos]))
				}
				if last {
					return parts
				}
				start = next
			}
		}
		pos = next
	}
	if start >= 0 {
		parts = append(parts, body[start:])
	}
	return parts
}

func trimLineBreak(data []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(data, []byte{'\n'}), []byte{'\r'})
}

// parseParameters reads value; name=value; … where values are bare, or in single or double quotes. Names come out in lower case; of a name
// that occurs twice the first counts.
func parseParameters(field string) (string, map[string]string) {
	parameters := map[string]string{}
	value, rest, more := strings.Cut(field, ";")
	for more {
		var name, text string
		name, rest, more = cutAny(rest, "=;")
		if !strings.HasPrefix(rest, "=") {
			rest = strings.TrimPrefix(rest, ";")
			continue
		}
		rest = strings.TrimLeft(rest[1:], " \t")
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			quoted, after, ok := strings.Cut(rest[1:], rest[:1])
			if ok {
				text = quoted
				_, rest, more = strings.Cut(after, ";")
			} else {
				text, rest, more = strings.Cut(rest, ";")
			}
		} else {
			text, rest, more = strings.Cut(rest, ";")
			text = strings.TrimSpace(text)
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, exists := parameters[name]; !exists {
			parameters[name] = text
		}
	}
	return strings.TrimSpace(value), parameters
}

// cutAny cuts before the first of the characters.
func cutAny(s, characters string) (before, rest string, found bool) {
	i := strings.IndexAny(s, characters)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i:], true
}

func wrongValue(name string) error {
	return fault.New(fault.Invalid, "global_conf_header_field_wrong_value", "Header field %s has wrong value", name)
}

func missingParameter(field, parameter string) error {
	return fault.New(fault.Invalid, "global_conf_header_field_missing_parameter", "Header field %s is missing parameter %s", field, parameter)
}
