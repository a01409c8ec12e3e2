package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// offer gives the URL of a WSDL with the ten management services.
func offer(t *testing.T) string {
	t.Helper()
	wsdl, err := schema.WSDL.ReadFile("wsdl/managementservices.wsdl")
	require.NoError(t, err)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wsdl) }))
	t.Cleanup(site.Close)
	return site.URL
}

func TestLocalGroupsAndServiceClients(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		groups := "/clients/EE:GOV:1/local-groups"
		var g struct {
			ID, Code, Description string
			Count                 int `json:"member_count"`
			Members               []struct {
				ID   string
				Name string `json:"member_name"`
			}
		}
		d.refused(400, "validation_failure", "POST", groups, `{"code":"a/b","description":"x"}`)
		d.refused(400, "validation_failure", "POST", groups, `{"code":"a","description":""}`)
		d.want(201, "POST", groups, `{"code":"friends","description":"Our friends"}`, &g)
		d.refused(409, "local_group_code_already_exists", "POST", groups, `{"code":"friends","description":"x"}`)
		one := "/local-groups/" + g.ID
		d.want(201, "POST", one+"/members", `{"items":["EE:GOV:2:sub"]}`, nil)
		d.refused(409, "local_group_member_already_exists", "POST", one+"/members", `{"items":["EE:GOV:2:sub"]}`)
		d.refused(409, "client_not_found", "POST", one+"/members", `{"items":["EE:GOV:2:none"]}`)
		d.refused(400, "invalid_encoded_id", "POST", one+"/members", `{"items":["nonsense"]}`)
		d.want(200, "PATCH", one, `{"description":"Best friends"}`, &g)
		require.Equal(t, "Best friends", g.Description)
		require.Equal(t, 1, g.Count)
		require.Equal(t, "Member 2", g.Members[0].Name)
		d.refused(404, "local_group_not_found", "GET", "/local-groups/99", nil)
		d.refused(404, "local_group_not_found", "GET", "/local-groups/x", nil)

		d.want(201, "POST", "/clients/EE:GOV:1/service-descriptions", map[string]any{"url": offer(t), "type": "WSDL"}, nil)
		d.refused(400, "service_type_not_supported", "POST", "/clients/EE:GOV:1/service-descriptions", `{"url":"http://a.example","type":"REST","rest_service_code":"x"}`)
		clients := "/clients/EE:GOV:1/service-clients"
		var list []struct {
			ID, Name string
			Code     string `json:"local_group_code"`
			Kind     string `json:"service_client_type"`
			At       string `json:"rights_given_at"`
		}
		d.want(200, "GET", clients, nil, &list)
		require.Empty(t, list)
		d.want(200, "GET", "/clients/EE:GOV:1/service-client-candidates?service_client_type=LOCALGROUP", nil, &list)
		require.Len(t, list, 1)
		require.Equal(t, "friends", list[0].Code)
		var rights []struct {
			Code string `json:"service_code"`
			At   string `json:"rights_given_at"`
		}
		d.want(201, "POST", clients+"/"+g.ID+"/access-rights", `{"items":[{"service_code":"clientReg"},{"service_code":"clientDeletion"}]}`, &rights)
		require.Len(t, rights, 2)
		d.refused(409, "duplicate_accessright", "POST", clients+"/"+g.ID+"/access-rights", `{"items":[{"service_code":"clientReg"}]}`)
		d.refused(409, "service_not_found", "POST", clients+"/EE:owners/access-rights", `{"items":[{"service_code":"none"}]}`)
		d.refused(400, "service_client_not_found", "POST", clients+"/EE:nobody/access-rights", `{"items":[{"service_code":"clientReg"}]}`)
		d.want(201, "POST", clients+"/EE:owners/access-rights", `{"items":[{"service_code":"clientReg"}]}`, nil)
		d.want(200, "GET", clients, nil, &list)
		require.Len(t, list, 2)
		require.Equal(t, "LOCALGROUP", list[0].Kind)
		require.Equal(t, "Best friends", list[0].Name)
		require.NotEmpty(t, list[0].At)
		d.want(200, "GET", clients+"/EE%3Aowners", nil, nil)
		d.refused(404, "service_client_not_found", "GET", clients+"/EE:GOV:3:sub", nil)
		d.want(200, "GET", clients+"/"+g.ID+"/access-rights", nil, &rights)
		require.Equal(t, "clientReg", rights[0].Code)
		d.want(204, "POST", clients+"/"+g.ID+"/access-rights/delete", `{"items":[{"service_code":"clientReg"}]}`, nil)
		d.refused(409, "accessright_not_found", "POST", clients+"/"+g.ID+"/access-rights/delete", `{"items":[{"service_code":"clientReg"}]}`)
		d.want(200, "GET", "/services/EE:GOV:1:clientDeletion/service-clients", nil, &list)
		require.Equal(t, g.ID, list[0].ID)
		d.want(204, "POST", one+"/members/delete", `{"items":["EE:GOV:2:sub"]}`, nil)
		d.refused(409, "local_group_member_not_found", "POST", one+"/members/delete", `{"items":["EE:GOV:2:sub"]}`)
		d.want(204, "DELETE", one, nil, nil)
		d.want(200, "GET", groups, nil, &[]any{})
		d.refused(404, "service_client_not_found", "GET", clients+"/"+g.ID, nil)
	})
}
