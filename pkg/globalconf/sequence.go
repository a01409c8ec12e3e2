package globalconf

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf/internal/xmlpull"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Namespace is that of the root elements conf and configurationAnchor; the elements inside are unqualified.
const Namespace = "http://x-road.eu/xsd/xroad.xsd"

const schemaInstance = "http://www.w3.org/2001/XMLSchema-instance"

// many is the number of times an element without an upper bound may occur.
const many = 1 << 62

// tail is the name of the rule for whatever follows the known elements.
const tail = "*"

// rule is one element of a sequence: how often it occurs, and the first and last version that have it (0: no bound).
type rule struct {
	name         string
	least, most  int
	since, until int
}

func (r rule) in(version int) bool {
	return version >= r.since && (r.until == 0 || version <= r.until)
}

// decoder reads elements by their rules. A sequence is read in order, as the schemas demand: X-Road's writers and its own clients validate
// against the same order.
type decoder struct {
	*xmlpull.Reader
	version int
	text    []byte // base64 without white space
}

// root opens a document whose root has this name.
func root(data []byte, version int, name string) (*decoder, error) {
	r, err := xmlpull.Open(data)
	if err != nil {
		return nil, err
	}
	d := &decoder{Reader: r, version: version}
	if string(r.Local()) != name || r.Namespace() != Namespace {
		return nil, r.Fail("root element is {%s}%s, not {%s}%s", r.Namespace(), r.Local(), Namespace, name)
	}
	return d, d.noAttributes()
}

// sequence reads the children of the current element up to its end. handle gets the index of the rule; it stands in the child and must
// leave it.
func (d *decoder) sequence(namespace string, rules []rule, handle func(i int) error) error {
	parent := string(d.Local())
	at, count := 0, 0
	advance := func(more bool) error {
		r := rules[at]
		switch missing := r.in(d.version) && count < r.least; {
		case missing && more:
			return d.Fail("element %q is not expected here in %q, where %q is missing", d.Local(), parent, r.name)
		case missing:
			return d.Fail("element %q is missing in %q", r.name, parent)
		}
		at, count = at+1, 0
		return nil
	}
	for {
		more, err := d.Child()
		if err != nil {
			return err
		}
		for at < len(rules) && (!more || count >= rules[at].most || !d.matches(namespace, rules[at])) {
			if err := advance(more); err != nil {
				return err
			}
		}
		switch {
		case !more:
			return nil
		case at == len(rules):
			return d.Fail("element %q is not expected here in %q", d.Local(), parent)
		}
		count++
		if rules[at].name == tail {
			if err := d.Skip(); err != nil {
				return err
			}
			continue
		}
		if err := handle(at); err != nil {
			return err
		}
	}
}

// matches reports whether the current element is one of the rule.
func (d *decoder) matches(namespace string, r rule) bool {
	return r.in(d.version) && (r.name == tail || string(d.Local()) == r.name && d.Namespace() == namespace)
}

// noAttributes refuses attributes other than xsi:*.
func (d *decoder) noAttributes() error {
	for _, a := range d.Attributes() {
		if a.Namespace != schemaInstance {
			return d.Fail("attribute %q is not expected in %q", a.Name, d.Local())
		}
	}
	return nil
}

// id gives the optional attribute id of the current element.
func (d *decoder) id() (string, error) {
	id := ""
	for _, a := range d.Attributes() {
		switch {
		case a.Namespace == "" && a.Name == "id":
			if id = strings.TrimSpace(a.Value); id == "" {
				return "", d.Fail("empty id in %q", d.Local())
			}
		case a.Namespace != schemaInstance:
			return "", d.Fail("attribute %q is not expected in %q", a.Name, d.Local())
		}
	}
	return id, nil
}

func (d *decoder) string(to *string) error {
	text, err := d.simple()
	*to = string(text)
	return err
}

// simple reads the text of an element without attributes.
func (d *decoder) simple() ([]byte, error) {
	if err := d.noAttributes(); err != nil {
		return nil, err
	}
	return d.Text()
}

func (d *decoder) oneOf(to *string, values ...string) error {
	name := string(d.Local())
	if err := d.string(to); err != nil {
		return err
	}
	for _, v := range values {
		if *to == v {
			return nil
		}
	}
	return d.Fail("%q is not a value of %q", *to, name)
}

func (d *decoder) boolean(to *bool) error {
	name := string(d.Local())
	text, err := d.simple()
	if err != nil {
		return err
	}
	switch strings.TrimSpace(string(text)) {
	case "true", "1":
		*to = true
	case "false", "0":
		*to = false
	default:
		return d.Fail("%q is not a value of %q", text, name)
	}
	return nil
}

// seconds reads a whole number of seconds, up to a century.
func (d *decoder) seconds(to *time.Duration) error {
	name := string(d.Local())
	text, err := d.simple()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 || n > 100*366*24*3600 {
		return d.Fail("%q is not a number of seconds in %q", text, name)
	}
	*to = time.Duration(n) * time.Second
	return nil
}

// base64 reads binary content; white space in it does not count.
func (d *decoder) base64(to *[]byte) error {
	name := string(d.Local())
	text, err := d.simple()
	if err != nil {
		return err
	}
	d.text = d.text[:0]
	for _, c := range text {
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			d.text = append(d.text, c)
		}
	}
	value := make([]byte, base64.StdEncoding.DecodedLen(len(d.text)))
	n, err := base64.StdEncoding.Strict().Decode(value, d.text)
	if err != nil {
		return d.Fail("%q does not hold base64", name)
	}
	*to = value[:n]
	return nil
}

func (d *decoder) appendBase64(to *[][]byte) error {
	var value []byte
	if err := d.base64(&value); err != nil {
		return err
	}
	*to = append(*to, value)
	return nil
}

var clientRules = []rule{
	{name: "xRoadInstance", least: 1, most: 1},
	{name: "memberClass", least: 1, most: 1},
	{name: "memberCode", least: 1, most: 1},
	{name: "subsystemCode", most: 1},
}

// client reads an identifier of a member or subsystem by the wire rule: any part that is not blank, and a subsystem has a code. The
// presence of the code decides: X-Road's files have subsystems whose objectType is MEMBER, and its readers take them for subsystems.
func (d *decoder) client(to *identifier.ClientID) error {
	kind := ""
	for _, a := range d.Attributes() {
		switch {
		case a.Namespace == identifier.Namespace && a.Name == "objectType":
			kind = a.Value
		case a.Namespace != schemaInstance:
			return d.Fail("attribute %q is not expected in %q", a.Name, d.Local())
		}
	}
	var parts [4]string
	seen := false
	err := d.sequence(identifier.Namespace, clientRules, func(i int) error {
		seen = seen || i == 3
		return d.string(&parts[i])
	})
	if err != nil {
		return err
	}
	switch {
	case kind == string(identifier.Member) && !seen:
		*to, err = identifier.NewMember(parts[0], parts[1], parts[2])
	case (kind == string(identifier.Member) || kind == string(identifier.Subsystem)) && seen:
		*to, err = identifier.NewSubsystem(parts[0], parts[1], parts[2], parts[3])
	default:
		return d.Fail("objectType %q does not fit the parts of the identifier", kind)
	}
	if err != nil {
		return d.Fail("%v", err)
	}
	return nil
}

// finish closes the document and turns errors of decoding into the fault callers know.
func (d *decoder) finish(err error) error {
	if err == nil {
		err = d.Close()
	}
	return err
}

// malformed is the fault for parts that are not what their schema says.
func malformed(part string, err error) error {
	return fault.Wrap(err, fault.Invalid, "malformed_global_conf", "Malformed %s", part)
}
