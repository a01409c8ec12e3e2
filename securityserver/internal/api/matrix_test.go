package api_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/testkit/apispec"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/api"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// letters are the roles of the matrix: Registration, Security, serVice, sYstem, Observer.
var letters = map[string]auth.Role{"R": api.RegistrationOfficer, "S": api.SecurityOfficer, "V": api.ServiceAdministrator, "Y": api.SystemAdministrator,
	"O": api.Observer}

// matrix says who may call each operation, as X-Road 7 does. Where a permission goes with the usage of a key, the handler asks for it besides.
var matrix = map[string]string{
	"getInitializationStatus": "RSVYO", "checkAlerts": "RSVYO", "getNodeType": "RSVYO", "systemVersion": "RSVYO", "getMemberClasses": "RSVYO",
	"getMemberClassesForInstance": "RSVYO", "getXRoadInstances": "RSVYO", "getSecurityServers": "RSVYO", "getSecurityServer": "RSVYO",
	"getClientSecurityServers": "RSVYO", "findMemberName": "RSVYO",

	"initSecurityServer": "Y", "uploadInitialAnchor": "Y", "getAnchor": "SYO", "replaceAnchor": "SY", "previewAnchor": "SY", "downloadAnchor": "SY",
	"getSystemCertificate": "RSVYO", "downloadSystemCertificate": "RSVY", "getServerAddress": "SYO", "addressChange": "Y",
	"maintenanceMode": "Y", "enableMaintenanceMode": "Y", "disableMaintenanceMode": "Y",
	"getConfiguredTimestampingServices": "SYO", "getApprovedTimestampingServices": "SYO", "addConfiguredTimestampingService": "SY",
	"deleteConfiguredTimestampingService": "SY", "getGlobalConfDiagnostics": "YO",
	"getGlobalConfStatus": "YO", "getOcspRespondersDiagnostics": "YO", "getTimestampingServicesDiagnostics": "YO", "getAuthCertReqStatus": "YO",
	"getAddOnDiagnostics": "YO", "getMessageLogEncryptionDiagnostics": "YO", "getBackupEncryptionDiagnostics": "YO", "getProxyMemoryUsage": "YO",
	"getChecklist": "YO", "getMailNotificationStatus": "YO", "getTimestampingPrioritizationStrategy": "SYO", "getOcspPrioritizationStrategy": "RSYO",
	"language": "RSVYO", "publishManagementServices": "V",

	"findClients": "RSVO", "getClient": "RVO", "getClientSignCertificates": "RVO", "addClient": "R", "deleteClient": "R", "registerClient": "R",
	"unregisterClient": "R", "disableClient": "R", "enableClient": "R", "renameClient": "R", "changeOwner": "R", "getClientOrphans": "R", "deleteOrphans": "R",
	"updateClient": "RV", "getClientTlsCertificates": "RVO", "getClientTlsCertificate": "RVO", "addClientTlsCertificate": "RV",
	"deleteClientTlsCertificate": "RV",

	"getClientServiceDescriptions": "VO", "getServiceDescription": "VO", "getServiceDescriptionServices": "VO", "getService": "VO",
	"getServiceServiceClients": "VO", "findServiceClientCandidates": "VO", "addClientServiceDescription": "V", "deleteServiceDescription": "V",
	"enableServiceDescription": "V", "disableServiceDescription": "V", "updateService": "V", "addServiceServiceClients": "V",
	"deleteServiceServiceClients": "V", "updateServiceDescription": "V", "refreshServiceDescription": "V",

	"getClientServiceClients": "VO", "getServiceClient": "VO", "getServiceClientAccessRights": "VO", "addServiceClientAccessRights": "V",
	"deleteServiceClientAccessRights": "V", "getClientLocalGroups": "VO", "getLocalGroup": "VO", "addClientLocalGroup": "V", "updateLocalGroup": "V",
	"deleteLocalGroup": "V", "addLocalGroupMember": "V", "deleteLocalGroupMember": "V",

	"generateSystemTlsKeyAndCertificate": "SY", "generateSystemCertificateRequest": "SY", "importSystemCertificate": "SY",

	"getTokens": "RSYO", "getToken": "RSYO", "getKey": "RSYO", "getPossibleActionsForKey": "RSYO", "getPossibleActionsForCsr": "RSYO",
	"getPossibleActionsForCertificate": "RSYO", "getApprovedCertificateAuthorities": "RSYO", "updateToken": "RSY", "updateKey": "RSY",
	"loginToken": "SY", "logoutToken": "SY", "updateTokenPin": "Y",
	"addKey": "RS", "addKeyAndCsr": "RS", "deleteKey": "RS", "generateCsr": "RS", "downloadCsr": "RS", "deleteCsr": "RS", "importCertificate": "RS",
	"deleteCertificate": "RS", "activateCertificate": "RS", "disableCertificate": "RS", "getSubjectFieldDescriptions": "RS",
	"getCertificate": "RSVYO", "registerCertificate": "S", "unregisterAuthCertificate": "S", "markAuthCertForDeletion": "S",
}

