package apispec_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/testkit/apispec"
)

const theirs = `
paths:
  /a/{id}:
    get:
      operationId: a
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: q, in: query, schema: {type: string}}
      responses: {"200": {content: {application/json: {schema: {$ref: "#/components/schemas/A"}}}}}
    post:
      operationId: b
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/A"}}}}
      responses: {"204": {description: done}}
components:
  schemas:
    A: {type: object, required: [x], properties: {x: {type: string}, kind: {type: string, enum: [ONE, TWO]}, more: {type: array, items: {$ref: "#/components/schemas/A"}}}}
`

func compare(t *testing.T, ours, id string) []string {
	t.Helper()
	here, err := apispec.Read([]byte(ours))
	require.NoError(t, err)
	there, err := apispec.Read([]byte(theirs))
	require.NoError(t, err)
	return apispec.Compare(here.Operations()[id], there.Operations()[id])
}

func TestEveryDifferenceIsSeen(t *testing.T) {
	require.Empty(t, compare(t, theirs, "a"))
	require.Empty(t, compare(t, theirs, "b"))
	require.Empty(t, compare(t, strings.ReplaceAll(theirs, "id", "identity"), "a"), "path parameters go by position")
	for _, c := range []struct{ old, new, id, want string }{
		{"/a/{id}", "/c/{id}", "a", "a is GET /c/{id}, not GET /a/{id}"},
		{"name: q", "name: r", "a", "a.query.q is missing"},
		{"in: query,", "in: query, required: true,", "a", "a.query.q is demanded here alone"},
		{"in: query, schema: {type: string}", "in: query, schema: {type: integer}", "a", `a.query.q is "integer", not "string"`},
		{"x: {type: string}", "x: {type: integer}", "a", `A.x is "integer", not "string"`},
		{"[ONE, TWO]", "[ONE]", "b", "A in a request.kind has the values [ONE], not [ONE TWO]"},
		{"required: [x]", "required: [x, kind]", "b", "A in a request.kind is demanded here alone"},
		{"required: [x]", "required: []", "a", "A.x may be absent here alone"},
		{", kind:", ", sort:", "a", "A.kind is missing"},
		{", kind:", ", sort:", "a", "A.sort is here alone"},
		{"{description: done}", "{content: {text/plain: {schema: {type: string}}}}", "b", "b.response has a body"},
		{"requestBody: {content: {application/json", "requestBody: {content: {text/plain", "b", "b.request has no application/json"},
	} {
		require.Contains(t, compare(t, strings.ReplaceAll(theirs, c.old, c.new), c.id), c.want, c.new)
	}
}
