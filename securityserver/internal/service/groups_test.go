package service_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// ownerRecord is the owner in audit records.
var ownerRecord = map[string]any{"xRoadInstance": "EE", "memberClass": "GOV", "memberCode": "1"}

// offering makes the owner offer greet.v1 and part.
func offering(t *testing.T, w *worldtest.World) {
	t.Helper()
	s, _ := site(t)
	_, err := w.Services.AddWSDL(w.Ctx("Add service description"), w.Owner, s.URL)
	require.NoError(t, err)
}

func TestLocalGroups(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		long := strings.Repeat("x", 256)
		for _, c := range []struct {
			client, code, description string
			fault, message            string
		}{
			{"EE:GOV:1", "", "d", "validation_failure", "Missing parameter: 'group code'"},
			{"EE:GOV:1", long, "d", "validation_failure", "Parameter group code input exceeds 255 characters"},
			{"EE:GOV:1", "a:b", "d", "validation_failure", "Parameter group code contains invalid characters"},
			{"EE:GOV:1", "a", " ", "validation_failure", "Missing parameter: 'group description'"},
			{"EE:GOV:1", "a", long, "validation_failure", "Parameter group description input exceeds 255 characters"},
			{"EE:GOV:3", "a", "d", "client_not_found", "Client 'EE:GOV:3' not found"},
		} {
			_, err := w.Services.AddGroup(w.Ctx("Add group"), worldtest.Client(t, c.client), c.code, c.description)
			w.Refused(err, "Add group", c.fault, c.message)
		}
		g, err := w.Services.AddGroup(w.Ctx("Add group"), w.Owner, " friends ", " Our friends ")
		require.NoError(t, err)
		require.Equal(t, map[string]any{"clientIdentifier": ownerRecord, "groupCode": "friends", "groupDescription": "Our friends"},
			w.Records("Add group")[0]["data"])
		_, err = w.Services.AddGroup(w.Ctx("again"), w.Owner, "friends", "other")
		w.Refused(err, "again", "local_group_code_already_exists", "A local group with code 'friends' already exists")

		two, three := worldtest.Client(t, "EE:GOV:2:sub"), worldtest.Client(t, "EE:GOV:3:sub")
		require.NoError(t, w.Services.AddMembers(w.Ctx("Add members to group"), g.ID, []identifier.ClientID{two}))
		require.Equal(t, []any{map[string]any{"xRoadInstance": "EE", "memberClass": "GOV", "memberCode": "2", "subsystemCode": "sub"}}, w.Records("Add members to group")[0]["data"].(map[string]any)["memberIdentifiers"])
		for _, c := range []struct {
			id            int64
			members       []identifier.ClientID
			code, message string
		}{
			{g.ID, []identifier.ClientID{three, two}, "local_group_member_already_exists", "'EE:GOV:2:sub' is a member of the group already"},
			{g.ID, []identifier.ClientID{three, three}, "local_group_member_already_exists", "'EE:GOV:3:sub' is a member of the group already"},
			{g.ID, []identifier.ClientID{three, worldtest.Client(t, "EE:GOV:3")}, "client_not_found", "Subsystem 'EE:GOV:3' not found"},
			{g.ID, []identifier.ClientID{three, worldtest.Client(t, "EE:GOV:3:no")}, "client_not_found", "Subsystem 'EE:GOV:3:no' not found"},
			{g.ID + 1, []identifier.ClientID{three}, "local_group_not_found", "Local group not found"},
		} {
			w.Refused(w.Services.AddMembers(w.Ctx("refused"), c.id, c.members), "refused", c.code, c.message)
		}
		w.Refused(w.Services.DeleteMembers(w.Ctx("refused"), g.ID, []identifier.ClientID{two, three}), "refused", "local_group_member_not_found",
			"'EE:GOV:3:sub' is not a member of the group")
		g, err = w.Services.Group(t.Context(), g.ID)
		require.NoError(t, err)
		require.Len(t, g.Members, 1, "all or none")

		require.NoError(t, w.Services.Describe(w.Ctx("Edit group description"), g.ID, "Best friends"))
		w.Refused(w.Services.Describe(w.Ctx("refused"), g.ID, ""), "refused", "validation_failure", "Missing parameter: 'group description'")
		w.Refused(w.Services.Describe(w.Ctx("refused"), g.ID+1, "x"), "refused", "local_group_not_found", "Local group not found")

		// A right of the group is a right of its members, as long as group and membership last.
		offering(t, w)
		greet, err := identifier.NewService(w.Owner, "greet", "v1")
		require.NoError(t, err)
		may := func(id identifier.ClientID) bool {
			allowed, err := w.Services.Allowed(t.Context(), id, greet)
			require.NoError(t, err)
			return allowed
		}
		_, err = w.Services.AddRights(w.Ctx("refused"), w.Owner, "greet.v1", []service.Subject{{Local: g.ID + 1}})
		require.Error(t, err)
		_, err = w.Services.AddRights(w.Ctx("Add access rights to service"), w.Owner, "greet.v1", []service.Subject{{Local: g.ID}})
		require.NoError(t, err)
		require.True(t, may(two))
		require.False(t, may(three))
		require.NoError(t, w.Services.AddMembers(w.Ctx("Add members to group"), g.ID, []identifier.ClientID{three}))
		require.True(t, may(three))
		require.NoError(t, w.Services.DeleteMembers(w.Ctx("Remove members from group"), g.ID, []identifier.ClientID{two}))
		require.False(t, may(two))
		require.NoError(t, w.Services.DeleteGroup(w.Ctx("Delete group"), g.ID))
		require.False(t, may(three))
		rights, err := w.Services.Rights(t.Context(), w.Owner, "greet.v1")
		require.NoError(t, err)
		require.Empty(t, rights)
		w.Refused(w.Services.DeleteGroup(w.Ctx("refused"), g.ID), "refused", "local_group_not_found", "Local group not found")
	})
}

