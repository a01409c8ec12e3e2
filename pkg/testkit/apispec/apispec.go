// Package apispec compares two OpenAPI files for tests: whether what both call by one operation id has the same route, parameters, fields and
// enumerations.
package apispec

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

type object = map[string]any

// Document is one OpenAPI file. References to other files are looked up by the file's name in the folder of this one.
type Document struct {
	root   object
	folder string
	others map[string]*Document
}

// Operation is one operation of a document.
type Operation struct {
	ID, Method, Path string // Method in upper case
	definition       object
	shared           []any // parameters of the path
	document         *Document
}

// Read parses a file's text that refers to no other file.
func Read(data []byte) (*Document, error) {
	d := &Document{others: map[string]*Document{}}
	return d, yaml.Unmarshal(data, &d.root)
}

// ReadFile reads a file.
func ReadFile(path string) (*Document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := Read(data)
	if err == nil {
		d.folder = filepath.Dir(path)
	}
	return d, err
}

var methods = []string{"get", "put", "post", "delete", "patch", "head", "options"}

// Operations gives all operations by id.
func (d *Document) Operations() map[string]Operation {
	found := map[string]Operation{}
	paths, _ := d.root["paths"].(object)
	for path, entry := range paths {
		item, _ := entry.(object)
		shared, _ := item["parameters"].([]any)
		for _, method := range methods {
			definition, _ := item[method].(object)
			if id, ok := definition["operationId"].(string); ok {
				found[id] = Operation{ID: id, Method: strings.ToUpper(method), Path: path, definition: definition, shared: shared, document: d}
			}
		}
	}
	return found
}

// Extension gives the value of an x- key of the operation, nil when it is absent.
func (o Operation) Extension(name string) any { return o.definition[name] }

// Names gives the strings of a list extension; ok is false when the operation lacks it.
func (o Operation) Names(name string) (names []string, ok bool) {
	list, ok := o.definition[name].([]any)
	for _, one := range list {
		names = append(names, fmt.Sprint(one))
	}
	return names, ok
}

// Compare says in which way ours differs from theirs, sorted: the route, a parameter of theirs that is missing or of another kind, a parameter
// that only ours demands, a property that only one side has, a property that ours alone demands of a request, another type, other values of an
// enumeration. Each difference starts with its place, so that a list of accepted ones can be kept: the operation's id, or the name of the schema
// in their file.
func Compare(ours, theirs Operation) []string {
	c := &comparison{seen: map[string]bool{}}
	if ours.Method != theirs.Method || route(ours.Path) != route(theirs.Path) {
		c.differ(ours.ID, "is %s %s, not %s %s", ours.Method, ours.Path, theirs.Method, theirs.Path)
	}
	c.parameters(ours, theirs)
	c.request = true
	c.body(ours.ID+".request", place{ours.document, ours.definition["requestBody"]}, place{theirs.document, theirs.definition["requestBody"]})
	c.request = false
	c.body(ours.ID+".response", ours.success(), theirs.success())
	slices.Sort(c.differences)
	return slices.Compact(c.differences)
}

// route forgets how path parameters are called.
func route(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}

// success is the answer with the lowest 2xx status. Which one it is says nothing: X-Road answers another one than its file says.
func (o Operation) success() place {
	responses, _ := o.definition["responses"].(object)
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		if strings.HasPrefix(status, "2") {
			return place{o.document, responses[status]}
		}
	}
	return place{o.document, nil}
}

// place is a node and the document that its references are of.
type place struct {
	document *Document
	node     any
}

// at follows keys, and references on the way.
func (p place) at(keys ...string) place {
	p = p.resolve()
	for _, k := range keys {
		o, _ := p.node.(object)
		p = place{p.document, o[k]}.resolve()
	}
	return p
}

// child is the node under a key, its reference not followed.
func (p place) child(key string) place { return place{p.document, p.object()[key]} }

// name is the name of the component that the node refers to, "" when it refers to none.
func (p place) name() string {
	o, _ := p.node.(object)
	reference, _ := o["$ref"].(string)
	return reference[strings.LastIndexByte(reference, '/')+1:]
}

func (p place) object() object {
	o, _ := p.resolve().node.(object)
	return o
}

func (p place) resolve() place {
	for range 20 {
		o, _ := p.node.(object)
		reference, ok := o["$ref"].(string)
		if !ok {
			return p
		}
		file, pointer, _ := strings.Cut(reference, "#/")
		document := p.document
		if file != "" {
			document = document.other(filepath.Base(file))
		}
		p = place{document, any(document.root)}
		for _, k := range strings.Split(pointer, "/") {
			inner, _ := p.node.(object)
			p.node = inner[k]
		}
	}
	return p
}

func (d *Document) other(name string) *Document {
	if d.others[name] == nil {
		read, err := ReadFile(filepath.Join(d.folder, name))
		if err != nil {
			read = &Document{root: object{}, others: map[string]*Document{}}
		}
		d.others[name] = read
	}
	return d.others[name]
}
