package store

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/service"
)

type descriptionRow struct {
	ID             int64
	ClientID       int64
	Type           string
	URL            string
	Disabled       bool
	DisabledNotice string
	RefreshedAt    time.Time
}

func (descriptionRow) TableName() string { return "service_description" }

type serviceRow struct {
	ID            int64
	DescriptionID int64
	ClientID      int64
	Code          string
	Version       string
	Title         string
	URL           string
	Timeout       int
	TLSAuth       bool `gorm:"column:tls_auth"`
}

func (serviceRow) TableName() string { return "service" }

// The spellings of access_right.subject_type.
const (
	subsystemSubject = "SUBSYSTEM"
	groupSubject     = "GLOBALGROUP"
	localSubject     = "LOCALGROUP"
)

type rightRow struct {
	ID          int64
	ClientID    int64
	ServiceCode string
	SubjectType string
	Subject     string
	GivenAt     time.Time
}

func (rightRow) TableName() string { return "access_right" }

func (tx Tx) identifiers() (map[int64]identifier.ClientID, error) {
	var rows []clientRow
	if err := tx.DB().Find(&rows).Error; err != nil {
		return nil, err
	}
	ids := make(map[int64]identifier.ClientID, len(rows))
	for _, r := range rows {
		id, err := r.identifier()
		if err != nil {
			return nil, err
		}
		ids[r.ID] = id
	}
	return ids, nil
}

// Descriptions gives all service descriptions with their services.
func (tx Tx) Descriptions() ([]service.Description, error) {
	ids, err := tx.identifiers()
	if err != nil {
		return nil, err
	}
	var services []serviceRow
	if err := tx.DB().Order("code, version").Find(&services).Error; err != nil {
		return nil, err
	}
	of := map[int64][]service.Service{}
	for _, r := range services {
		of[r.DescriptionID] = append(of[r.DescriptionID], service.Service{ID: r.ID, DescriptionID: r.DescriptionID, Client: ids[r.ClientID], Code: r.Code,
			Version: r.Version, Title: r.Title, URL: r.URL, Timeout: r.Timeout, TLSAuth: r.TLSAuth})
	}
	var rows []descriptionRow
	if err := tx.DB().Order("id").Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]service.Description, 0, len(rows))
	for _, r := range rows {
		list = append(list, service.Description{ID: r.ID, Client: ids[r.ClientID], Type: r.Type, URL: r.URL, Disabled: r.Disabled,
			DisabledNotice: r.DisabledNotice, RefreshedAt: r.RefreshedAt, Services: of[r.ID]})
	}
	return list, nil
}

// AddDescription saves a description with its services and gives its ID.
func (tx Tx) AddDescription(d service.Description) (int64, error) {
	c, err := tx.clientRow(d.Client)
	if err != nil {
		return 0, err
	}
	row := descriptionRow{ClientID: c.ID, Type: d.Type, URL: d.URL, Disabled: d.Disabled, DisabledNotice: d.DisabledNotice, RefreshedAt: d.RefreshedAt}
	if err := tx.DB().Create(&row).Error; err != nil {
		return 0, duplicate(err, "url_already_exists", "WSDL URL already exists")
	}
	for _, s := range d.Services {
		s.DescriptionID, s.Client = row.ID, d.Client
		if err := tx.AddService(s); err != nil {
			return 0, err
		}
	}
	return row.ID, nil
}

// AddService saves a service of a description.
func (tx Tx) AddService(s service.Service) error {
	c, err := tx.clientRow(s.Client)
	if err != nil {
		return err
	}
	err = tx.DB().Create(&serviceRow{DescriptionID: s.DescriptionID, ClientID: c.ID, Code: s.Code, Version: s.Version, Title: s.Title, URL: s.URL,
		Timeout: s.Timeout, TLSAuth: s.TLSAuth}).Error
	return duplicate(err, "service_already_exists", "Service '%s' already exists", s.FullCode())
}

// DeleteService removes a service.
func (tx Tx) DeleteService(id int64) error {
	return one(tx.DB().Where("id = ?", id).Delete(&serviceRow{}))
}

// SaveDescription writes what can change of a description.
func (tx Tx) SaveDescription(d service.Description) error {
	result := tx.DB().Model(&descriptionRow{}).Where("id = ?", d.ID).Updates(map[string]any{"url": d.URL, "refreshed_at": d.RefreshedAt,
		"disabled": d.Disabled, "disabled_notice": d.DisabledNotice})
	if result.Error != nil {
		return duplicate(result.Error, "url_already_exists", "WSDL URL already exists")
	}
	return one(result)
}

// DeleteDescription removes a description with its services.
func (tx Tx) DeleteDescription(id int64) error {
	return one(tx.DB().Where("id = ?", id).Delete(&descriptionRow{}))
}

// SaveService writes how a service is reached, and its title.
func (tx Tx) SaveService(s service.Service) error {
	return one(tx.DB().Model(&serviceRow{}).Where("id = ?", s.ID).
		Updates(map[string]any{"url": s.URL, "timeout": s.Timeout, "tls_auth": s.TLSAuth, "title": s.Title}))
}

// Rights gives all access rights.
func (tx Tx) Rights() ([]service.Right, error) {
	ids, err := tx.identifiers()
	if err != nil {
		return nil, err
	}
	var rows []rightRow
	if err := tx.DB().Order("id").Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]service.Right, 0, len(rows))
	for _, r := range rows {
		right := service.Right{Client: ids[r.ClientID], ServiceCode: r.ServiceCode, GivenAt: r.GivenAt}
		switch r.SubjectType {
		case subsystemSubject:
			right.Subject.Subsystem, err = identifier.ParseClientID(r.Subject)
		case groupSubject:
			right.Subject.Group, err = identifier.ParseGlobalGroupID(r.Subject)
		case localSubject:
			right.Subject.Local, err = strconv.ParseInt(r.Subject, 10, 64)
		default:
			err = fmt.Errorf("access right %d has subject type %q", r.ID, r.SubjectType)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, right)
	}
	return list, nil
}

// AddRight saves an access right; a duplicate is Conflict duplicate_accessright.
func (tx Tx) AddRight(r service.Right) error {
	c, err := tx.clientRow(r.Client)
	if err != nil {
		return err
	}
	err = tx.DB().Create(&rightRow{ClientID: c.ID, ServiceCode: r.ServiceCode, SubjectType: subjectType(r.Subject), Subject: r.Subject.Encoded(),
		GivenAt: r.GivenAt}).Error
	return duplicate(err, "duplicate_accessright", "'%s' has this access right already", r.Subject.Encoded())
}

// DeleteRight removes an access right.
func (tx Tx) DeleteRight(r service.Right) error {
	c, err := tx.clientRow(r.Client)
	if err != nil {
		return err
	}
	return one(tx.DB().Where("client_id = ? AND service_code = ? AND subject_type = ? AND subject = ?", c.ID, r.ServiceCode, subjectType(r.Subject),
		r.Subject.Encoded()).Delete(&rightRow{}))
}

func subjectType(s service.Subject) string {
	switch {
	case s.IsLocal():
		return localSubject
	case s.IsGlobal():
		return groupSubject
	}
	return subsystemSubject
}
