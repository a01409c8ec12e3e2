package store

import (
	"fmt"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

const ofGroup = "global_group_member gm JOIN global_group g ON g.id = gm.group_id JOIN identifier i ON i.id = gm.identifier_id"

// InGroup reports whether the client is in the group.
func (t *Tx) InGroup(code string, client identifier.ClientID) (bool, error) {
	row, err := first[struct{ ID int64 }](t.tx.DB().Raw("SELECT gm.id FROM "+ofGroup+" WHERE g.code = ? AND "+matching,
		append([]any{code}, clientKey(client)...)...))
	return row != nil, err
}

type groupMemberRow struct {
	Key       parts `gorm:"embedded"`
	ID        int64
	Name      string
	CreatedAt time.Time
}

func toGroupMember(r groupMemberRow) (registry.GroupMember, error) {
	id, err := r.Key.client()
	return registry.GroupMember{ID: r.ID, Client: id, Name: r.Name, AddedAt: r.CreatedAt.UTC()}, err
}

// memberName is the name of the member that an identifier belongs to, whether it is the member's or a subsystem's.
const memberName = "COALESCE(mm.name, sm.name, '')"

// groupMemberOrder is how each sort key of registry.GroupMemberSortKeys is ordered.
var groupMemberOrder = map[string]string{
	"name": "lower(" + memberName + ")", "type": "i.object_type", "instance": "lower(i.instance)", "class": "lower(i.member_class)",
	"code": "lower(i.member_code)", "subsystem": "lower(i.subsystem_code)", "created_at": "gm.created_at",
}

// GroupMembers lists the members of a group.
func (t *Tx) GroupMembers(code string, f registry.GroupFilter) (registry.Page[registry.GroupMember], error) {
	var c conditions
	c.add("g.code = ?", code)
	if f.Text != "" {
		pattern, columns := like(f.Text), ""
		var values []any
		for _, column := range []string{memberName, "i.object_type", "i.instance", "i.member_class", "i.member_code", "i.subsystem_code"} {
			if columns != "" {
				columns += " OR "
			}
			columns += "lower(" + column + ") LIKE lower(?) ESCAPE '!'"
			values = append(values, pattern)
		}
		c.add("("+columns+")", values...)
	}
	if f.Instance != "" {
		c.add("i.instance = ?", f.Instance)
	}
	if f.Class != "" {
		c.add("i.member_class = ?", f.Class)
	}
	if len(f.Codes) > 0 {
		c.add("i.member_code IN ?", f.Codes)
	}
	if len(f.Subsystems) > 0 {
		c.add("i.subsystem_code IN ?", f.Subsystems)
	}
	if len(f.Types) > 0 {
		c.add("i.object_type IN ?", f.Types)
	}
	return page(t, ofGroup+` LEFT JOIN member mm ON mm.identifier_id = i.id LEFT JOIN subsystem ss ON ss.identifier_id = i.id
		LEFT JOIN member sm ON sm.id = ss.member_id`,
		"gm.id, gm.created_at, i.instance, i.member_class, i.member_code, i.subsystem_code, "+memberName+" AS name",
		c, groupMemberOrder, "gm.id", f.Paging, toGroupMember)
}

// GroupModel lists the values that occur among a group's members.
func (t *Tx) GroupModel(code string) (m registry.GroupModel, err error) {
	for _, part := range []struct {
		column string
		values *[]string
	}{{"instance", &m.Instances}, {"member_class", &m.Classes}, {"member_code", &m.Codes}, {"subsystem_code", &m.Subsystems}} {
		statement := fmt.Sprintf("SELECT DISTINCT i.%[1]s FROM %[2]s WHERE g.code = ? AND i.%[1]s <> '' ORDER BY i.%[1]s", part.column, ofGroup)
		if err = t.tx.DB().Raw(statement, code).Scan(part.values).Error; err != nil {
			return m, err
		}
	}
	return m, nil
}
