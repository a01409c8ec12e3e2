package store

import (
	"time"

	"gorm.io/gorm/clause"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
)

type serverRow struct {
	ID          int64
	Instance    string
	Anchor      []byte
	AnchorHash  string
	GeneratedAt time.Time
	OwnerID     *int64
	ServerCode  string
}

func (serverRow) TableName() string { return "server_configuration" }

const theServer = 1

func (tx Tx) serverRow() (r serverRow, ok bool, err error) {
	err = tx.DB().Where("id = ?", theServer).Take(&r).Error
	if database.IsNotFound(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// ownerRow is the row of the owner, 0 before initialization.
func (tx Tx) ownerRow() (int64, error) {
	r, ok, err := tx.serverRow()
	if err != nil || !ok || r.OwnerID == nil {
		return 0, err
	}
	return *r.OwnerID, nil
}

// Identity is what is known of this server; each may be zero.
func (tx Tx) Identity() (identifier.ClientID, string, error) {
	r, ok, err := tx.serverRow()
	if err != nil || !ok || r.OwnerID == nil {
		return identifier.ClientID{}, r.ServerCode, err
	}
	var owner clientRow
	if err := tx.DB().Where("id = ?", *r.OwnerID).Take(&owner).Error; err != nil {
		return identifier.ClientID{}, "", err
	}
	id, err := owner.identifier()
	return id, r.ServerCode, err
}

// ServerID is the identifier of this server, zero before initialization.
func (tx Tx) ServerID() (identifier.SecurityServerID, error) {
	owner, code, err := tx.Identity()
	if err != nil || owner.IsZero() || code == "" {
		return identifier.SecurityServerID{}, err
	}
	return identifier.NewSecurityServer(owner, code)
}

// SetOwner makes a client the owner.
func (tx Tx) SetOwner(id identifier.ClientID) error {
	c, err := tx.clientRow(id)
	if err != nil {
		return err
	}
	return one(tx.DB().Model(&serverRow{}).Where("id = ?", theServer).Update("owner_id", c.ID))
}

// SetServerCode saves the code of this server.
func (tx Tx) SetServerCode(code string) error {
	return one(tx.DB().Model(&serverRow{}).Where("id = ?", theServer).Update("server_code", code))
}

// Anchor gives the configuration anchor; ok is false before the first upload.
func (tx Tx) Anchor() (setup.Anchor, bool, error) {
	r, ok, err := tx.serverRow()
	return setup.Anchor{Instance: r.Instance, File: r.Anchor, Hash: r.AnchorHash, GeneratedAt: r.GeneratedAt}, ok, err
}

// SaveAnchor saves the first anchor or a newer one.
func (tx Tx) SaveAnchor(a setup.Anchor) error {
	return tx.DB().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}},
		DoUpdates: clause.AssignmentColumns([]string{"instance", "anchor", "anchor_hash", "generated_at"})}).
		Create(&serverRow{ID: theServer, Instance: a.Instance, Anchor: a.File, AnchorHash: a.Hash, GeneratedAt: a.GeneratedAt}).Error
}

type timestampingRow struct {
	ID       int64
	Name     string
	URL      string
	CostType string
}

func (timestampingRow) TableName() string { return "timestamping_service" }

// Timestamping gives the configured time-stamping services, in the order of their choice.
func (tx Tx) Timestamping() ([]setup.Timestamping, error) {
	var rows []timestampingRow
	if err := tx.DB().Order("id").Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]setup.Timestamping, 0, len(rows))
	for _, r := range rows {
		list = append(list, setup.Timestamping{Name: r.Name, URL: r.URL, CostType: r.CostType})
	}
	return list, nil
}

// AddTimestamping saves one; a duplicate is Conflict timestamping_service_already_configured.
func (tx Tx) AddTimestamping(t setup.Timestamping) error {
	err := tx.DB().Create(&timestampingRow{Name: t.Name, URL: t.URL, CostType: t.CostType}).Error
	return duplicate(err, "timestamping_service_already_configured", "Time-stamping service '%s' is configured already", t.Name)
}

// DeleteTimestamping removes one by its URL.
func (tx Tx) DeleteTimestamping(t setup.Timestamping) error {
	return one(tx.DB().Where("url = ?", t.URL).Delete(&timestampingRow{}))
}
