package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ristmik/ristmik/pkg/auth"
)

// usualBody is the limit of a body where the operation does not say otherwise, in bytes.
const usualBody = 50 << 10

// operation is what the shell needs to know of one operation.
type operation struct {
	id          string
	method      string
	path        string // as in the file
	public      bool
	permissions []auth.Permission
	event       string // "" reads only
	maxBody     int64
	basic       bool // HTTP Basic from the machine itself is accepted
	spec        *openapi3.T
	item        *openapi3.PathItem
	definition  *openapi3.Operation // nil for what the shell itself serves
}

// routeKey names a route however its parameters are called.
func routeKey(method, path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") || strings.HasPrefix(p, "{") {
			parts[i] = ":"
		}
	}
	return method + " " + strings.Join(parts, "/")
}

func readSpec(data []byte) (map[string]*operation, error) {
	spec, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, err
	}
	if spec.IsOpenAPI31OrLater() { // its validator fills in no defaults and names no fields
		return nil, fmt.Errorf("version %s: use 3.0", spec.OpenAPI)
	}
	operations := map[string]*operation{}
	var wrong []error
	for path, item := range spec.Paths.Map() {
		for method, definition := range item.Operations() {
			if _, own := builtins[routeKey(method, path)]; own {
				continue
			}
			o, err := readOperation(method, path, definition)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s %s: %w", method, path, err))
				continue
			}
			o.spec, o.item = spec, item
			operations[routeKey(method, base+path)] = o
		}
	}
	for key, own := range builtins {
		method, path, _ := strings.Cut(key, " ")
		o := own
		o.id, o.method, o.path, o.maxBody = own.id, method, path, usualBody
		operations[method+" "+base+path] = &o
	}
	return operations, errors.Join(wrong...)
}

func readOperation(method, path string, definition *openapi3.Operation) (*operation, error) {
	o := &operation{id: definition.OperationID, method: method, path: path, maxBody: usualBody, definition: definition}
	if o.id == "" {
		return nil, errors.New("no operationId")
	}
	public, err := extension[bool](definition, "x-public")
	if err != nil {
		return nil, err
	}
	list, listed := definition.Extensions["x-permissions"]
	if public != nil && *public == listed || public == nil && !listed {
		return nil, errors.New("say who may call it: x-permissions or x-public: true, one of them")
	}
	o.public = public != nil && *public
	if listed {
		names, ok := list.([]any)
		if !ok {
			return nil, errors.New("x-permissions must be a list")
		}
		for _, n := range names {
			name, ok := n.(string)
			if !ok || name == "" {
				return nil, errors.New("x-permissions must be a list of names")
			}
			o.permissions = append(o.permissions, auth.Permission(name))
		}
	}
	event, err := extension[string](definition, "x-audit-event")
	if err != nil {
		return nil, err
	}
	readOnly, err := extension[bool](definition, "x-read-only")
	if err != nil {
		return nil, err
	}
	changes := method != http.MethodGet && method != http.MethodHead && (readOnly == nil || !*readOnly)
	switch {
	case event != nil && *event != "":
		o.event = *event
	case changes:
		return nil, errors.New("it changes something: say x-audit-event, or x-read-only: true if it does not")
	}
	if limit, ok := definition.Extensions["x-max-body"]; ok {
		if o.maxBody, err = size(limit); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// extension gives an extension's value, nil when it is absent.
func extension[T any](definition *openapi3.Operation, name string) (*T, error) {
	value, ok := definition.Extensions[name]
	if !ok {
		return nil, nil
	}
	typed, ok := value.(T)
	if !ok {
		return nil, fmt.Errorf("%s must be a %T", name, typed)
	}
	return &typed, nil
}

func size(value any) (int64, error) {
	text := strings.ToUpper(strings.ReplaceAll(fmt.Sprint(value), " ", ""))
	if f, ok := value.(float64); ok {
		text = strconv.FormatInt(int64(f), 10)
	}
	unit := int64(1)
	for suffix, n := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = rest, n
		}
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("x-max-body %v: a number of bytes, or 50KB, or 10MB", value)
	}
	return n * unit, nil
}