func TestRightsOfOneSubject(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		offering(t, w)
		two := service.Subject{Subsystem: worldtest.Client(t, "EE:GOV:2:sub")}
		nobody := service.Subject{Subsystem: worldtest.Client(t, "EE:GOV:2:none")}
		event := "Add access rights to subject"
		for _, c := range []struct {
			client        string
			subject       service.Subject
			codes         []string
			code, message string
		}{
			{"EE:GOV:3", two, []string{"greet"}, "client_not_found", "Client 'EE:GOV:3' not found"},
			{"EE:GOV:1", nobody, []string{"greet"}, "service_client_not_found", "Service client 'EE:GOV:2:none' not found"},
			{"EE:GOV:1", service.Subject{Local: 7}, []string{"greet"}, "service_client_not_found", "Service client '7' not found"},
			{"EE:GOV:1", two, []string{"greet", "none"}, "service_not_found", "Service 'none' not found"},
			{"EE:GOV:1", two, []string{"greet", "greet"}, "duplicate_accessright", "'EE:GOV:2:sub' has this access right already"},
		} {
			_, err := w.Services.AddSubjectRights(w.Ctx(event), worldtest.Client(t, c.client), c.subject, c.codes)
			w.Refused(err, event, c.code, c.message)
		}
		_, err := w.Services.RightsOfSubject(t.Context(), w.Owner, two)
		w.Refused(err, event, "service_client_not_found", "Service client 'EE:GOV:2:sub' not found")
		added, err := w.Services.AddSubjectRights(w.Ctx(event), w.Owner, two, []string{"greet", "part"})
		require.NoError(t, err)
		require.Len(t, added, 2)
		require.Equal(t, map[string]any{"clientIdentifier": ownerRecord, "subjectId": "EE:GOV:2:sub", "serviceCodes": []any{"greet", "part"}},
			w.Records(event)[0]["data"])
		remove := "Remove access rights from subject"
		w.Refused(w.Services.DeleteSubjectRights(w.Ctx(remove), w.Owner, two, []string{"greet", "none"}), remove, "accessright_not_found",
			"'EE:GOV:2:sub' has no access right to 'none'")
		held, err := w.Services.RightsOfSubject(t.Context(), w.Owner, two)
		require.NoError(t, err)
		require.Len(t, held, 2, "all or none")
		require.NoError(t, w.Services.DeleteSubjectRights(w.Ctx(remove), w.Owner, two, []string{"greet"}))
		held, err = w.Services.RightsOfSubject(t.Context(), w.Owner, two)
		require.NoError(t, err)
		require.Len(t, held, 1)
	})
}
