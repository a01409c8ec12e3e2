package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/fault"
)

// validate holds a request against the file: parameters, content type, size and JSON body. A JSON body is put back in the form that the
// handlers may rely on.
func (s *Server) validate(c echo.Context, o *operation) error {
	r := c.Request()
	if r.ContentLength > o.maxBody {
		return fault.New(fault.TooLarge, "", "The body is larger than %d bytes", o.maxBody)
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, o.maxBody)
	if o.definition == nil {
		return nil
	}
	if err := s.parameters(c, o); err != nil {
		return err
	}
	if o.definition.RequestBody == nil {
		return nil
	}
	return body(r, o)
}

func (s *Server) parameters(c echo.Context, o *operation) error {
	r := c.Request()
	params := map[string]string{}
	for i, name := range c.ParamNames() {
		value, err := url.PathUnescape(c.ParamValues()[i])
		if err != nil || strings.ContainsRune(value, 0) {
			return fault.New(fault.Invalid, "", "The path cannot be read")
		}
		params[name] = value
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.New(fault.Invalid, "", "The query cannot be read")
	}
	maps.DeleteFunc(query, func(_ string, values []string) bool { // "q=" means not given
		return !slices.ContainsFunc(values, func(v string) bool { return v != "" })
	})
	r.URL.RawQuery = query.Encode()
	err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, QueryParams: query,
		Route: &routers.Route{Spec: o.spec, Path: o.path, PathItem: o.item, Method: o.method, Operation: o.definition},
		Options: &openapi3filter.Options{ExcludeRequestBody: true, MultiError: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
	if err != nil {
		fields := map[string][]string{}
		collectParameters(err, o, fields)
		return invalid(err, fields)
	}
	return nil
}

func collectParameters(err error, o *operation, fields map[string][]string) {
	if many, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // not errors.As: a single parameter's error may hold several too
		for _, one := range many {
			collectParameters(one, o, fields)
		}
		return
	}
	name, code := "", "typeMismatch"
	if e, ok := errors.AsType[*openapi3filter.RequestError](err); ok {
		if e.Parameter != nil {
			name = camel(e.Parameter.Name)
		}
		if errors.Is(e.Err, openapi3filter.ErrInvalidRequired) {
			code = "NotNull"
		}
	}
	if e, ok := errors.AsType[*openapi3.SchemaError](err); ok {
		code = constraint(e)
	}
	add(fields, strings.TrimSuffix(o.id+"."+name, "."), code)
}

// body checks the content type, and a JSON body against its schema.
func body(r *http.Request, o *operation) error {
	declared := o.definition.RequestBody.Value
	if r.ContentLength == 0 {
		if declared.Required {
			return invalid(errors.New("no body"), map[string][]string{o.id: {"NotNull"}})
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	content := declared.Content.Get(kind)
	if err != nil || content == nil {
		return echo.ErrUnsupportedMediaType
	}
	if kind != echo.MIMEApplicationJSON || content.Schema == nil {
		return nil // forms and files are read, and refused, by their handlers
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if len(data) == 0 && !declared.Required {
		replaceBody(r, nil)
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return fault.Wrap(err, fault.Invalid, "", "The body is not JSON")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fault.New(fault.Invalid, "", "The body is not one JSON value")
	}
	value = normalise(value, content.Schema)
	options := []openapi3.SchemaValidationOption{openapi3.VisitAsRequest(), openapi3.MultiErrors(), openapi3.DefaultsSet(func() {})}
	if err := content.Schema.Value.VisitJSON(value, options...); err != nil {
		fields := map[string][]string{}
		collectBody(err, objectName(content.Schema, o), fields)
		return invalid(err, fields)
	}
	if data, err = json.Marshal(value); err != nil {
		return err
	}
	replaceBody(r, data)
	return nil
}

func replaceBody(r *http.Request, data []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
}

func invalid(cause error, fields map[string][]string) error {
	f := fault.Wrap(cause, fault.Invalid, "validation_failure", "%s", sentence(cause, fields))
	f.Fields = fields
	return f
}

// maxInput is the limit that UC MEMBER_54 3a speaks of.
const maxInput = 255

// sentence is what UC MEMBER_54 says of the first broken field (2a, 3a), where it says something.
func sentence(cause error, fields map[string][]string) string {
	broken, _ := errors.AsType[*openapi3.SchemaError](cause)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		name := key[strings.LastIndexByte(key, '.')+1:]
		switch code := fields[key][0]; {
		case code == "NotNull" || code == "NotBlank":
			return "Missing parameter: '" + name + "'"
		case code == "Size" && broken != nil && broken.Schema != nil && broken.Schema.MaxLength != nil && *broken.Schema.MaxLength == maxInput:
			return "Parameter " + name + " input exceeds 255 characters"
		}
	}
	return "Validation failure"
}

func collectBody(err error, prefix string, fields map[string][]string) {
	if many, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // as above: the outermost list only
		for _, one := range many {
			collectBody(one, prefix, fields)
		}
		return
	}
	e, ok := errors.AsType[*openapi3.SchemaError](err)
	if !ok {
		add(fields, prefix, "typeMismatch")
		return
	}
	if e.Origin != nil && (e.SchemaField == "oneOf" || e.SchemaField == "anyOf" || e.SchemaField == "allOf") {
		collectBody(e.Origin, prefix, fields)
		return
	}
	key := prefix
	for _, segment := range e.JSONPointer() {
		if strings.Trim(segment, "0123456789") == "" {
			key += "[" + segment + "]"
		} else {
			key += "." + camel(segment)
		}
	}
	add(fields, key, constraint(e))
}

func add(fields map[string][]string, key, code string) {
	if !slices.Contains(fields[key], code) {
		fields[key] = append(fields[key], code)
	}
}

// constraint names a broken schema keyword as X-Road's validation does. An empty text is NotBlank and not Size, so that a missing parameter
// and one that is too long can be told apart (UC MEMBER_54 2a, 3a).
func constraint(e *openapi3.SchemaError) string {
	switch e.SchemaField {
	case "required":
		return "NotNull"
	case "minLength":
		if e.Value == "" {
			return "NotBlank"
		}
		return "Size"
	case "maxLength", "minItems", "maxItems":
		return "Size"
	case "pattern":
		return "Pattern"
	case "minimum":
		return "Min"
	case "maximum":
		return "Max"
	}
	return "typeMismatch"
}

// objectName is the name of the body's object in validation errors: memberAddDto for the schema MemberAdd.
func objectName(schema *openapi3.SchemaRef, o *operation) string {
	name := schema.Ref[strings.LastIndexByte(schema.Ref, '/')+1:]
	if name == "" {
		return o.id
	}
	return strings.ToLower(name[:1]) + strings.TrimSuffix(name[1:], "Dto") + "Dto"
}

// camel turns member_code into memberCode.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

func sortedPermissions(p *auth.Principal) []auth.Permission {
	return append([]auth.Permission{}, slices.Sorted(maps.Keys(p.Permissions))...)
}
