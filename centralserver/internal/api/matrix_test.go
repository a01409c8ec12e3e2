package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/api"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/schema"
)

// letters are the roles in matrix: registration officer, security officer, system administrator, management service.
var letters = map[auth.Role]string{officer: "R", security: "S", admin: "A", services: "M"}

// matrix says who may call which operation, as X-Road 7 has it, in words and not by way of the permissions.
var matrix = map[string]string{
	"RSAM": `getInitializationStatus getAlerts getSystemStatus getSystemVersion getHighAvailabilityClusterStatus`,
	"RS":   `findClients getMemberClasses`,
	"R": `addMember getMember updateMemberName deleteMember getSubsystems getOwnedServers getUsedServers getMemberGlobalGroups unregisterMember
		addSubsystem updateSubsystemName deleteSubsystem unregisterSubsystem
		findSecurityServers getSecurityServer updateSecurityServerAddress deleteSecurityServer getSecurityServerClients getSecurityServerAuthCerts
		deleteSecurityServerAuthCert
		findManagementRequests getManagementRequest revokeManagementRequest approveManagementRequest
		findGlobalGroups getGlobalGroup addGlobalGroup updateGlobalGroupDescription deleteGlobalGroup
		getGroupMembersFilterModel findGlobalGroupMembers addGlobalGroupMembers deleteGlobalGroupMember`,
	"RM": `addManagementRequest`,
	"S": `addMemberClass updateMemberClass deleteMemberClass
		getManagementServicesConfiguration updateManagementServicesConfiguration registerServiceProvider updateCentralServerAddress
		getCertificate downloadCertificate generateKeyAndCertificate generateCertificateRequest uploadCertificate
		addKey deleteKey activateKey downloadAnchor reCreateAnchor uploadTrustedAnchor previewTrustedAnchor deleteTrustedAnchor`,
	"SA": `initCentralServer getTokens loginToken logoutToken getAnchor getDownloadUrl getTrustedAnchors downloadTrustedAnchor
		getConfigurationParts uploadConfigurationParts downloadConfigurationParts`,
	"A": `addCertificationService updateCertificationService deleteCertificationService addCertificationServiceIntermediateCa
		addCertificationServiceOcspResponder addIntermediateCaOcspResponder deleteOcspResponder updateOcspResponder
		deleteIntermediateCa deleteIntermediateCaOcspResponder updateTimestampingService
		getTimestampingServices addTimestampingService getTimestampingService deleteTimestampingService`,
	"AM": `getCertificationServices getCertificationService getCertificationServiceCertificate getCertificationServiceIntermediateCas
		getCertificationServiceOcspResponders getIntermediateCaOcspResponders getIntermediateCa getOcspResponder getOcspRespondersCertificate`,
}

// shellMatrix is the same for what the shell serves, by route.
var shellMatrix = map[string]string{"GET /user": "RSAM", "GET /api-keys": "A", "POST /api-keys": "A", "GET /api-keys/999": "A", "PUT /api-keys/999": "A", "DELETE /api-keys/999": "A"}

// TestEveryOperationAsksForItsPermissions calls every operation with every role and with none: 401 without a login, 403 without the
// permission, and neither with it. The permissions in the file, held against the roles' own, must say the same as the matrix.
func TestEveryOperationAsksForItsPermissions(t *testing.T) {
	file, err := openapi3.NewLoader().LoadFromData(schema.OpenAPI("central"))
	require.NoError(t, err)
	require.NoError(t, file.Validate(t.Context()))
	holders := map[string]string{}
	for roles, operations := range matrix {
		for _, id := range strings.Fields(operations) {
			require.NotContains(t, holders, id)
			holders[id] = roles
		}
	}
	example := strings.NewReplacer("{configuration_type}", "INTERNAL", "{management_request_id}", "999999", "{certification_service_id}", "999999",
		"{intermediate_ca_id}", "999999", "{ocsp_responder_id}", "999999", "{timestamping_service_id}", "999999", "{certificate_id}", "999999", "{version}", "0", "{content_identifier}", "MONITORING")
	eachDoor(t, func(t *testing.T, d *door) {
		listed := map[string]bool{}
		for path, item := range file.Paths.Map() {
			for method, operation := range item.Operations() {
				id := operation.OperationID
				require.Contains(t, holders, id, "the matrix does not say who may call it")
				listed[id] = true
				require.Equal(t, holders[id], byPermissions(t, operation), id)
				d.walk(id, method, example.Replace(path), holders[id])
			}
		}
		require.ElementsMatch(t, slices.Collect(maps.Keys(holders)), slices.Collect(maps.Keys(listed)))
		for route, roles := range shellMatrix {
			method, path, _ := strings.Cut(route, " ")
			d.walk(route, method, path, roles)
		}
		require.Equal(t, 200, d.send("", "GET", "/notifications/session-status", "", nil).status)
		require.Equal(t, 200, d.send("", "GET", "/openapi.yaml", "", nil).status)
	})
}

// byPermissions gives the letters of the roles that hold one of an operation's permissions.
func byPermissions(t *testing.T, operation *openapi3.Operation) string {
	t.Helper()
	wanted, held := operation.Extensions["x-permissions"].([]any), ""
	for _, w := range wanted {
		require.True(t, slices.ContainsFunc(slices.Collect(maps.Values(api.Policy())), func(all []auth.Permission) bool {
			return slices.Contains(all, auth.Permission(w.(string)))
		}), "%s: nobody has %s", operation.OperationID, w)
	}
	for _, role := range [...]auth.Role{officer, security, admin, services} {
		has := func(w any) bool { return slices.Contains(api.Policy()[role], auth.Permission(w.(string))) }
		if len(wanted) == 0 || slices.ContainsFunc(wanted, has) {
			held += letters[role]
		}
	}
	return held
}

// walk calls one operation as everybody. The bodies are missing, so those who may call it are told so, or that there is nothing there.
func (d *door) walk(name, method, path, roles string) {
	d.t.Helper()
	require.Equal(d.t, 401, d.send("", method, path, "", nil).status, name)
	for role, letter := range letters {
		status := d.send(role, method, path, "", nil).status
		if strings.Contains(roles, letter) {
			require.NotContains(d.t, []int{401, 403, 405, 500}, status, "%s as %s", name, role)
		} else {
			require.Equal(d.t, 403, status, "%s as %s", name, role)
		}
	}
}
