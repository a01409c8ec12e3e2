package store

import "github.com/ristmik/ristmik/centralserver/internal/registry"

func toClass(r registry.MemberClass) (registry.MemberClass, error) { return r, nil }

// MemberClasses lists all by code, case folded.
func (t *Tx) MemberClasses() ([]registry.MemberClass, error) {
	return all(t.tx.DB().Raw("SELECT code, description FROM member_class ORDER BY lower(code), code"), toClass)
}

// MemberClass gives one class, nil when there is none.
func (t *Tx) MemberClass(code string) (*registry.MemberClass, error) {
	return first[registry.MemberClass](t.tx.DB().Raw("SELECT code, description FROM member_class WHERE code = ?", code))
}

// ClassDescribed reports whether some class has this description.
func (t *Tx) ClassDescribed(description string) (bool, error) {
	return t.exists("SELECT 1 AS found FROM member_class WHERE description = ?", description)
}

// ClassUsed reports whether some member belongs to the class.
func (t *Tx) ClassUsed(code string) (bool, error) {
	return t.exists("SELECT 1 AS found FROM member m JOIN member_class c ON c.id = m.member_class_id WHERE c.code = ? LIMIT 1", code)
}

// AddMemberClass inserts a class.
func (t *Tx) AddMemberClass(c registry.MemberClass) error {
	return one(t.tx.DB().Exec("INSERT INTO member_class (code, description, created_at, updated_at) VALUES (?, ?, ?, ?)", c.Code, c.Description, t.Now(), t.Now()))
}

// DescribeMemberClass changes a description.
func (t *Tx) DescribeMemberClass(code, description string) error {
	return one(t.tx.DB().Exec("UPDATE member_class SET description = ?, updated_at = ? WHERE code = ?", description, t.Now(), code))
}

// RemoveMemberClass deletes a class.
func (t *Tx) RemoveMemberClass(code string) error {
	return one(t.tx.DB().Exec("DELETE FROM member_class WHERE code = ?", code))
}

func (t *Tx) exists(query string, values ...any) (bool, error) {
	row, err := first[struct{ Found int }](t.tx.DB().Raw(query, values...))
	return row != nil, err
}
