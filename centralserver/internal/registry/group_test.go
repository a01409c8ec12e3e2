package registry_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// TestGroupRefusals tries each refusal of the global groups and that nothing has changed.
func TestGroupRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		_, err := w.Registry.AddGroup(w.Do(), "partners", "Partners")
		require.NoError(t, err)
		require.NoError(t, w.Store.Registry().Update(w.Do(), func(tx registry.Tx) error {
			return tx.AddToGroup(registry.OwnersGroup, w.Client("EE:GOV:1"))
		}))
		add := func(code, description string) func(context.Context) error {
			return func(ctx context.Context) error { _, err := w.Registry.AddGroup(ctx, code, description); return err }
		}
		describe := func(code, description string) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := w.Registry.DescribeGroup(ctx, code, description)
				return err
			}
		}
		remove := func(code string) func(context.Context) error {
			return func(ctx context.Context) error { return w.Registry.DeleteGroup(ctx, code) }
		}
		join := func(code string, ids ...string) func(context.Context) error {
			return func(ctx context.Context) error {
				var clients []identifier.ClientID
				for _, id := range ids {
					clients = append(clients, w.Client(id))
				}
				_, err := w.Registry.AddGroupMembers(ctx, code, clients)
				return err
			}
		}
		leave := func(code, id string) func(context.Context) error {
			return func(ctx context.Context) error { return w.Registry.RemoveGroupMember(ctx, code, w.Client(id)) }
		}
		for _, c := range []struct {
			do            func(context.Context) error
			code, message string
		}{
			{add("partners", "Again"), "global_group_exists", "Global group 'partners' already exists"},
			{add("Security-Server-Owners", "Again"), "global_group_exists", "Global group 'Security-Server-Owners' already exists"},
			{add(" ", "x"), "validation_failure", "Missing parameter: 'code'"},
			{add("a/b", "x"), "validation_failure", "Parameter code contains invalid characters"},
			{add("b", "x\x00"), "validation_failure", "Parameter description contains invalid characters"},
			{describe("none", "x"), "global_group_not_found", "Global group 'none' not found"},
			{describe("partners", " "), "validation_failure", "Missing parameter: 'description'"},
			{remove("none"), "global_group_not_found", "Global group 'none' not found"},
			{remove(registry.OwnersGroup), "owners_global_group_cannot_be_deleted", "Cannot perform delete action on server owners group"},
			{join("none", "EE:GOV:1"), "global_group_not_found", "Global group 'none' not found"},
			{join(registry.OwnersGroup, "EE:GOV:2"), "cannot_add_member_to_owners_group", "Cannot add members to server owners group"},
			{join("partners", "EE:GOV:1", "EE:GOV:9"), "member_not_found", "Member 'MEMBER:EE/GOV/9' not found"},
			{join("partners", "EE:GOV:1:none"), "subsystem_not_found", "Subsystem 'SUBSYSTEM:EE/GOV/1/none' not found"},
			{leave("none", "EE:GOV:1"), "global_group_not_found", "Global group 'none' not found"},
			{leave("partners", "EE:GOV:1"), "member_not_found", "'MEMBER:EE/GOV/1' is not in global group 'partners'"},
			{leave(registry.OwnersGroup, "EE:GOV:1"), "owners_global_group_member_cannot_be_deleted", "Cannot remove members from server owners group"},
		} {
			w.Refused(t, c.do, c.code, c.message, "Test event")
		}
	})
}

