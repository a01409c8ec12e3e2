//go:build conformance

package api_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
)

// absent is X-Road's operations that this server does not have, and why.
var absent = map[string]string{
	"getBackups": planned, "addBackup": planned, "uploadBackup": planned, "deleteBackup": planned, "downloadBackup": planned, "restoreBackup": planned,
	"addGlobalGroup": planned, "deleteGlobalGroup": planned, "updateGlobalGroupDescription": planned, "getGroupMembersFilterModel": planned,
	"addGlobalGroupMembers": planned, "findGlobalGroupMembers": planned, "deleteGlobalGroupMember": planned,
	"getConfigurationParts": planned, "uploadConfigurationParts": planned, "downloadConfigurationParts": planned,
	"getTrustedAnchors": planned, "uploadTrustedAnchor": planned, "previewTrustedAnchor": planned, "deleteTrustedAnchor": planned, "downloadTrustedAnchor": planned,
	"deleteIntermediateCa": planned, "getIntermediateCa": planned, "deleteIntermediateCaOcspResponder": planned,
	"getOcspResponder": planned, "updateOcspResponder": planned, "getOcspRespondersCertificate": planned, "updateTimestampingService": planned,
	"downloadCertificate": planned, "getCertificate": planned, "generateKeyAndCertificate": planned, "generateCertificateRequest": planned, "uploadCertificate": planned,
	"getHighAvailabilityClusterStatus": planned,
	"downloadOpenApi":                  "served by the shell",
}

const planned = "planned"

// own is what X-Road's file does not have.
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

// operations maps operation ids to method and path.
func operations(d document) map[string]string {
	found := map[string]string{}
	for path, item := range at(d, "paths").(document) {
		for method, operation := range item.(document) {
			if id, ok := at(operation, "operationId").(string); ok {
				found[id] = strings.ToUpper(method) + " " + path
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

func TestConformanceOperations(t *testing.T) {
	here, there := operations(read(t, schema.OpenAPI("central"))), operations(theirs(t))
	for id, route := range there {
		if absent[id] != "" {
			require.NotContains(t, here, id, "%s is here: take it off the list", id)
			continue
		}
		require.Equal(t, route, here[id], id)
	}
	for id := range here {
		if _, known := there[id]; !known {
			require.Contains(t, own, id)
		}
	}
}

// properties gives the names of a schema's properties, those of its parts included.
func properties(d document, s any) (names []string) {
	if ref, ok := at(s, "$ref").(string); ok {
		return properties(d, at(d, "components", "schemas", ref[strings.LastIndex(ref, "/")+1:]))
	}
	if all, ok := at(s, "allOf").([]any); ok {
		for _, one := range all {
			names = append(names, properties(d, one)...)
		}
	}
	if own, ok := at(s, "properties").(document); ok {
		names = slices.AppendSeq(names, maps.Keys(own))
	}
	return names
}

// TestConformanceSchemas compares what both files call by one name: the same values of enums, and every property of X-Road's.
func TestConformanceSchemas(t *testing.T) {
	here, there := read(t, schema.OpenAPI("central")), theirs(t)
	missing := map[string][]string{"ManagementRequest": {"updated_at"}}
	for name, ours := range at(here, "components", "schemas").(document) {
		original := at(there, "components", "schemas", name)
		if original == nil || at(original, "$ref") != nil {
			continue
		}
		if values, ok := at(original, "enum").([]any); ok {
			require.ElementsMatch(t, values, at(ours, "enum"), name)
			continue
		}
		for _, property := range properties(there, original) {
			if slices.Contains(missing[name], property) || strings.HasSuffix(name, "Request") && (property == "id" || property == "security_server_owner" ||
				property == "status" || strings.HasSuffix(property, "_at")) {
				continue
			}
			require.Contains(t, properties(here, ours), property, name)
		}
	}
}
