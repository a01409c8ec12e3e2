package hashchain

import (
	"bytes"
	"slices"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
)

// Verify checks that the chain leads from all inputs to the result. A DataRef takes the digest of the input with its name, never the one it
// carries itself, and data that is no input is refused. All faults have codes under malformed_signature:
//
//   - malformed_hash_chain "Parsing hash chain failed", or "Invalid hash step URI: …" for a step that does not exist, or leads back to itself;
//   - invalid_reference "Cannot resolve URI: …" for data or a chain that is not given;
//   - invalid_hash_chain "Hash chain result does not match hash chain calculation";
//   - hashchain_unused_inputs "Some inputs were not referenced by hash chain: …";
//   - invalid_hash_chain_ref "Invalid digest value in hash chain reference to …" for a chain that is right but shows other digests.
func Verify(chain, result []byte, inputs []Input) error {
	c, err := parseChain(chain)
	if err != nil {
		return parsingFailed(err)
	}
	r, err := parseResult(result)
	if err != nil {
		return parsingFailed(err)
	}
	w := walk{chain: c, inputs: make(map[string]*input, len(inputs)), steps: make(map[string][]byte)}
	for _, in := range inputs {
		if w.inputs[in.Name] != nil {
			return refuse("malformed_hash_chain", "Input %s is given twice", in.Name)
		}
		w.inputs[in.Name] = &input{digest: in.Digest}
	}
	document, _, _ := strings.Cut(r.uri, "#")
	if document == "" {
		return invalidStep(r.uri)
	}
	w.document = document
	list, err := w.step(r.uri)
	if err != nil {
		return err
	}
	if !bytes.Equal(r.digest.Sum(list), r.value) {
		return refuse("invalid_hash_chain", "Hash chain result does not match hash chain calculation")
	}
	if err := w.unused(inputs); err != nil {
		return err
	}
	if w.unresolved != "" {
		return refuse("invalid_reference", "Cannot resolve URI: %s", w.unresolved)
	}
	if w.differing != "" {
		return refuse("invalid_hash_chain_ref", "Invalid digest value in hash chain reference to %s", w.differing)
	}
	return nil
}

type input struct {
	digest []byte
	used   bool
}

// walk is one calculation of a chain.
type walk struct {
	chain      *chain
	document   string // the name by which the result calls the chain
	inputs     map[string]*input
	steps      map[string][]byte // DER by step id; nil while the step is being calculated
	unresolved string            // the first data that is no input; a chain with one never verifies, but says first what else is wrong
	differing  string            // the first data whose digest in the chain is not that of the input
}

// step calculates the DER list of the step with this URI.
func (w *walk) step(uri string) ([]byte, error) {
	document, id, _ := strings.Cut(uri, "#")
	if document != "" && document != w.document {
		return nil, refuse("invalid_reference", "Cannot resolve URI: %s", document)
	}
	values, found := w.chain.steps[id]
	if id == "" || !found {
		return nil, invalidStep(uri)
	}
	if list, begun := w.steps[id]; list != nil {
		return list, nil
	} else if begun {
		return nil, invalidStep(uri)
	}
	w.steps[id] = nil
	var list []byte
	for _, v := range values {
		digest, err := w.value(v)
		if err != nil {
			return nil, err
		}
		list = appendValue(list, v.digest.URI, digest)
	}
	list = appendTLV(nil, 0x30, list)
	w.steps[id] = list
	return list, nil
}

func (w *walk) value(v value) ([]byte, error) {
	switch v.kind {
	case hashValue:
		return v.value, nil
	case stepRef:
		list, err := w.step(v.uri)
		if err != nil {
			return nil, err
		}
		return v.digest.Sum(list), nil
	case dataRef:
	}
	in := w.inputs[v.uri]
	if in == nil {
		if w.unresolved == "" {
			w.unresolved = v.uri
		}
		return v.value, nil
	}
	in.used = true
	if w.differing == "" && !bytes.Equal(in.digest, v.value) {
		w.differing = v.uri
	}
	return in.digest, nil
}

func (w *walk) unused(inputs []Input) error {
	unused := slices.DeleteFunc(slices.Clone(inputs), func(in Input) bool { return w.inputs[in.Name].used })
	if len(unused) == 0 {
		return nil
	}
	names := make([]string, len(unused))
	for i, in := range unused {
		names[i] = in.Name
	}
	return refuse("hashchain_unused_inputs", "Some inputs were not referenced by hash chain: %s", strings.Join(names, ", "))
}

func invalidStep(uri string) error {
	return refuse("malformed_hash_chain", "Invalid hash step URI: %s", uri)
}

func parsingFailed(err error) error {
	return fault.Wrap(err, fault.Invalid, "malformed_signature.malformed_hash_chain", "Parsing hash chain failed")
}

func refuse(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "malformed_signature."+code, format, args...)
}

// digestMethod finds a digest that chains may use.
func digestMethod(uri string) (signature.Digest, error) {
	d, err := signature.DigestByURI(uri)
	if err == nil && !d.IsStrong() {
		err = fault.New(fault.Invalid, "unsupported_algorithm", "Unsupported algorithm: %s", uri)
	}
	return d, err
}
