// Package authdb keeps the rows of pkg/auth: users, sessions and API keys.
package authdb

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/database"
)

// Store is auth.Store on a database with the shared tables.
type Store struct{ db *database.DB }

var _ auth.Store = (*Store)(nil)

// New makes a Store.
func New(db *database.DB) *Store { return &Store{db: db} }

type userRow struct {
	Name         string `gorm:"primaryKey"`
	PasswordHash string
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

func (userRow) TableName() string { return "user_account" }

type userRoleRow struct {
	UserName string
	Role     string
}

func (userRoleRow) TableName() string { return "user_account_role" }

type sessionRow struct {
	TokenHash string `gorm:"primaryKey"`
	CSRFHash  string `gorm:"column:csrf_hash"`
	UserName  string
	CreatedAt time.Time
	UsedAt    time.Time
}

func (sessionRow) TableName() string { return "user_session" }

// User gives a user with roles.
func (s *Store) User(ctx context.Context, name string) (user auth.User, err error) {
	err = s.db.View(ctx, func(tx *database.Tx) error {
		user, err = readUser(tx, name)
		return err
	})
	return user, notFound(err)
}

func readUser(tx *database.Tx, name string) (auth.User, error) {
	var row userRow
	if err := tx.DB().Take(&row, "name = ?", name).Error; err != nil {
		return auth.User{}, err
	}
	user := auth.User{Name: row.Name, PasswordHash: row.PasswordHash}
	err := tx.DB().Model(&userRoleRow{}).Where("user_name = ?", name).Order("role").Pluck("role", &user.Roles).Error
	return user, err
}

// Users lists all users by name.
func (s *Store) Users(ctx context.Context) (list []auth.User, err error) {
	err = s.db.View(ctx, func(tx *database.Tx) error {
		var rows []userRow
		if err := tx.DB().Order("name").Find(&rows).Error; err != nil {
			return err
		}
		for _, row := range rows {
			user, err := readUser(tx, row.Name)
			if err != nil {
				return err
			}
			list = append(list, user)
		}
		return nil
	})
	return list, err
}

// SaveUser adds or replaces a user; what was replaced has no sessions left.
func (s *Store) SaveUser(ctx context.Context, u auth.User) error {
	return s.change(ctx, func(tx *database.Tx) error {
		row := userRow{Name: u.Name, PasswordHash: u.PasswordHash, CreatedAt: tx.Now, UpdatedAt: tx.Now}
		replace := clause.OnConflict{Columns: []clause.Column{{Name: "name"}}, DoUpdates: clause.AssignmentColumns([]string{"password_hash", "updated_at"})}
		if err := tx.DB().Clauses(replace).Create(&row).Error; err != nil {
			return err
		}
		if err := tx.DB().Where("user_name = ?", u.Name).Delete(&userRoleRow{}).Error; err != nil {
			return err
		}
		if err := tx.DB().Where("user_name = ?", u.Name).Delete(&sessionRow{}).Error; err != nil {
			return err
		}
		for _, role := range u.Roles {
			if err := tx.DB().Create(&userRoleRow{u.Name, string(role)}).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveUser removes a user, with roles and sessions.
func (s *Store) RemoveUser(ctx context.Context, name string) error {
	return s.change(ctx, func(tx *database.Tx) error {
		done := tx.DB().Where("name = ?", name).Delete(&userRow{})
		return affected(done.RowsAffected, done.Error)
	})
}

// AddSession keeps a new session.
func (s *Store) AddSession(ctx context.Context, v auth.Session) error {
	return s.change(ctx, func(tx *database.Tx) error {
		return tx.DB().Create(&sessionRow{v.TokenHash, v.CSRFHash, v.User, v.CreatedAt, v.UsedAt}).Error
	})
}

// Session gives a session with its user.
func (s *Store) Session(ctx context.Context, tokenHash string) (session auth.Session, user auth.User, err error) {
	err = s.db.View(ctx, func(tx *database.Tx) error {
		var row sessionRow
		if err := tx.DB().Take(&row, "token_hash = ?", tokenHash).Error; err != nil {
			return err
		}
		session = auth.Session{TokenHash: row.TokenHash, CSRFHash: row.CSRFHash, User: row.UserName, CreatedAt: row.CreatedAt, UsedAt: row.UsedAt}
		user, err = readUser(tx, row.UserName)
		return err
	})
	return session, user, notFound(err)
}

// TouchSession moves the time of last use; a session that is gone stays gone.
func (s *Store) TouchSession(ctx context.Context, tokenHash string, usedAt time.Time) error {
	return s.db.Update(ctx, func(tx *database.Tx) error {
		return tx.DB().Model(&sessionRow{}).Where("token_hash = ? AND used_at < ?", tokenHash, usedAt).Update("used_at", usedAt).Error
	})
}

// RemoveSession ends a session.
func (s *Store) RemoveSession(ctx context.Context, tokenHash string) error {
	return s.change(ctx, func(tx *database.Tx) error {
		done := tx.DB().Where("token_hash = ?", tokenHash).Delete(&sessionRow{})
		return affected(done.RowsAffected, done.Error)
	})
}

// RemoveSessionsIdleSince removes what nobody used since a time. It is no one's operation and leaves no audit record.
func (s *Store) RemoveSessionsIdleSince(ctx context.Context, at time.Time) error {
	return s.db.Update(ctx, func(tx *database.Tx) error {
		return tx.DB().Where("used_at <= ?", at).Delete(&sessionRow{}).Error
	})
}

// change is an Update that ends with the audit record when the context has a scope; the command line has none.
func (s *Store) change(ctx context.Context, fn func(tx *database.Tx) error) error {
	return notFound(s.db.Update(ctx, func(tx *database.Tx) error {
		if err := fn(tx); err != nil || !audit.Active(ctx) {
			return err
		}
		return tx.Audit(ctx)
	}))
}

func affected(rows int64, err error) error {
	if err == nil && rows == 0 {
		return auth.ErrNotFound
	}
	return err
}

func notFound(err error) error {
	if database.IsNotFound(err) {
		return auth.ErrNotFound
	}
	return err
}
