package store

import (
	"fmt"

	"github.com/ristmik/ristmik/pkg/identifier"
)

// parts are the columns of table identifier.
type parts struct{ Instance, MemberClass, MemberCode, SubsystemCode, ServerCode string }

func (p parts) client() (identifier.ClientID, error) {
	id, err := identifier.NewMember(p.Instance, p.MemberClass, p.MemberCode)
	if err == nil && p.SubsystemCode != "" {
		id, err = id.Subsystem(p.SubsystemCode)
	}
	if err != nil {
		err = fmt.Errorf("store: reading an identifier: %w", err)
	}
	return id, err
}

func (p parts) server() (identifier.SecurityServerID, error) {
	owner, err := identifier.NewMember(p.Instance, p.MemberClass, p.MemberCode)
	if err != nil {
		return identifier.SecurityServerID{}, fmt.Errorf("store: reading an identifier: %w", err)
	}
	return identifier.NewSecurityServer(owner, p.ServerCode)
}

// matching is the condition on table identifier i; its values follow from clientKey or serverKey.
const matching = "i.object_type = ? AND i.instance = ? AND i.member_class = ? AND i.member_code = ? AND i.subsystem_code = ? AND i.server_code = ?"

func clientKey(c identifier.ClientID) []any {
	return []any{string(c.Type()), c.Instance(), c.MemberClass(), c.MemberCode(), c.SubsystemCode(), ""}
}

func serverKey(s identifier.SecurityServerID) []any {
	o := s.Owner()
	return []any{string(identifier.Server), o.Instance(), o.MemberClass(), o.MemberCode(), "", s.ServerCode()}
}

// identify gives the row of an identifier and makes it when it is new; rows are never removed.
func (t *Tx) identify(key []any) (int64, error) {
	row, err := first[struct{ ID int64 }](t.tx.DB().Raw("SELECT i.id FROM identifier i WHERE "+matching, key...))
	if err != nil {
		return 0, err
	}
	if row != nil {
		return row.ID, nil
	}
	return t.insert(`INSERT INTO identifier (object_type, instance, member_class, member_code, subsystem_code, server_code, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, append(append([]any{}, key...), t.Now())...)
}
