package globalconf

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// writer appends elements; the first value that XML cannot hold is remembered and reported at the end.
type writer struct {
	dst []byte
	err error
}

func (w *writer) open(root, declarations string) {
	w.dst = append(w.dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<xroad:"...)
	w.dst = append(w.dst, root...)
	w.dst = append(w.dst, ` xmlns:xroad="`+Namespace+`"`...)
	w.dst = append(w.dst, declarations...)
	w.dst = append(w.dst, ">\n"...)
}

func (w *writer) close(root string) []byte {
	w.dst = append(w.dst, "</xroad:"...)
	w.dst = append(w.dst, root...)
	w.dst = append(w.dst, ">\n"...)
	return w.dst
}

// start opens an element that holds elements.
func (w *writer) start(name string) {
	w.dst = append(w.dst, '<')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, ">\n"...)
}

// startID opens an element with an id; the number makes it id0, id1, …
func (w *writer) startID(name string, id int) {
	w.dst = append(w.dst, '<')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, ` id="id`...)
	w.dst = strconv.AppendInt(w.dst, int64(id), 10)
	w.dst = append(w.dst, "\">\n"...)
}

func (w *writer) end(name string) {
	w.dst = append(w.dst, '<', '/')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, ">\n"...)
}

func (w *writer) text(name, value string) {
	w.check(value)
	w.dst = xmlsafe.AppendElement(w.dst, name, value)
	w.dst = append(w.dst, '\n')
}

// optional writes the element unless the value is "".
func (w *writer) optional(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

// oneOf writes an optional element that has a closed set of values.
func (w *writer) oneOf(name, value string, values []string) {
	if value != "" && !slices.Contains(values, value) {
		w.fail(fmt.Errorf("%q is not a value of %s", value, name))
	}
	w.optional(name, value)
}

func (w *writer) reference(name string, id int) {
	w.dst = append(w.dst, '<')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, ">id"...)
	w.dst = strconv.AppendInt(w.dst, int64(id), 10)
	w.end(name)
}

func (w *writer) seconds(name string, d time.Duration) {
	w.text(name, strconv.FormatInt(int64(d/time.Second), 10))
}

func (w *writer) binary(name string, value []byte) {
	w.dst = append(w.dst, '<')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '>')
	w.dst = base64.StdEncoding.AppendEncode(w.dst, value)
	w.end(name)
}

func (w *writer) binaries(name string, values [][]byte) {
	for _, v := range values {
		w.binary(name, v)
	}
}

func (w *writer) client(name string, id identifier.ClientID) {
	w.check(id.Short())
	if id.IsZero() {
		w.fail(fmt.Errorf("%s names nothing", name))
	}
	w.dst = id.AppendXML(w.dst, name)
	w.dst = append(w.dst, '\n')
}

// check remembers text that no XML document can hold.
func (w *writer) check(value string) {
	for _, r := range value {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff || r == utf8.RuneError {
			if r == utf8.RuneError && utf8.ValidString(value) {
				continue
			}
			w.fail(fmt.Errorf("%q holds a character that XML does not allow", value))
			return
		}
	}
}

func (w *writer) fail(err error) { w.err = errors.Join(w.err, err) }
