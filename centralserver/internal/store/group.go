package store

import (
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

func toGroup(g registry.Group) (registry.Group, error) {
	g.CreatedAt, g.UpdatedAt = g.CreatedAt.UTC(), g.UpdatedAt.UTC()
	return g, nil
}

const groups = `SELECT g.code, g.description, g.created_at, g.updated_at,
	(SELECT COUNT(*) FROM global_group_member m WHERE m.group_id = g.id) AS members FROM global_group g`

// Groups lists the global groups by code.
func (t *Tx) Groups() ([]registry.Group, error) {
	return all(t.tx.DB().Raw(groups+" ORDER BY lower(g.code), g.code"), toGroup)
}

// Group gives one group, nil when there is none.
func (t *Tx) Group(code string) (*registry.Group, error) {
	list, err := all(t.tx.DB().Raw(groups+" WHERE g.code = ?", code), toGroup)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// EnsureGroup adds the group if it is not there.
func (t *Tx) EnsureGroup(code, description string) error {
	return t.tx.DB().Exec("INSERT INTO global_group (code, description, created_at, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT (code) DO NOTHING",
		code, description, t.Now(), t.Now()).Error
}

// DescribeGroup changes a group's description.
func (t *Tx) DescribeGroup(code, description string) error {
	return one(t.tx.DB().Exec("UPDATE global_group SET description = ?, updated_at = ? WHERE code = ?", description, t.Now(), code))
}

// RemoveGroup deletes a group with its memberships.
func (t *Tx) RemoveGroup(code string) error {
	return one(t.tx.DB().Exec("DELETE FROM global_group WHERE code = ?", code))
}

// AddToGroup adds a client to an existing group; one that is in stays in.
func (t *Tx) AddToGroup(code string, client identifier.ClientID) error {
	id, err := t.identify(clientKey(client))
	if err != nil {
		return err
	}
	return t.tx.DB().Exec(`INSERT INTO global_group_member (group_id, identifier_id, created_at)
		SELECT id, ?, ? FROM global_group WHERE code = ? ON CONFLICT (group_id, identifier_id) DO NOTHING`, id, t.Now(), code).Error
}

// RemoveFromGroup takes a client out of a group.
func (t *Tx) RemoveFromGroup(code string, client identifier.ClientID) error {
	return t.tx.DB().Exec(`DELETE FROM global_group_member WHERE group_id = (SELECT g.id FROM global_group g WHERE g.code = ?)
		AND identifier_id = (SELECT i.id FROM identifier i WHERE `+matching+")", append([]any{code}, clientKey(client)...)...).Error
}

// LeaveGroups takes a client out of all groups, a member with its subsystems.
func (t *Tx) LeaveGroups(client identifier.ClientID) error {
	return t.tx.DB().Exec(`DELETE FROM global_group_member WHERE identifier_id IN (SELECT i.id FROM identifier i WHERE i.object_type IN ('MEMBER', 'SUBSYSTEM')
		AND i.instance = ? AND i.member_class = ? AND i.member_code = ? AND (? = '' OR i.subsystem_code = ?))`,
		client.Instance(), client.MemberClass(), client.MemberCode(), client.SubsystemCode(), client.SubsystemCode()).Error
}

type membershipRow struct {
	Key       parts `gorm:"embedded"`
	Code      string
	CreatedAt time.Time
}

func toMembership(r membershipRow) (registry.Membership, error) {
	id, err := r.Key.client()
	return registry.Membership{Group: r.Code, Client: id, AddedAt: r.CreatedAt.UTC()}, err
}

const memberships = `SELECT g.code, i.instance, i.member_class, i.member_code, i.subsystem_code, m.created_at
	FROM global_group_member m JOIN global_group g ON g.id = m.group_id JOIN identifier i ON i.id = m.identifier_id`

// GroupsOf lists the memberships of a member and its subsystems.
func (t *Tx) GroupsOf(member identifier.ClientID) ([]registry.Membership, error) {
	return all(t.tx.DB().Raw(memberships+" WHERE i.instance = ? AND i.member_class = ? AND i.member_code = ? ORDER BY g.code, i.subsystem_code",
		member.Instance(), member.MemberClass(), member.MemberCode()), toMembership)
}

// Memberships lists who is in which group, for the global configuration.
func (t *Tx) Memberships() ([]registry.Membership, error) {
	return all(t.tx.DB().Raw(memberships+" ORDER BY g.code, i.member_class, i.member_code, i.subsystem_code"), toMembership)
}

// nodeOf is the node that a parameter belongs to: the address is each central server's own, the rest is common.
func (t *Tx) nodeOf(key string) string {
	if key == registry.ParameterAddress {
		return t.node
	}
	return ""
}

// Parameter reads a system parameter, "" when it is not set.
func (t *Tx) Parameter(key string) (string, error) {
	row, err := first[struct{ Value string }](t.tx.DB().Raw("SELECT value FROM system_parameter WHERE key = ? AND node = ?", key, t.nodeOf(key)))
	if err != nil || row == nil {
		return "", err
	}
	return row.Value, nil
}

// SetParameter writes a system parameter.
func (t *Tx) SetParameter(key, value string) error {
	return one(t.tx.DB().Exec(`INSERT INTO system_parameter (key, node, value, updated_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (key, node) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, key, t.nodeOf(key), value, t.Now()))
}
