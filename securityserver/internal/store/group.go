package store

import (
	"strconv"
	"time"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/service"
)

type groupRow struct {
	ID          int64
	ClientID    int64
	Code        string
	Description string
	UpdatedAt   time.Time `gorm:"autoUpdateTime:false"`
}

func (groupRow) TableName() string { return "local_group" }

type memberRow struct {
	GroupID int64  `gorm:"primaryKey;autoIncrement:false"`
	Member  string `gorm:"primaryKey"`
	AddedAt time.Time
}

func (memberRow) TableName() string { return "local_group_member" }

// Groups gives all local groups with their members.
func (tx Tx) Groups() ([]service.Group, error) {
	ids, err := tx.identifiers()
	if err != nil {
		return nil, err
	}
	var members []memberRow
	if err := tx.DB().Order("added_at, member").Find(&members).Error; err != nil {
		return nil, err
	}
	of := map[int64][]service.GroupMember{}
	for _, m := range members {
		id, err := identifier.ParseClientID(m.Member)
		if err != nil {
			return nil, err
		}
		of[m.GroupID] = append(of[m.GroupID], service.GroupMember{ID: id, AddedAt: m.AddedAt})
	}
	var rows []groupRow
	if err := tx.DB().Order("code, id").Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]service.Group, 0, len(rows))
	for _, r := range rows {
		list = append(list, service.Group{ID: r.ID, Client: ids[r.ClientID], Code: r.Code, Description: r.Description, UpdatedAt: r.UpdatedAt,
			Members: of[r.ID]})
	}
	return list, nil
}

// AddGroup saves an empty group and gives its ID.
func (tx Tx) AddGroup(g service.Group) (int64, error) {
	c, err := tx.clientRow(g.Client)
	if err != nil {
		return 0, err
	}
	row := groupRow{ClientID: c.ID, Code: g.Code, Description: g.Description, UpdatedAt: g.UpdatedAt}
	err = tx.DB().Create(&row).Error
	if err = duplicate(err, "local_group_code_already_exists", "A local group with code '%s' already exists", g.Code); err != nil {
		return 0, err
	}
	return row.ID, nil
}

// SaveGroup writes the description and the time of the change.
func (tx Tx) SaveGroup(g service.Group) error {
	return one(tx.DB().Model(&groupRow{}).Where("id = ?", g.ID).Updates(map[string]any{"description": g.Description, "updated_at": g.UpdatedAt}))
}

// DeleteGroup removes a group with its members and its access rights.
func (tx Tx) DeleteGroup(id int64) error {
	err := tx.DB().Where("subject_type = ? AND subject = ?", localSubject, strconv.FormatInt(id, 10)).Delete(&rightRow{}).Error
	if err != nil {
		return err
	}
	return one(tx.DB().Where("id = ?", id).Delete(&groupRow{}))
}

// AddMember puts a subsystem into a group.
func (tx Tx) AddMember(id int64, m service.GroupMember) error {
	err := tx.DB().Create(&memberRow{GroupID: id, Member: m.ID.Encoded(), AddedAt: m.AddedAt}).Error
	return duplicate(err, "local_group_member_already_exists", "'%s' is a member of the group already", m.ID.Encoded())
}

// DeleteMember takes a subsystem out of a group.
func (tx Tx) DeleteMember(id int64, member identifier.ClientID) error {
	return one(tx.DB().Where("group_id = ? AND member = ?", id, member.Encoded()).Delete(&memberRow{}))
}
