package registry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

func each(t *testing.T, fn func(t *testing.T, w *storetest.World)) {
	t.Helper()
	storetest.Each(t, management.Settings{}, fn)
}

// TestRefusals tries each refusal word for word and that nothing has changed.
func TestRefusals(t *testing.T) {
	long := strings.Repeat("ä", 256)
	each(t, func(t *testing.T, w *storetest.World) {
		_, err := w.Registry.AddMemberClass(w.Do(), "COM", "Companies")
		require.NoError(t, err)
		addMember := func(class, code, name string) func(context.Context) error {
			return func(ctx context.Context) error { _, err := w.Registry.AddMember(ctx, class, code, name); return err }
		}
		addSubsystem := func(code, subsystem string) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := w.Registry.AddSubsystem(ctx, "GOV", code, subsystem, "")
				return err
			}
		}
		addClass := func(code, description string) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := w.Registry.AddMemberClass(ctx, code, description)
				return err
			}
		}
		describe := func(code, description string) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := w.Registry.DescribeMemberClass(ctx, code, description)
				return err
			}
		}
		for _, c := range []struct {
			do            func(context.Context) error
			code, message string
		}{
			{addMember("GOV", "1", "Again"), "member_exists", "Failed to add member: Member with class GOV and code 1 already exists"}, // UC MEMBER_10 4a
			{addMember("NGO", "1", "One"), "member_class_not_found", "Member class 'NGO' not found"},
			{addMember("GOV", " ", "One"), "validation_failure", "Failed to add member: Missing parameter: 'memberCode'"}, // UC MEMBER_54 2a
			{addMember("GOV", "3", long), "validation_failure", "Failed to add member: Parameter memberName input exceeds 255 characters"},
			{addMember("GOV", "3:4", "One"), "validation_failure", "Failed to add member: Parameter memberCode contains invalid characters"},
			{func(ctx context.Context) error {
				_, err := w.Registry.RenameMember(ctx, w.Client("EE:GOV:1"), " ")
				return err
			},
				"validation_failure", "Failed to edit member: Missing parameter: 'memberName'"}, // UC MEMBER_11 3a
			{func(ctx context.Context) error {
				_, err := w.Registry.RenameMember(ctx, w.Client("EE:GOV:9"), "x")
				return err
			},
				"member_not_found", "Member 'MEMBER:EE/GOV/9' not found"},
			{addSubsystem("1", "ms"), "subsystem_exists", "Failed to add subsystem: Subsystem 'ms' already exists"}, // UC MEMBER_56 4a
			{addSubsystem("1", ""), "validation_failure", "Missing parameter: 'subsystemCode'"},
			{addSubsystem("9", "x"), "member_not_found", "Member 'MEMBER:EE/GOV/9' not found"},
			{func(ctx context.Context) error { return w.Registry.DeleteSubsystem(ctx, w.Client("EE:GOV:1:none")) },
				"subsystem_not_found", "Subsystem 'SUBSYSTEM:EE/GOV/1/none' not found"},
			{addClass("gov", "Other"), "member_class_exists", "Member class with the same code already exists"},                   // UC MEMBER_41 4a
			{addClass("NEW", "Government"), "member_class_description_exists", "description 'Government' has already been taken"}, // UC MEMBER_41 4b
			{describe("COM", "Government"), "member_class_description_exists", "description 'Government' has already been taken"}, // UC MEMBER_42 4a
			{describe("NGO", "x"), "member_class_not_found", "Member class 'NGO' not found"},
			{func(ctx context.Context) error { return w.Registry.DeleteMemberClass(ctx, "GOV") }, "member_class_is_in_use",
				"Cannot delete member class GOV: found X-Road members belonging to the class. Only classes with no registered members can be deleted."}, // UC MEMBER_43 2a
			{func(ctx context.Context) error {
				_, err := w.Registry.SetServerAddress(ctx, w.Server("EE:GOV:1:ss1"), "not an address")
				return err
			}, "validation_failure", "Security server address must be DNS name or IP address"}, // UC MEMBER_22 4a
			{func(ctx context.Context) error {
				_, err := w.Registry.SetServerAddress(ctx, w.Server("EE:GOV:1:ss1"), "10.0.0.1")
				return err
			}, "security_server_not_found", "Security server 'SERVER:EE/GOV/1/ss1' not found"},
			{func(ctx context.Context) error {
				_, err := w.Registry.SetProvider(ctx, w.Client("EE:GOV:1"))
				return err
			},
				"invalid_service_provider_id", "Invalid service provider identifier"},
			{func(ctx context.Context) error {
				_, err := w.Registry.SetProvider(ctx, w.Client("EE:GOV:1:none"))
				return err
			},
				"subsystem_not_found", "Subsystem 'SUBSYSTEM:EE/GOV/1/none' not found"},
		} {
			w.Refused(t, c.do, c.code, c.message, "Test event")
		}
	})
}

