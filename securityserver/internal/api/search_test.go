package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// Every field of the search, alone and together, here and in the whole instance. The configuration has EE:GOV:1 to 3 and EE:COM:9, each with a
// subsystem "sub"; this server has its owner, EE:GOV:2:sub, and EE:GOV:77:new, whom the configuration does not know.
func TestFindClients(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		w.Login()
		w.Import(certificate.Signing, w.Owner)
		d.want(201, "POST", "/clients", `{"client":{"member_class":"GOV","member_code":"2","subsystem_code":"sub"}}`, nil)
		d.want(201, "POST", "/clients", `{"ignore_warnings":true,"client":{"member_class":"GOV","member_code":"77","subsystem_code":"new","subsystem_name":"Brand New"}}`, nil)
		owner, two, new77 := "EE:GOV:1", "EE:GOV:2:sub", "EE:GOV:77:new"
		foreign := []string{"EE:COM:9", "EE:COM:9:sub", "EE:GOV:1:sub", "EE:GOV:2", "EE:GOV:3", "EE:GOV:3:sub"}
		for _, c := range []struct {
			query string
			want  []string
		}{
			{"", []string{owner, two, new77}},
			{"internal_search=true", []string{owner, two, new77}},
			{"show_members=false", []string{two, new77}},
			{"exclude_local=true", nil},
			{"name=MEMBER", []string{owner, two}},
			{"name=brand", []string{new77}},
			{"name=", []string{owner, two, new77}},
			{"member_class=gov&member_code=7", []string{new77}},
			{"subsystem_code=SU", []string{two}},
			{"instance=e", nil},
			{"instance=ee", []string{owner, two, new77}},
			{"local_valid_sign_cert=true", []string{owner}},
			{"local_valid_sign_cert=false", []string{two, new77}},
			{"internal_search=false", append([]string{"EE:COM:9", "EE:COM:9:sub", owner, "EE:GOV:1:sub", "EE:GOV:2", two}, "EE:GOV:3", "EE:GOV:3:sub", new77)},
			{"internal_search=false&exclude_local=true", foreign},
			{"internal_search=false&exclude_local=true&show_members=false", []string{"EE:COM:9:sub", "EE:GOV:1:sub", "EE:GOV:3:sub"}},
			{"internal_search=false&exclude_local=true&member_class=COM", []string{"EE:COM:9", "EE:COM:9:sub"}},
			{"internal_search=false&name=subsystem", []string{"EE:COM:9:sub", "EE:GOV:1:sub", two, "EE:GOV:3:sub"}},
			{"internal_search=false&local_valid_sign_cert=true", []string{owner, "EE:GOV:1:sub"}},
			{"internal_search=false&instance=FI", nil},
			{"include_management_service_check=true", []string{owner, two, new77}},
		} {
			var found []clientView
			d.want(200, "GET", "/clients?"+c.query, nil, &found)
			ids := []string{}
			for _, one := range found {
				ids = append(ids, one.ID)
			}
			require.ElementsMatch(t, c.want, ids, c.query)
		}
		w.Conf.Publish(worldtest.ProviderIs(worldtest.Client(t, two)))
		var found []map[string]any
		d.want(200, "GET", "/clients?include_management_service_check=true&subsystem_code=sub", nil, &found)
		require.Equal(t, true, found[0]["is_management_services_provider"])
		d.refused(400, "validation_failure", "GET", "/clients?show_members=maybe", nil)
	})
}
