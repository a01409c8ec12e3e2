package apispec

import (
	"fmt"
	"maps"
	"slices"
)

type comparison struct {
	request     bool // what is compared is sent by the caller
	seen        map[string]bool
	differences []string
}

func (c *comparison) differ(where, format string, args ...any) {
	c.differences = append(c.differences, where+" "+fmt.Sprintf(format, args...))
}

func (c *comparison) parameters(ours, theirs Operation) {
	here, there := ours.parameters(), theirs.parameters()
	for key, p := range there {
		mine, ok := here[key]
		if !ok {
			c.differ(ours.ID+"."+key, "is missing")
			continue
		}
		c.schema(ours.ID+"."+key, mine.child("schema"), p.child("schema"))
	}
	for key, p := range here {
		required, _ := p.object()["required"].(bool)
		other, ok := there[key]
		demanded, _ := other.object()["required"].(bool)
		if required && (!ok || !demanded) {
			c.differ(ours.ID+"."+key, "is demanded here alone")
		}
	}
}

// parameters are those of query and header; path parameters are told apart by their position, which the route shows.
func (o Operation) parameters() map[string]place {
	found := map[string]place{}
	own, _ := o.definition["parameters"].([]any)
	for _, one := range append(slices.Clone(o.shared), own...) {
		p := place{o.document, one}.resolve()
		if in := fmt.Sprint(p.object()["in"]); in != "path" {
			found[in+"."+fmt.Sprint(p.object()["name"])] = p
		}
	}
	return found
}

func (c *comparison) body(where string, ours, theirs place) {
	mine, other := ours.at("content").object(), theirs.at("content").object()
	for kind := range other {
		if _, ok := mine[kind]; !ok {
			c.differ(where, "has no %s", kind)
			continue
		}
		c.schema(where, ours.at("content", kind).child("schema"), theirs.at("content", kind).child("schema"))
	}
	if len(other) == 0 && len(mine) > 0 {
		c.differ(where, "has a body")
	}
}

// shape is a schema with the parts that it is composed of put together.
type shape struct {
	kind       string
	properties map[string]place
	required   []string
	values     []string
	items      place
}

func shapeOf(p place) shape {
	s := shape{properties: map[string]place{}}
	p = p.resolve()
	o := p.object()
	s.kind, _ = o["type"].(string)
	parts, _ := o["allOf"].([]any)
	for _, part := range parts {
		inner := shapeOf(place{p.document, part})
		maps.Copy(s.properties, inner.properties)
		s.required = append(s.required, inner.required...)
		s.values = append(s.values, inner.values...)
		if s.kind == "" {
			s.kind = inner.kind
		}
	}
	properties, _ := o["properties"].(object)
	for name, node := range properties {
		s.properties[name] = place{p.document, node}
	}
	required, _ := o["required"].([]any)
	for _, name := range required {
		s.required = append(s.required, fmt.Sprint(name))
	}
	values, _ := o["enum"].([]any)
	for _, v := range values {
		s.values = append(s.values, fmt.Sprint(v))
	}
	slices.Sort(s.values)
	if items, ok := o["items"]; ok {
		s.items = place{p.document, items}
	}
	if s.kind == "" && len(s.properties) > 0 {
		s.kind = "object"
	}
	return s
}

// schema compares two schemas. What has a name in their file is called by it, and compared once for requests and once for answers.
func (c *comparison) schema(where string, ours, theirs place) {
	if name := theirs.name(); name != "" {
		where = name
		if c.request {
			where += " in a request"
		}
	}
	if c.seen[where] { // as well of a schema that contains itself
		return
	}
	c.seen[where] = true
	mine, other := shapeOf(ours), shapeOf(theirs)
	if mine.kind != other.kind {
		c.differ(where, "is %q, not %q", mine.kind, other.kind)
		return
	}
	if !slices.Equal(mine.values, other.values) {
		c.differ(where, "has the values %v, not %v", mine.values, other.values)
	}
	for name := range mine.properties {
		if _, ok := other.properties[name]; !ok {
			c.differ(where+"."+name, "is here alone")
		}
		if c.request && slices.Contains(mine.required, name) && !slices.Contains(other.required, name) {
			c.differ(where+"."+name, "is demanded here alone")
		}
	}
	for name, property := range other.properties {
		if _, ok := mine.properties[name]; !ok {
			c.differ(where+"."+name, "is missing")
			continue
		}
		if !c.request && slices.Contains(other.required, name) && !slices.Contains(mine.required, name) {
			c.differ(where+"."+name, "may be absent here alone")
		}
		c.schema(where+"."+name, mine.properties[name], property)
	}
	if other.items.node != nil {
		c.schema(where+"[]", mine.items, other.items)
	}
}