func TestMemberLife(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		generation := w.Generation()
		added, err := w.Registry.AddMember(w.Do(), " GOV ", " 3 ", " Member Three ")
		require.NoError(t, err)
		require.Equal(t, registry.Client{ID: w.Client("EE:GOV:3"), MemberName: "Member Three"}, *added, "UC MEMBER_54 1: trimmed")
		require.Contains(t, w.LastAudit(), `"data":{"memberName":"Member Three","memberClass":"GOV","memberCode":"3"}`)
		require.Equal(t, generation+1, w.Generation())
		_, err = w.Registry.RenameMember(w.Do(), w.Client("EE:GOV:3"), "Renamed")
		require.NoError(t, err)
		_, err = w.Registry.AddSubsystem(w.Do(), "GOV", "3", "sub", "")
		require.NoError(t, err)
		require.Contains(t, w.LastAudit(), `"data":{"memberClass":"GOV","memberCode":"3","memberSubsystemCode":"sub","memberSubsystemName":""}`)
		_, err = w.Registry.RenameSubsystem(w.Do(), w.Client("EE:GOV:3:sub"), "Named")
		require.NoError(t, err)
		subsystems, err := w.Registry.Subsystems(t.Context(), w.Client("EE:GOV:3"))
		require.NoError(t, err)
		require.Equal(t, []registry.Subsystem{{Client: registry.Client{ID: w.Client("EE:GOV:3:sub"), MemberName: "Renamed", SubsystemName: "Named"}, Relations: []registry.Relation{}}}, subsystems)
		require.NoError(t, w.Store.Registry().Update(w.Do(), func(tx registry.Tx) error { return tx.AddToGroup(registry.OwnersGroup, w.Client("EE:GOV:3:sub")) }))
		groups, err := w.Registry.MemberGroups(t.Context(), w.Client("EE:GOV:3"))
		require.NoError(t, err)
		require.Len(t, groups, 1)
		require.NoError(t, w.Registry.DeleteSubsystem(w.Do(), w.Client("EE:GOV:3:sub")))
		groups, err = w.Registry.MemberGroups(t.Context(), w.Client("EE:GOV:3"))
		require.NoError(t, err)
		require.Empty(t, groups, "UC MEMBER_14 4")
		_, err = w.Registry.AddSubsystem(w.Do(), "GOV", "3", "sub", "")
		require.NoError(t, err, "an identifier that was used before may be used again")
	})
}

func TestClassLife(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		added, err := w.Registry.AddMemberClass(w.Do(), "ngo", "Non-profit")
		require.NoError(t, err)
		require.Equal(t, "NGO", added.Code, "UC MEMBER_41 4: upper case")
		_, err = w.Registry.DescribeMemberClass(w.Do(), "NGO", "Non-profit")
		require.NoError(t, err, "its own description is not taken")
		_, err = w.Registry.DescribeMemberClass(w.Do(), "NGO", "Associations")
		require.NoError(t, err)
		classes, err := w.Registry.MemberClasses(t.Context())
		require.NoError(t, err)
		require.Equal(t, []registry.MemberClass{{Code: "GOV", Description: "Government"}, {Code: "NGO", Description: "Associations"}}, classes)
		require.NoError(t, w.Registry.DeleteMemberClass(w.Do(), "NGO"))
	})
}

func TestClientList(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		for i := range 30 {
			_, err := w.Registry.AddMember(w.Do(), "GOV", fmt.Sprintf("m%02d", i), fmt.Sprintf("Name %02d_", i))
			require.NoError(t, err)
		}
		list := func(f registry.ClientFilter) registry.Page[registry.Client] {
			t.Helper()
			if f.Paging.Limit == 0 {
				f.Paging.Limit = 25
			}
			page, err := w.Registry.Clients(t.Context(), f)
			require.NoError(t, err)
			return page
		}
		page := list(registry.ClientFilter{Type: identifier.Member, Paging: registry.Paging{Limit: 10, Number: 3, Sort: "member_name"}})
		require.Equal(t, 32, page.Total)
		require.Len(t, page.Items, 2)
		require.Equal(t, "Name 28_", page.Items[0].MemberName)
		for _, key := range registry.ClientSortKeys {
			require.Equal(t, 33, list(registry.ClientFilter{Paging: registry.Paging{Limit: 1, Sort: key, Descending: true}}).Total)
		}
		require.Equal(t, 30, list(registry.ClientFilter{Text: "_"}).Total, "an underscore is itself")
		require.Equal(t, 0, list(registry.ClientFilter{Text: "%"}).Total)
		_, err := w.Registry.RenameMember(w.Do(), w.Client("EE:GOV:2"), "Ämari Liige")
		require.NoError(t, err)
		require.Equal(t, 1, list(registry.ClientFilter{Text: "Ämari L"}).Total)
		require.Equal(t, 1, list(registry.ClientFilter{Text: "MS"}).Total)
		require.Equal(t, 1, list(registry.ClientFilter{Type: identifier.Subsystem}).Total)
		require.Equal(t, 0, list(registry.ClientFilter{Server: w.Server("EE:GOV:1:ss1")}).Total)
		require.Equal(t, 33, list(registry.ClientFilter{ExcludingGroup: registry.OwnersGroup}).Total)
		_, err = w.Registry.Clients(t.Context(), registry.ClientFilter{Paging: registry.Paging{Limit: 1, Sort: "x"}})
		require.Equal(t, "invalid_sort_properties", fault.CodeOf(err))
		for _, key := range registry.ServerSortKeys {
			_, err := w.Registry.Servers(t.Context(), "x", registry.Paging{Limit: 1, Sort: key})
			require.NoError(t, err)
		}
	})
}
