package authdb

import (
	"context"
	"time"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/database"
)

type keyRow struct {
	ID        int64
	KeyHash   string
	CreatedAt time.Time
	UpdatedAt time.Time
}

func (keyRow) TableName() string { return "api_key" }

type keyRoleRow struct {
	APIKeyID int64 `gorm:"column:api_key_id"`
	Role     string
}

func (keyRoleRow) TableName() string { return "api_key_role" }

// AddKey keeps a new key.
func (s *Store) AddKey(ctx context.Context, hash string, roles []auth.Role) (key auth.Key, err error) {
	err = s.change(ctx, func(tx *database.Tx) error {
		row := keyRow{KeyHash: hash, CreatedAt: tx.Now, UpdatedAt: tx.Now}
		if err := tx.DB().Create(&row).Error; err != nil {
			return err
		}
		key = auth.Key{ID: row.ID, Hash: hash, Roles: roles}
		return writeKeyRoles(ctx, tx, key)
	})
	return key, err
}

// SetKeyRoles replaces a key's roles.
func (s *Store) SetKeyRoles(ctx context.Context, id int64, roles []auth.Role) (key auth.Key, err error) {
	err = s.change(ctx, func(tx *database.Tx) error {
		done := tx.DB().Model(&keyRow{}).Where("id = ?", id).Update("updated_at", tx.Now)
		if err := affected(done.RowsAffected, done.Error); err != nil {
			return err
		}
		if err := tx.DB().Where("api_key_id = ?", id).Delete(&keyRoleRow{}).Error; err != nil {
			return err
		}
		key = auth.Key{ID: id, Roles: roles}
		return writeKeyRoles(ctx, tx, key)
	})
	return key, err
}

func writeKeyRoles(ctx context.Context, tx *database.Tx, key auth.Key) error {
	for _, role := range key.Roles {
		if err := tx.DB().Create(&keyRoleRow{key.ID, string(role)}).Error; err != nil {
			return err
		}
	}
	audit.Put(ctx, "apiKeyId", key.ID)
	audit.Put(ctx, "apiKeyRoles", key.Roles)
	return nil
}

// RemoveKey removes a key with its roles.
func (s *Store) RemoveKey(ctx context.Context, id int64) error {
	return s.change(ctx, func(tx *database.Tx) error {
		audit.Put(ctx, "apiKeyId", id)
		key, err := readKey(tx, "id = ?", id)
		if err != nil {
			return err
		}
		audit.Put(ctx, "apiKeyRoles", key.Roles)
		return tx.DB().Where("id = ?", id).Delete(&keyRow{}).Error
	})
}

// Keys lists all keys by number.
func (s *Store) Keys(ctx context.Context) (list []auth.Key, err error) {
	err = s.db.View(ctx, func(tx *database.Tx) error {
		var rows []keyRow
		if err := tx.DB().Order("id").Find(&rows).Error; err != nil {
			return err
		}
		for _, row := range rows {
			key, err := readKey(tx, "id = ?", row.ID)
			if err != nil {
				return err
			}
			list = append(list, key)
		}
		return nil
	})
	return list, err
}

// KeyByID gives one key.
func (s *Store) KeyByID(ctx context.Context, id int64) (auth.Key, error) {
	return s.key(ctx, "id = ?", id)
}

// KeyByHash gives the key with this hash of its value.
func (s *Store) KeyByHash(ctx context.Context, hash string) (auth.Key, error) {
	return s.key(ctx, "key_hash = ?", hash)
}

func (s *Store) key(ctx context.Context, condition string, value any) (key auth.Key, err error) {
	err = s.db.View(ctx, func(tx *database.Tx) error {
		key, err = readKey(tx, condition, value)
		return err
	})
	return key, notFound(err)
}

func readKey(tx *database.Tx, condition string, value any) (auth.Key, error) {
	var row keyRow
	if err := tx.DB().Take(&row, condition, value).Error; err != nil {
		return auth.Key{}, err
	}
	key := auth.Key{ID: row.ID, Hash: row.KeyHash}
	err := tx.DB().Model(&keyRoleRow{}).Where("api_key_id = ?", row.ID).Order("role").Pluck("role", &key.Roles).Error
	return key, err
}
