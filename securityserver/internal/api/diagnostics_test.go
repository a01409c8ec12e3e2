package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

func TestDiagnostics(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		w.Login()
		w.Import(certificate.Signing, w.Owner)
		var services []struct {
			Name       string `json:"distinguished_name"`
			Responders []struct {
				URL    string
				Status string `json:"status_class"`
				Prev   string `json:"prev_update_at"`
			} `json:"ocsp_responders"`
		}
		d.want(200, "GET", "/diagnostics/ocsp-responders", nil, &services)
		require.Len(t, services, 1)
		require.Equal(t, "OK", services[0].Responders[0].Status)
		require.NotEmpty(t, services[0].Responders[0].Prev)

		var stamping []map[string]any
		d.want(200, "GET", "/diagnostics/timestamping-services", nil, &stamping)
		require.Empty(t, stamping)
		d.want(201, "POST", "/system/timestamping-services", `{"name":"Test TSA","url":"http://tsa.example"}`, nil)
		d.want(200, "GET", "/diagnostics/timestamping-services", nil, &stamping)
		require.Equal(t, "WAITING", stamping[0]["status_class"])

		var one map[string]any
		d.want(200, "GET", "/diagnostics/auth-cert-req-status", nil, &one)
		require.Equal(t, "FAIL", one["status_class"])
		require.Equal(t, "network_error", one["error"].(map[string]any)["code"])
		var sources []map[string]any
		d.want(200, "GET", "/diagnostics/global-conf-status", nil, &sources)
		require.Equal(t, "http://cs/internalconf", sources[0]["download_url"])
		d.want(200, "GET", "/diagnostics/addon-status", nil, &one)
		require.Equal(t, true, one["messagelog_enabled"])
		d.want(200, "GET", "/diagnostics/message-log-encryption-status", nil, &one)
		require.Equal(t, false, one["message_log_database_encryption_status"])
		d.want(200, "GET", "/diagnostics/backup-encryption-status", nil, &one)
		require.Equal(t, false, one["backup_encryption_status"])
		d.want(200, "GET", "/diagnostics/proxy-memory-usage-status", nil, &one)
		require.Positive(t, one["used_memory"])
		require.Less(t, one["used_memory"], one["max_memory"])
		d.want(200, "GET", "/mail/mail-notification-status", nil, &one)
		require.Equal(t, false, one["configuration_present"])
		d.want(200, "PUT", "/language/et", nil, &one)
		require.Equal(t, "et", one["id"])
		d.refused(400, "validation_failure", "PUT", "/language/est", nil)
		var strategy string
		d.want(200, "GET", "/system/timestamping-services/prioritization-strategy", nil, &strategy)
		require.Equal(t, "NONE", strategy)
		d.want(200, "GET", "/certificate-authorities/ocsp-prioritization-strategy", nil, &strategy)
		require.Equal(t, "NONE", strategy)
		var list []map[string]any
		d.want(200, "GET", "/diagnostics/checklist", nil, &list)
		require.Len(t, list, 14)
		require.Equal(t, "ANCHOR", list[0]["check"])
		require.Equal(t, "OK", list[0]["state"])
	})
}

func TestPublishManagementServices(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		d.refused(409, "management_services_unknown", "POST", "/management-services", `{}`)
		group := func(private *globalconf.PrivateParameters, shared *globalconf.SharedParameters, _ *time.Time) {
			private.ManagementService.AuthCertRegAddress = "https://cs.example:4001/managementservice/"
			private.ManagementService.AuthCertRegCertificate = w.CA.Certificate().Raw
			shared.GlobalGroups = append(shared.GlobalGroups, globalconf.GlobalGroup{Code: "security-server-owners", Members: []identifier.ClientID{w.Owner}})
		}
		w.Conf.Publish(worldtest.ProviderIs(worldtest.Client(t, "EE:GOV:2:sub")), group)
		d.refused(409, "management_services_elsewhere", "POST", "/management-services", `{}`)
		w.Conf.Publish(worldtest.ProviderIs(w.Owner), group)
		d.refused(400, "malformed_url", "POST", "/management-services", `{"services_address":"cs"}`)
		var list []struct {
			URL      string
			Disabled bool
			Services []struct {
				URL  string
				Auth bool `json:"ssl_auth"`
			}
		}
		d.want(200, "POST", "/management-services", `{}`, &list)
		require.Len(t, list, 1)
		require.Equal(t, "http://cs/managementservices.wsdl", list[0].URL)
		require.False(t, list[0].Disabled)
		require.Len(t, list[0].Services, 10)
		require.Equal(t, "https://cs.example:4002/managementservice/manage/", list[0].Services[0].URL)
		require.True(t, list[0].Services[0].Auth)
		require.Len(t, w.Records("Publish management services"), 1)
		var rights []map[string]any
		d.want(200, "GET", "/services/EE:GOV:1:clientReg/service-clients", nil, &rights)
		require.Equal(t, "EE:security-server-owners", rights[0]["id"])
		d.want(200, "POST", "/management-services", `{"services_address":"https://other.example:4002/"}`, &list)
		require.Equal(t, "https://other.example:4002/", list[0].Services[0].URL)
	})
}
