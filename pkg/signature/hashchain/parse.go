package hashchain

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// Limits of a chain. A batch of a million messages has twenty steps; a message may have thousands of attachments.
const (
	maxSteps  = 100
	maxValues = 10_000
)

var limits = xmlsafe.Limits{Bytes: 4 << 20, Depth: 16}

type kind int

const (
	hashValue kind = iota
	stepRef
	dataRef
)

// value is one entry of a step.
type value struct {
	kind   kind
	uri    string           // of stepRef and dataRef
	digest signature.Digest // its own, or the chain's
	value  []byte           // of hashValue and dataRef
}

type chain struct{ steps map[string][]value }

type chainResult struct {
	uri    string
	digest signature.Digest
	value  []byte
}

func parseChain(data []byte) (*chain, error) {
	root, err := readRoot(data, "HashChain")
	if err != nil {
		return nil, err
	}
	children := root.ChildElements()
	if len(children) < 2 || len(children) > maxSteps+1 || !xmlsafe.Is(children[0], Namespace, "DefaultDigestMethod") {
		return nil, fmt.Errorf("chain of %d elements", len(children))
	}
	digest, err := algorithm(children[0])
	if err != nil {
		return nil, err
	}
	c, total := &chain{steps: make(map[string][]value, len(children))}, 0
	for _, step := range children[1:] {
		id, _ := xmlsafe.Attribute(step, "", "id")
		if _, twice := c.steps[id]; twice || id == "" || !xmlsafe.Is(step, Namespace, "HashStep") {
			return nil, fmt.Errorf("malformed or repeated step %q", id)
		}
		values, err := parseStep(step, digest)
		if err != nil {
			return nil, fmt.Errorf("reading step %q: %w", id, err)
		}
		if total += len(values); len(values) == 0 || total > maxValues {
			return nil, fmt.Errorf("step %q: %d values so far", id, total)
		}
		c.steps[id] = values
	}
	return c, nil
}

func parseStep(step *etree.Element, digest signature.Digest) ([]value, error) {
	var values []value
	for _, el := range step.ChildElements() {
		v := value{digest: digest}
		switch {
		case xmlsafe.Is(el, Namespace, "HashValue"):
			v.kind = hashValue
		case xmlsafe.Is(el, Namespace, "StepRef"):
			v.kind = stepRef
		case xmlsafe.Is(el, Namespace, "DataRef"):
			v.kind = dataRef
		default:
			return nil, fmt.Errorf("unknown element %q", el.Tag)
		}
		if err := v.parse(el); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// parse reads [DigestMethod], [Transforms], DigestValue. Transforms are not applied: an input's digest is of the bytes as they are, and a
// chain made over anything else does not lead to its result.
func (v *value) parse(el *etree.Element) error {
	uri, found := xmlsafe.Attribute(el, "", "URI")
	if found == (v.kind == hashValue) {
		return fmt.Errorf("URI of %q", el.Tag)
	}
	v.uri = uri
	children := el.ChildElements()
	if len(children) > 0 && xmlsafe.Is(children[0], namespaceDS, "DigestMethod") {
		var err error
		if v.digest, err = algorithm(children[0]); err != nil {
			return err
		}
		children = children[1:]
	}
	if v.kind == stepRef {
		if len(children) > 0 {
			return fmt.Errorf("element %q in StepRef", children[0].Tag)
		}
		return nil
	}
	if len(children) > 0 && xmlsafe.Is(children[0], namespaceDS, "Transforms") {
		children = children[1:]
	}
	if len(children) != 1 {
		return fmt.Errorf("%d elements in %q", len(children), el.Tag)
	}
	var err error
	v.value, err = digestValue(children[0])
	return err
}

func parseResult(data []byte) (*chainResult, error) {
	root, err := readRoot(data, "HashChainResult")
	if err != nil {
		return nil, err
	}
	children := root.ChildElements()
	uri, found := xmlsafe.Attribute(root, "", "URI")
	if !found || len(children) != 2 || !xmlsafe.Is(children[0], namespaceDS, "DigestMethod") {
		return nil, fmt.Errorf("result with %d elements", len(children))
	}
	digest, err := algorithm(children[0])
	if err != nil {
		return nil, err
	}
	value, err := digestValue(children[1])
	if err != nil {
		return nil, err
	}
	if len(value) != digest.Hash.Size() {
		return nil, fmt.Errorf("result of %d bytes", len(value))
	}
	return &chainResult{uri, digest, value}, nil
}

func readRoot(data []byte, local string) (*etree.Element, error) {
	root, err := xmlsafe.Parse(data, limits)
	if err != nil {
		return nil, err
	}
	if !xmlsafe.Is(root, Namespace, local) {
		return nil, fmt.Errorf("root is %q", root.Tag)
	}
	return root, checkContent(root)
}

// checkContent refuses what no chain holds: comments, processing instructions, and text anywhere but in digest values.
func checkContent(el *etree.Element) error {
	for _, token := range el.Child {
		switch t := token.(type) {
		case *etree.Element:
			if err := checkContent(t); err != nil {
				return err
			}
		case *etree.CharData:
			if el.Tag != "DigestValue" && strings.TrimSpace(t.Data) != "" {
				return fmt.Errorf("text in %q", el.Tag)
			}
		default:
			return fmt.Errorf("neither element nor text in %q", el.Tag)
		}
	}
	return nil
}

func algorithm(el *etree.Element) (signature.Digest, error) {
	uri, _ := xmlsafe.Attribute(el, "", "Algorithm")
	return digestMethod(uri)
}

func digestValue(el *etree.Element) ([]byte, error) {
	if !xmlsafe.Is(el, namespaceDS, "DigestValue") {
		return nil, fmt.Errorf("element %q in place of DigestValue", el.Tag)
	}
	text, err := xmlsafe.Text(el)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.Strict().DecodeString(strings.Map(dropSpace, text))
}

func dropSpace(r rune) rune {
	switch r {
	case ' ', '\t', '\r', '\n':
		return -1
	}
	return r
}
