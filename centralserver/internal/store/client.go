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

// clientOrder is how each sort key of registry.ClientSortKeys is ordered; each has an index.
var clientOrder = map[string]string{
	"id": "i.id", "member_name": "i.name_key", "client_id.instance_id": "i.instance_key", "client_id.member_class": "i.class_key",
	"client_id.member_code": "i.code_key", "client_type": "i.type",
}

// Clients lists members and subsystems.
func (t *Tx) Clients(f registry.ClientFilter) (registry.Page[registry.Client], error) {
	var c conditions
	for _, contained := range []struct{ column, text string }{{"i.search", f.Text}, {"i.name_key", f.Name}, {"i.instance_key", f.Instance},
		{"i.class_key", f.Class}, {"i.code_key", f.Code}, {"i.subsystem_key", f.Subsystem}} {
		if contained.text != "" {
			c.add(t.contains(contained.column), fold(contained.text))
		}
	}
	if f.Type != "" {
		c.add("i.type = ?", string(f.Type))
	}
	if !f.Server.IsZero() {
		c.add(`i.id IN (SELECT COALESCE(m.identifier_id, u.identifier_id) FROM server_client r LEFT JOIN member m ON m.id = r.member_id
			LEFT JOIN subsystem u ON u.id = r.subsystem_id WHERE r.server_id = `+serverByKey+")", serverKey(f.Server)...)
	}
	if f.ExcludingGroup != "" {
		c.add(`(i.id IN (SELECT gm.identifier_id FROM global_group_member gm JOIN global_group g ON g.id = gm.group_id WHERE g.code = ?)) IS NOT TRUE`,
			f.ExcludingGroup)
	}
	return page(t, "client i", clientColumns, c, clientOrder, "i.id", f.Paging, toClient)
}

// list adds a client to the list of members and subsystems. row is its row in its own table.
func (t *Tx) list(client identifier.ClientID, row, id int64, memberName, subsystemName string) error {
	var member, subsystem *int64
	if client.IsSubsystem() {
		subsystem = &row
	} else {
		member = &row
	}
	name, class, code, part := fold(memberName), fold(client.MemberClass()), fold(client.MemberCode()), fold(client.SubsystemCode())
	return one(t.tx.DB().Exec(`INSERT INTO client (id, type, instance, member_class, member_code, subsystem_code, member_name, subsystem_name, member_id, subsystem_id,
		instance_key, class_key, code_key, subsystem_key, name_key, search) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, string(client.Type()), client.Instance(), client.MemberClass(), client.MemberCode(), client.SubsystemCode(), memberName, subsystemName, member, subsystem,
		fold(client.Instance()), class, code, part, name, strings.Join([]string{name, class, code, part}, "\n")))
}

// AddMember inserts a member of an existing class.
func (t *Tx) AddMember(member identifier.ClientID, name string) error {
	id, err := t.identify(clientKey(member))
	if err != nil {
		return err
	}
	row, err := t.insert(`INSERT INTO member (identifier_id, member_class_id, name, created_at, updated_at)
		SELECT ?, id, ?, ?, ? FROM member_class WHERE code = ?`, id, name, t.Now(), t.Now(), member.MemberClass())
	if err != nil {
		return err
	}
	return t.list(member, row, id, name, "")
}

// AddSubsystem inserts a subsystem of an existing member.
func (t *Tx) AddSubsystem(subsystem identifier.ClientID, name string) error {
	owner, err := t.Client(subsystem.Member())
	if err != nil {
		return err
	}
	if owner == nil {
		return errMissing
	}
	id, err := t.identify(clientKey(subsystem))
	if err != nil {
		return err
	}
	row, err := t.insert(`INSERT INTO subsystem (identifier_id, member_id, name, created_at, updated_at)
		SELECT ?, m.id, ?, ?, ? FROM member m JOIN identifier i ON i.id = m.identifier_id WHERE `+matching,
		append([]any{id, name, t.Now(), t.Now()}, clientKey(subsystem.Member())...)...)
	if err != nil {
		return err
	}
	return t.list(subsystem, row, id, owner.MemberName, name)
}

// table is where a client's row stands.
func table(id identifier.ClientID) string {
	if id.IsSubsystem() {
		return "subsystem"
	}
	return "member"
}

// RenameClient names a member or a subsystem. A member's name is searched with its subsystems too.
func (t *Tx) RenameClient(id identifier.ClientID, name string) error {
	err := one(t.tx.DB().Exec("UPDATE "+table(id)+" SET name = ?, updated_at = ? WHERE identifier_id = (SELECT i.id FROM identifier i WHERE "+matching+")",
		append([]any{name, t.Now()}, clientKey(id)...)...))
	if err != nil {
		return err
	}
	const member = " WHERE instance = ? AND member_class = ? AND member_code = ?"
	key := []any{id.Instance(), id.MemberClass(), id.MemberCode()}
	if id.IsSubsystem() {
		return one(t.tx.DB().Exec("UPDATE client SET subsystem_name = ?"+member+" AND subsystem_code = ?", append(append([]any{name}, key...), id.SubsystemCode())...))
	}
	return t.tx.DB().Exec(`UPDATE client SET member_name = ?, name_key = ?, search = CAST(? AS TEXT) || class_key || CAST(? AS TEXT) || code_key || CAST(? AS TEXT) || subsystem_key`+member,
		append([]any{name, fold(name), fold(name) + "\n", "\n", "\n"}, key...)...).Error
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
