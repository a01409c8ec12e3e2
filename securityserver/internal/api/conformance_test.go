//go:build conformance

package api_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/testkit/apispec"
	"github.com/ristmik/ristmik/schema"
)

// shellServed are operations of X-Road's file that the shell serves for both servers, and that our file therefore lacks.
var shellServed = map[string]bool{"downloadOpenApi": true}

// elsewhere are operations that X-Road keeps outside its file.
var elsewhere = map[string]bool{"checkAlerts": true}

// compatibility reads the tables of docs/compatibility-security.md: the state of each operation, and the differences that are accepted.
func compatibility(t *testing.T) (states map[string]string, accepted map[string]bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash("../../../docs/compatibility-security.md"))
	require.NoError(t, err)
	states, accepted = map[string]string{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		name, quoted := strings.CutPrefix(strings.TrimSpace(cells[0]), "`")
		if name = strings.TrimSuffix(name, "`"); !quoted {
			continue
		}
		switch len(cells) {
		case 4:
			require.NotContains(t, states, name, "listed twice")
			states[name] = strings.TrimSpace(cells[2])
			if states[name] == "refused" {
				require.NotEmpty(t, strings.TrimSpace(cells[3]), "%s is refused without a reason", name)
			}
		case 2:
			require.NotEmpty(t, strings.TrimSpace(cells[1]), "%s is accepted without a reason", name)
			accepted[name] = true
		default: // our own operations
		}
	}
	return states, accepted
}

func TestConformanceOperations(t *testing.T) {
	theirs, err := apispec.ReadFile(testkit.Shared(t, "schemas/openapi/security-server-openapi-definition.yaml"))
	require.NoError(t, err)
	ours, err := apispec.Read(schema.OpenAPI("security"))
	require.NoError(t, err)
	here, there := ours.Operations(), theirs.Operations()
	states, accepted := compatibility(t)
	for id := range there {
		require.Contains(t, []string{"implemented", "planned", "refused"}, states[id], id)
	}
	for id := range states {
		require.Contains(t, there, id, "%s is not X-Road's", id)
	}
	used := map[string]bool{}
	for id, original := range there {
		mine, have := here[id]
		require.Equal(t, states[id] == "implemented" && !shellServed[id], have, "%s is listed as %s", id, states[id])
		if !have {
			continue
		}
		for _, difference := range apispec.Compare(mine, original) {
			if used[difference] = true; !accepted[difference] {
				t.Error(difference)
			}
		}
	}
	for difference := range accepted {
		require.True(t, used[difference], "no longer so: %s", difference)
	}
	for id, mine := range here {
		if _, known := there[id]; !known && !elsewhere[id] {
			require.Equal(t, true, mine.Extension("x-ristmik"), "%s is our own and not marked", id)
		}
	}
}
