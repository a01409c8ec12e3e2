package store

import (
	"strings"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

type clientRow struct {
	Key                       parts `gorm:"embedded"`
	MemberName, SubsystemName string
}

func toClient(r clientRow) (registry.Client, error) {
	id, err := r.Key.client()
	return registry.Client{ID: id, MemberName: r.MemberName, SubsystemName: r.SubsystemName}, err
}

const clientColumns = "i.instance, i.member_class, i.member_code, i.subsystem_code, i.member_name, i.subsystem_name"

// Client gives a registered member or subsystem, nil when it is not registered.
func (t *Tx) Client(id identifier.ClientID) (*registry.Client, error) {
	list, err := all(t.tx.DB().Raw("SELECT "+clientColumns+` FROM client i
		WHERE i.type = ? AND i.instance = ? AND i.member_class = ? AND i.member_code = ? AND i.subsystem_code = ?`, clientKey(id)[:5]...), toClient)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// SubsystemsOf lists a member's subsystems by code.
func (t *Tx) SubsystemsOf(member identifier.ClientID) ([]registry.Client, error) {
	return all(t.tx.DB().Raw("SELECT "+clientColumns+` FROM client i
		WHERE i.type = 'SUBSYSTEM' AND i.instance = ? AND i.member_class = ? AND i.member_code = ? ORDER BY i.subsystem_code`,
		member.Instance(), member.MemberClass(), member.MemberCode()), toClient)
}

// clientOrder is how each sort key of registry.ClientSortKeys is ordered.
var clientOrder = map[string]string{
	"id": "i.id", "member_name": "lower(i.member_name)", "client_id.instance_id": "lower(i.instance)",
	"client_id.member_class": "lower(i.member_class)", "client_id.member_code": "lower(i.member_code)", "client_type": "i.type",
}

// Clients lists members and subsystems.
func (t *Tx) Clients(f registry.ClientFilter) (registry.Page[registry.Client], error) {
	var c conditions
	if f.Text != "" {
		c.add(`(lower(i.member_name) LIKE lower(?) ESCAPE '!' OR lower(i.member_class) LIKE lower(?) ESCAPE '!' OR lower(i.member_code) LIKE lower(?) ESCAPE '!'
			OR lower(i.subsystem_code) LIKE lower(?) ESCAPE '!')`, like(f.Text), like(f.Text), like(f.Text), like(f.Text))
	}
	for _, contains := range []struct{ column, value string }{{"i.member_name", f.Name}, {"i.instance", f.Instance}, {"i.member_class", f.Class},
		{"i.member_code", f.Code}, {"i.subsystem_code", f.Subsystem}} {
		if contains.value != "" {
			c.add("lower("+contains.column+") LIKE lower(?) ESCAPE '!'", like(contains.value))
		}
	}
	if f.Type != "" {
		c.add("i.type = ?", string(f.Type))
	}
	if !f.Server.IsZero() {
		c.add(`EXISTS (SELECT 1 FROM server_client r JOIN security_server s ON s.id = r.server_id JOIN identifier si ON si.id = s.identifier_id
			WHERE (r.member_id = i.member_id OR r.subsystem_id = i.subsystem_id) AND `+strings.ReplaceAll(matching, "i.", "si.")+")", serverKey(f.Server)...)
	}
	if f.ExcludingGroup != "" {
		c.add(`NOT EXISTS (SELECT 1 FROM global_group_member gm JOIN global_group g ON g.id = gm.group_id
			WHERE gm.identifier_id = i.id AND g.code = ?)`, f.ExcludingGroup)
	}
	return page(t, "client i", clientColumns, c, clientOrder, "i.id", f.Paging, toClient)
}

// AddMember inserts a member of an existing class.
func (t *Tx) AddMember(member identifier.ClientID, name string) error {
	id, err := t.identify(clientKey(member))
	if err != nil {
		return err
	}
	return one(t.tx.DB().Exec(`INSERT INTO member (identifier_id, member_class_id, name, created_at, updated_at)
		SELECT ?, id, ?, ?, ? FROM member_class WHERE code = ?`, id, name, t.Now(), t.Now(), member.MemberClass()))
}

// AddSubsystem inserts a subsystem of an existing member.
func (t *Tx) AddSubsystem(subsystem identifier.ClientID, name string) error {
	id, err := t.identify(clientKey(subsystem))
	if err != nil {
		return err
	}
	return one(t.tx.DB().Exec(`INSERT INTO subsystem (identifier_id, member_id, name, created_at, updated_at)
		SELECT ?, m.id, ?, ?, ? FROM member m JOIN identifier i ON i.id = m.identifier_id WHERE `+matching,
		append([]any{id, name, t.Now(), t.Now()}, clientKey(subsystem.Member())...)...))
}

// table is where a client's row stands.
func table(id identifier.ClientID) string {
	if id.IsSubsystem() {
		return "subsystem"
	}
	return "member"
}

// RenameClient names a member or a subsystem.
func (t *Tx) RenameClient(id identifier.ClientID, name string) error {
	return one(t.tx.DB().Exec("UPDATE "+table(id)+" SET name = ?, updated_at = ? WHERE identifier_id = (SELECT i.id FROM identifier i WHERE "+matching+")",
		append([]any{name, t.Now()}, clientKey(id)...)...))
}

// RemoveClient deletes a subsystem, or a member with its subsystems.
func (t *Tx) RemoveClient(id identifier.ClientID) error {
	if !id.IsSubsystem() {
		if err := t.tx.DB().Exec(`DELETE FROM subsystem WHERE member_id IN (SELECT m.id FROM member m JOIN identifier i ON i.id = m.identifier_id WHERE `+matching+")",
			clientKey(id)...).Error; err != nil {
			return err
		}
	}
	return one(t.tx.DB().Exec("DELETE FROM "+table(id)+" WHERE identifier_id = (SELECT i.id FROM identifier i WHERE "+matching+")", clientKey(id)...))
}
