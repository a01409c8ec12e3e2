package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/identifier"
)

// Field is one entry of a record's data.
type Field struct {
	Key   string
	Value any
}

// Record is one line of the audit log before it is written.
type Record struct {
	Event, User, IP, Auth, URL, CorrelationID string
	Failed                                    bool
	Reason                                    string // failures only: the public message
	Warning                                   bool   // failures only: the caller may repeat and say go on
	Data                                      []Field
}

// JSON is the record on one line, in X-Road's key order, ASCII only. Keys without a value are left out; data is always there, and null
// values in it are written.
func (r Record) JSON() []byte {
	event := r.Event
	if r.Failed {
		event += " failed"
	}
	b := []byte{'{'}
	text := func(key, value string) {
		if value != "" {
			b = appendMember(b, key, value)
		}
	}
	text("event", event)
	text("user", r.User)
	text("ipaddress", r.IP)
	if r.Failed {
		text("reason", r.Reason)
		b = appendMember(b, "warning", r.Warning)
	}
	text("auth", r.Auth)
	text("url", r.URL)
	data := []byte{'{'}
	for _, f := range r.Data {
		data = appendMember(data, f.Key, f.Value)
	}
	data = append(data, '}')
	b = appendMember(b, "data", json.RawMessage(data))
	return append(b, '}')
}

func appendMember(b []byte, key string, value any) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, encode(key)...)
	b = append(b, ':')
	return append(b, encode(value)...)
}

func encode(value any) []byte {
	if raw, ok := value.(json.RawMessage); ok {
		return raw
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(known(value)); err != nil { // a channel or a cycle: never lose the record for it
		return encode(fmt.Sprint(value))
	}
	return ascii(bytes.TrimRight(out.Bytes(), "\n"))
}

// client is X-Road's object form of a client identifier.
type client struct {
	Instance  string `json:"xRoadInstance"`
	Class     string `json:"memberClass"`
	Member    string `json:"memberCode"`
	Subsystem string `json:"subsystemCode,omitempty"`
}

func clientOf(c identifier.ClientID) client {
	return client{c.Instance(), c.MemberClass(), c.MemberCode(), c.SubsystemCode()}
}

func known(value any) any {
	switch v := value.(type) {
	case identifier.ClientID:
		return clientOf(v)
	case []identifier.ClientID:
		list := make([]client, 0, len(v))
		for _, c := range v {
			list = append(list, clientOf(c))
		}
		return list
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05-07:00")
	}
	return value
}

func ascii(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r < utf8.RuneSelf:
			out = append(out, b[0])
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04X\u%04X`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04X`, r)
		}
		b = b[n:]
	}
	return out
}

// Hash writes a digest as the audit log does: upper-case pairs of hexadecimal digits with colons between.
func Hash(digest []byte) string {
	var b strings.Builder
	for i, c := range digest {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", c)
	}
	return b.String()
}
