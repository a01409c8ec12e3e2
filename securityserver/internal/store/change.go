package store

import (
	"time"

	"gorm.io/gorm/clause"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/securityserver/internal/ownserver"
)

type changeRow struct {
	Subject     string
	Requested   string
	Replaced    string
	RequestedAt time.Time
}

func (changeRow) TableName() string { return "pending_change" }

// PendingChange is what was asked for and is not shown yet, nil for nothing.
func (tx Tx) PendingChange(s ownserver.Subject) (*ownserver.Change, error) {
	var r changeRow
	err := tx.DB().Where("subject = ?", string(s)).Take(&r).Error
	if database.IsNotFound(err) {
		return nil, nil
	}
	return &ownserver.Change{Subject: s, Requested: r.Requested, Replaced: r.Replaced, RequestedAt: r.RequestedAt.UTC()}, err
}

// SavePendingChange saves a change in the place of an older one.
func (tx Tx) SavePendingChange(c ownserver.Change) error {
	return tx.DB().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "subject"}},
		DoUpdates: clause.AssignmentColumns([]string{"requested", "replaced", "requested_at"})}).
		Create(&changeRow{Subject: string(c.Subject), Requested: c.Requested, Replaced: c.Replaced, RequestedAt: c.RequestedAt}).Error
}

// DeletePendingChange forgets one.
func (tx Tx) DeletePendingChange(s ownserver.Subject) error {
	return one(tx.DB().Where("subject = ?", string(s)).Delete(&changeRow{}))
}
