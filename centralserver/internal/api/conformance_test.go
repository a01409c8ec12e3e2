//go:build conformance

package api_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
)

// table is docs/compatibility-central.md: what it says of each operation of X-Road's file, and the differences it lists.
type table struct {
	states      map[string]string // operation id → implemented, planned, refused, or served by the shell
	differences []string
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\|")

func readTable(t *testing.T) table {
	t.Helper()
	data, err := os.ReadFile("../../../docs/compatibility-central.md")
	require.NoError(t, err)
	operations, differences, found := strings.Cut(string(data), "\n## Differences\n")
	require.True(t, found)
	read := table{states: map[string]string{}}
	for _, r := range row.FindAllStringSubmatch(operations, -1) {
		require.NotContains(t, read.states, r[1], "listed twice")
		read.states[r[1]] = strings.TrimSpace(r[3])
		if word, reason, _ := strings.Cut(read.states[r[1]], ": "); word == "refused" || word == "planned" {
			require.NotEmpty(t, reason, "%s: say why", r[1])
		}
	}
	for _, r := range row.FindAllStringSubmatch(differences, -1) {
		require.NotEmpty(t, strings.TrimSpace(r[3]), "%s: say why", r[1])
		read.differences = append(read.differences, r[1]+": "+strings.TrimSpace(r[2]))
	}
	return read
}

// own is what X-Road's file does not have, because another file or no file of X-Road's describes it.
var own = []string{"getAlerts"}

type document map[string]any

func read(t *testing.T, data []byte) document {
	t.Helper()
	var d document
	require.NoError(t, yaml.Unmarshal(data, &d))
	return d
}

func at(d any, keys ...string) any {
	for _, k := range keys {
		m, ok := d.(document)
		if !ok {
			return nil
		}
		d = m[k]
	}
	return d
}

// operation is one operation of a file.
type operation struct {
	route      string
	definition document
	shared     []any // parameters of its path
}

func operations(d document) map[string]operation {
	found := map[string]operation{}
	for path, item := range at(d, "paths").(document) {
		shared, _ := at(item, "parameters").([]any)
		for method, definition := range item.(document) {
			if id, ok := at(definition, "operationId").(string); ok {
				found[id] = operation{strings.ToUpper(method) + " " + path, definition.(document), shared}
			}
		}
	}
	return found
}

func theirs(t *testing.T) document {
	t.Helper()
	data, err := os.ReadFile(testkit.Shared(t, "schemas/openapi/central-server-openapi-definition.yaml"))
	require.NoError(t, err)
	return read(t, data)
}

// TestConformanceOperations holds docs/compatibility-central.md against both files.
func TestConformanceOperations(t *testing.T) {
	here, there, listed := operations(read(t, schema.OpenAPI("central"))), operations(theirs(t)), readTable(t)
	for id, o := range there {
		require.Contains(t, listed.states, id, "docs/compatibility-central.md does not list it")
		switch state, _, _ := strings.Cut(listed.states[id], ": "); state {
		case "implemented":
			require.Contains(t, here, id)
			require.Equal(t, o.route, here[id].route, id)
		case "planned", "refused":
			require.NotContains(t, here, id, "it is here")
		case "served by the shell":
			require.Equal(t, "downloadOpenApi", id)
		default:
			require.Fail(t, "unknown state", "%s: %q", id, state)
		}
	}
	for id := range listed.states {
		require.Contains(t, there, id, "X-Road has no such operation")
	}
	for id := range here {
		if _, known := there[id]; !known {
			require.Contains(t, own, id)
		}
	}
}

// TestConformanceDetails compares parameters, bodies, answers and every schema below them, and the differences found with those listed.
func TestConformanceDetails(t *testing.T) {
	here, there := read(t, schema.OpenAPI("central")), theirs(t)
	c := comparison{here: here, there: there, seen: map[string]bool{}}
	original := operations(there)
	for id, ours := range operations(here) {
		if o, known := original[id]; known {
			c.operation(id, ours, o)
		}
	}
	require.ElementsMatch(t, readTable(t).differences, c.found)
}

// comparison collects how two files differ.
type comparison struct {
	here, there document
	seen        map[string]bool // schemas of one name in both
	found       []string
}

func (c *comparison) say(where, format string, values ...any) {
	text := where + ": " + fmt.Sprintf(format, values...)
	if !slices.Contains(c.found, text) {
		c.found = append(c.found, text)
	}
}

func (c *comparison) operation(id string, ours, original operation) {
	c.sets(id, "parameter", parameters(c.here, ours), parameters(c.there, original))
	c.content(id, "request", at(ours.definition, "requestBody", "content"), at(original.definition, "requestBody", "content"))
	here, there := successes(ours), successes(original)
	c.sets(id, "status", here, there)
	if len(here) == 1 && len(there) == 1 {
		for _, answer := range here {
			for _, one := range there {
				c.content(id, "answer", at(answer, "content"), at(one, "content"))
			}
		}
	}
}

// parameters gives the names of an operation's parameters; the beans that X-Road's file has are taken apart, as its server does.
func parameters(d document, o operation) map[string]any {
	found := map[string]any{}
	own, _ := o.definition["parameters"].([]any)
	for _, p := range append(slices.Clone(o.shared), own...) {
		if ref, ok := at(p, "$ref").(string); ok {
			p = at(d, "components", "parameters", last(ref))
		}
		name := at(p, "name").(string)
		if bean := at(p, "schema"); at(p, "in") == "query" && len(properties(d, bean)) > 0 {
			maps.Copy(found, properties(d, bean))
			continue
		}
		found[name] = p
	}
	return found
}

func successes(o operation) map[string]any {
	found := map[string]any{}
	for status, answer := range at(o.definition, "responses").(document) {
		if strings.HasPrefix(status, "2") {
			found[status] = answer
		}
	}
	return found
}

func (c *comparison) sets(where, what string, here, there map[string]any) {
	for name := range there {
		if _, ok := here[name]; !ok {
			c.say(where, "%s %s only in X-Road", what, name)
		}
	}
	for name := range here {
		if _, ok := there[name]; !ok {
			c.say(where, "%s %s only here", what, name)
		}
	}
}

func (c *comparison) content(id, what string, here, there any) {
	ours, _ := here.(document)
	original, _ := there.(document)
	c.sets(id, what, ours, original)
	for kind := range original {
		if ours[kind] != nil {
			c.schema(id+" "+what, at(ours[kind], "schema"), at(original[kind], "schema"))
		}
	}
}

// schema compares two schemas; those of one name are compared once, under their name.
func (c *comparison) schema(where string, here, there any) {
	ours, original := last(at(here, "$ref")), last(at(there, "$ref"))
	if ours != "" && ours == original {
		if c.seen[ours] {
			return
		}
		c.seen[ours], where = true, ours
	}
	here, there = resolve(c.here, here), resolve(c.there, there)
	if a, b := kind(c.here, here), kind(c.there, there); a != b {
		c.say(where, "%s here, %s in X-Road", a, b)
		return
	}
	if values, ok := at(there, "enum").([]any); ok {
		mine, _ := at(here, "enum").([]any)
		c.sets(where, "value", names(mine), names(values))
	}
	if items := at(there, "items"); items != nil {
		c.schema(where+"[]", at(here, "items"), items)
	}
	mine, others := properties(c.here, here), properties(c.there, there)
	if strings.HasSuffix(where, " request") {
		maps.DeleteFunc(others, func(_ string, p any) bool { return at(p, "readOnly") == true })
	}
	c.sets(where, "property", mine, others)
	for name, other := range others {
		if mine[name] != nil {
			c.schema(where+"."+name, mine[name], other)
		}
	}
}

func names(list []any) map[string]any {
	found := map[string]any{}
	for _, one := range list {
		found[fmt.Sprint(one)] = true
	}
	return found
}

// kind is what a value is; X-Road's file leaves it out where it can be guessed.
func kind(d document, s any) string {
	switch t, _ := at(s, "type").(string); {
	case t != "":
		return t
	case at(s, "items") != nil:
		return "array"
	case len(properties(d, s)) > 0:
		return "object"
	case at(s, "enum") != nil:
		return "string"
	}
	return "anything"
}

func last(ref any) string {
	s, _ := ref.(string)
	return s[strings.LastIndexByte(s, '/')+1:]
}

// resolve follows a reference, and what stands for one: a list of one.
func resolve(d document, s any) any {
	if ref := last(at(s, "$ref")); ref != "" {
		return resolve(d, at(d, "components", "schemas", ref))
	}
	if all, ok := at(s, "allOf").([]any); ok && len(all) == 1 && at(s, "properties") == nil {
		return resolve(d, all[0])
	}
	return s
}

// properties gives the properties of a schema with those of its parts and variants.
func properties(d document, s any) map[string]any {
	s = resolve(d, s)
	found := map[string]any{}
	variants, _ := at(s, "discriminator", "mapping").(document)
	for _, name := range variants {
		composed(d, at(d, "components", "schemas", last(name)), found)
	}
	composed(d, s, found)
	return found
}

// composed adds the properties of a schema and of its parts, without the variants that a part may name.
func composed(d document, s any, found map[string]any) {
	s = resolve(d, s)
	for _, group := range []string{"allOf", "anyOf", "oneOf"} {
		parts, _ := at(s, group).([]any)
		for _, one := range parts {
			composed(d, one, found)
		}
	}
	if own, ok := at(s, "properties").(document); ok {
		maps.Copy(found, own)
	}
}