func TestGroupLife(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		generation := w.Generation()
		added, err := w.Registry.AddGroup(w.Do(), " partners ", " Partners ")
		require.NoError(t, err)
		require.Equal(t, registry.Group{Code: "partners", Description: "Partners", CreatedAt: storetest.Start(), UpdatedAt: storetest.Start()}, *added)
		require.Contains(t, w.LastAudit(), `"data":{"code":"partners","description":"Partners"}`)
		_, err = w.Registry.DescribeGroup(w.Do(), "partners", "Partner rights")
		require.NoError(t, err)
		_, err = w.Registry.DescribeGroup(w.Do(), registry.OwnersGroup, "Owners")
		require.NoError(t, err, "only its members are the server's own")

		all := []identifier.ClientID{w.Client("EE:GOV:1"), w.Client("EE:GOV:2"), w.Client("EE:GOV:1:ms")}
		now, err := w.Registry.AddGroupMembers(w.Do(), "partners", all[:1])
		require.NoError(t, err)
		require.Equal(t, all[:1], now)
		now, err = w.Registry.AddGroupMembers(w.Do(), "partners", append(slices.Clone(all), all[2]))
		require.NoError(t, err)
		require.Equal(t, all[1:], now, "only those that were not in it, each once")
		require.Contains(t, w.LastAudit(), `"data":{"code":"partners","description":"Partner rights","memberIdentifiers":["EE:GOV:2","EE:GOV:1:ms"]}`)
		require.Equal(t, generation+5, w.Generation())
		group, err := w.Registry.Group(t.Context(), "partners")
		require.NoError(t, err)
		require.Equal(t, 3, group.Members)

		model, err := w.Registry.GroupModel(t.Context(), "partners")
		require.NoError(t, err)
		require.Equal(t, registry.GroupModel{Instances: []string{"EE"}, Classes: []string{"GOV"}, Codes: []string{"1", "2"}, Subsystems: []string{"ms"}}, model)
		list := func(f registry.GroupFilter) []string {
			t.Helper()
			if f.Paging.Limit == 0 {
				f.Paging.Limit = 25
			}
			page, err := w.Registry.GroupMembers(t.Context(), "partners", f)
			require.NoError(t, err)
			ids := []string{}
			for _, m := range page.Items {
				require.NotEmpty(t, m.Name)
				require.Equal(t, storetest.Start(), m.AddedAt)
				ids = append(ids, m.Client.Encoded())
			}
			return ids
		}
		require.Equal(t, []string{"EE:GOV:1", "EE:GOV:2", "EE:GOV:1:ms"}, list(registry.GroupFilter{}))
		require.Equal(t, []string{"EE:GOV:1", "EE:GOV:1:ms"}, list(registry.GroupFilter{Text: "member ONE"}))
		require.Equal(t, []string{"EE:GOV:1:ms"}, list(registry.GroupFilter{Text: "subsys"}))
		require.Equal(t, []string{"EE:GOV:2"}, list(registry.GroupFilter{Codes: []string{"2", "3"}, Instance: "EE", Class: "GOV"}))
		require.Equal(t, []string{"EE:GOV:1:ms"}, list(registry.GroupFilter{Subsystems: []string{"ms"}}))
		require.Equal(t, []string{"EE:GOV:1:ms"}, list(registry.GroupFilter{Types: []identifier.ObjectType{identifier.Subsystem}}))
		require.Empty(t, list(registry.GroupFilter{Class: "NGO"}))
		require.Equal(t, []string{"EE:GOV:1:ms"}, list(registry.GroupFilter{Paging: registry.Paging{Limit: 1, Sort: "subsystem", Descending: true}}))
		for _, key := range registry.GroupMemberSortKeys {
			require.Len(t, list(registry.GroupFilter{Paging: registry.Paging{Limit: 2, Number: 1, Sort: key}}), 1)
		}
		_, err = w.Registry.GroupMembers(t.Context(), "partners", registry.GroupFilter{Paging: registry.Paging{Limit: 1, Sort: "x"}})
		require.Equal(t, "invalid_sort_properties", fault.CodeOf(err))

		require.NoError(t, w.Registry.RemoveGroupMember(w.Do(), "partners", all[2]))
		require.Contains(t, w.LastAudit(), `"memberIdentifiers":["EE:GOV:1:ms"]`)
		require.NoError(t, w.Registry.DeleteGroup(w.Do(), "partners"))
		require.Equal(t, int64(0), w.Count("SELECT COUNT(*) FROM global_group_member"))
		_, err = w.Registry.Group(t.Context(), "partners")
		require.Equal(t, "global_group_not_found", fault.CodeOf(err))
	})
}
