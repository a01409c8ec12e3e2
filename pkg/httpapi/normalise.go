package httpapi

import (
	"encoding/json"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// normalise makes of a JSON value what X-Road's reader makes of it: strings are trimmed, a number where a string belongs becomes one, and
// a null where null is not allowed is as if it were not there.
func normalise(value any, schema *openapi3.SchemaRef) any {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		if all := variants(schema); len(all) > 0 && onlyStrings(all) {
			return v.String()
		}
	case []any:
		var items *openapi3.SchemaRef
		for _, s := range variants(schema) {
			if s.Items != nil {
				items = s.Items
			}
		}
		for i := range v {
			v[i] = normalise(v[i], items)
		}
	case map[string]any:
		for key, inner := range v {
			property := propertyOf(schema, key)
			if inner == nil && property != nil && !nullable(property) {
				delete(v, key)
				continue
			}
			v[key] = normalise(inner, property)
		}
	}
	return value
}

// variants is the schema and all schemas it is composed of.
func variants(ref *openapi3.SchemaRef) []*openapi3.Schema {
	if ref == nil || ref.Value == nil {
		return nil
	}
	list := []*openapi3.Schema{ref.Value}
	for _, group := range []openapi3.SchemaRefs{ref.Value.AllOf, ref.Value.OneOf, ref.Value.AnyOf} {
		for _, one := range group {
			list = append(list, variants(one)...)
		}
	}
	return list
}

func onlyStrings(all []*openapi3.Schema) bool {
	typed := false
	for _, s := range all {
		if s.Type == nil || len(*s.Type) == 0 {
			continue
		}
		if !s.Type.Includes(openapi3.TypeString) || s.Type.Includes(openapi3.TypeNumber) || s.Type.Includes(openapi3.TypeInteger) {
			return false
		}
		typed = true
	}
	return typed
}

func propertyOf(ref *openapi3.SchemaRef, key string) *openapi3.SchemaRef {
	for _, s := range variants(ref) {
		if property := s.Properties[key]; property != nil {
			return property
		}
	}
	return nil
}

func nullable(ref *openapi3.SchemaRef) bool {
	for _, s := range variants(ref) {
		if s.Nullable || s.Type != nil && s.Type.Includes(openapi3.TypeNull) {
			return true
		}
	}
	return false
}