// sensible are path parameters that are found, or not found, but not refused; others are given "0".
var sensible = map[string]string{"hash": strings.Repeat("0", 64), "ca_name": "Test CA"}

var parameter = regexp.MustCompile(`\{([a-z_]+)\}`)

// Every operation of the file, with every role and without a log-in. Without a body most calls end right after the permission check.
func TestPermissionMatrix(t *testing.T) {
	spec, err := apispec.Read(schema.OpenAPI("security"))
	require.NoError(t, err)
	operations := spec.Operations()
	for id := range matrix {
		require.Contains(t, operations, id)
	}
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		d.keys["stranger"] = "none"
		for id, o := range operations {
			require.Contains(t, matrix, id, "who may call it?")
			path := parameter.ReplaceAllStringFunc(o.Path, func(p string) string {
				if value := sensible[strings.Trim(p, "{}")]; value != "" {
					return url.PathEscape(value)
				}
				return "0"
			})
			status, body := d.call("stranger", o.Method, path, nil)
			require.Equal(t, http.StatusUnauthorized, status, id)
			require.JSONEq(t, `{"status":401}`, string(body))
			for letter, role := range letters {
				status, body := d.call(role, o.Method, path, nil)
				require.NotEqual(t, http.StatusUnauthorized, status, id)
				allowed := strings.Contains(matrix[id], letter)
				require.Equal(t, !allowed, status == http.StatusForbidden, "%s as %s: %d %s", id, role, status, body)
				if !allowed {
					require.JSONEq(t, `{"status":403}`, string(body))
				}
			}
		}
	})
}

// Every permission of the file is given to somebody.
func TestEveryPermissionIsGranted(t *testing.T) {
	granted := map[string]bool{}
	for _, list := range api.Policy() {
		for _, p := range list {
			granted[string(p)] = true
		}
	}
	spec, err := apispec.Read(schema.OpenAPI("security"))
	require.NoError(t, err)
	for id, o := range spec.Operations() {
		names, ok := o.Names("x-permissions")
		require.True(t, ok, id)
		require.False(t, slices.ContainsFunc(names, func(n string) bool { return !granted[n] }), "%s: %v", id, names)
	}
}

// The permission that goes with a key's usage is asked for inside.
func TestPermissionsByUsage(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		w.Login()
		generate := map[string]any{"key_usage_type": "AUTHENTICATION", "ca_name": "Test CA", "csr_format": "PEM", "subject_field_values": map[string]string{}}
		body := map[string]any{"key_label": "", "csr_generate_request": generate}
		status, _ := d.call(api.RegistrationOfficer, "POST", "/tokens/0/keys-with-csrs", body)
		require.Equal(t, 403, status)
		status, _ = d.call(api.SecurityOfficer, "POST", "/tokens/0/keys-with-csrs", body)
		require.Equal(t, 200, status)
		require.NotEmpty(t, w.Records("Generate key and CSR failed"))
	})
}
