package store

import (
	"time"

	"gorm.io/gorm"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/client"
)

type clientRow struct {
	ID             int64
	Instance       string
	MemberClass    string
	MemberCode     string
	SubsystemCode  string
	PendingName    string
	NameSubmitted  bool
	ReplacedName   string
	Status         string
	ConnectionType string
	CreatedAt      time.Time
}

func (clientRow) TableName() string { return "client" }

func (r clientRow) identifier() (identifier.ClientID, error) {
	if r.SubsystemCode == "" {
		return identifier.NewMember(r.Instance, r.MemberClass, r.MemberCode)
	}
	return identifier.NewSubsystem(r.Instance, r.MemberClass, r.MemberCode, r.SubsystemCode)
}

func (r clientRow) toClient(owner int64) (client.Client, error) {
	id, err := r.identifier()
	if err != nil {
		return client.Client{}, err
	}
	status, err := client.ParseStatus(r.Status)
	if err != nil {
		return client.Client{}, err
	}
	connection, err := client.ParseConnection(r.ConnectionType)
	return client.Client{ID: id, Status: status, Connection: connection, PendingName: r.PendingName, Submitted: r.NameSubmitted,
		Replaced: r.ReplacedName, Owner: r.ID == owner}, err
}

// named selects the row of a client.
func named(db *gorm.DB, id identifier.ClientID) *gorm.DB {
	return db.Where("instance = ? AND member_class = ? AND member_code = ? AND subsystem_code = ?", id.Instance(), id.MemberClass(), id.MemberCode(),
		id.SubsystemCode())
}

func (tx Tx) clientRow(id identifier.ClientID) (clientRow, error) {
	var r clientRow
	err := named(tx.DB(), id).Take(&r).Error
	if database.IsNotFound(err) {
		return r, fault.New(fault.NotFound, "client_not_found", "Client '%s' not found", id.Encoded()).With(id.Encoded())
	}
	return r, err
}

// Clients gives all clients, members before their subsystems.
func (tx Tx) Clients() ([]client.Client, error) {
	owner, err := tx.ownerRow()
	if err != nil {
		return nil, err
	}
	var rows []clientRow
	if err := tx.DB().Order("instance, member_class, member_code, subsystem_code").Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]client.Client, 0, len(rows))
	for _, r := range rows {
		c, err := r.toClient(owner)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// ClientIDs gives the identifiers of all clients.
func (tx Tx) ClientIDs() ([]identifier.ClientID, error) {
	all, err := tx.Clients()
	ids := make([]identifier.ClientID, 0, len(all))
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	return ids, err
}

// HasClient is NotFound client_not_found when there is no such client.
func (tx Tx) HasClient(id identifier.ClientID) error {
	_, err := tx.clientRow(id)
	return err
}

// Client reads one client; NotFound client_not_found.
func (tx Tx) Client(id identifier.ClientID) (client.Client, error) {
	r, err := tx.clientRow(id)
	if err != nil {
		return client.Client{}, err
	}
	owner, err := tx.ownerRow()
	if err != nil {
		return client.Client{}, err
	}
	return r.toClient(owner)
}

// AddClient saves a new client; a duplicate is Conflict client_already_exists.
func (tx Tx) AddClient(c client.Client) error {
	err := tx.DB().Create(&clientRow{Instance: c.ID.Instance(), MemberClass: c.ID.MemberClass(), MemberCode: c.ID.MemberCode(),
		SubsystemCode: c.ID.SubsystemCode(), PendingName: c.PendingName, Status: c.Status.String(), ConnectionType: string(c.Connection),
		CreatedAt: tx.Now}).Error
	return duplicate(err, "client_already_exists", "Client already exists")
}

// SaveClient writes what can change of a client.
func (tx Tx) SaveClient(c client.Client) error {
	return one(named(tx.DB().Model(&clientRow{}), c.ID).Updates(map[string]any{"status": c.Status.String(), "connection_type": string(c.Connection),
		"pending_name": c.PendingName, "name_submitted": c.Submitted, "replaced_name": c.Replaced}))
}

// DeleteClient removes a client with its services, access rights and internal certificates.
func (tx Tx) DeleteClient(id identifier.ClientID) error {
	return one(named(tx.DB(), id).Delete(&clientRow{}))
}

// DeleteSubject removes the access rights that a subsystem holds at others, and takes it out of their local groups.
func (tx Tx) DeleteSubject(id identifier.ClientID) error {
	if err := tx.DB().Where("member = ?", id.Encoded()).Delete(&memberRow{}).Error; err != nil {
		return err
	}
	return tx.DB().Where("subject_type = ? AND subject = ?", subsystemSubject, id.Encoded()).Delete(&rightRow{}).Error
}

type internalCertificateRow struct {
	ID          int64
	ClientID    int64
	Hash        string
	Certificate []byte
	CreatedAt   time.Time
}

func (internalCertificateRow) TableName() string { return "internal_certificate" }

// InternalCertificates gives the internal TLS certificates of a client, oldest first.
func (tx Tx) InternalCertificates(id identifier.ClientID) ([]client.Certificate, error) {
	c, err := tx.clientRow(id)
	if err != nil {
		return nil, err
	}
	var rows []internalCertificateRow
	if err := tx.DB().Where("client_id = ?", c.ID).Order("id").Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]client.Certificate, 0, len(rows))
	for _, r := range rows {
		list = append(list, client.Certificate{Hash: r.Hash, DER: r.Certificate})
	}
	return list, nil
}

// AllInternalCertificates gives those of all clients, each client's oldest first.
func (tx Tx) AllInternalCertificates() (map[identifier.ClientID][]client.Certificate, error) {
	var rows []struct {
		Client clientRow `gorm:"embedded"`
		Hash   string
		DER    []byte `gorm:"column:der"`
	}
	err := tx.DB().Table("internal_certificate AS i").Select("client.*, i.hash, i.certificate AS der").Joins("JOIN client ON client.id = i.client_id").
		Order("i.id").Scan(&rows).Error
	found := map[identifier.ClientID][]client.Certificate{}
	for _, r := range rows {
		id, convertErr := r.Client.identifier()
		if convertErr != nil {
			return nil, convertErr
		}
		found[id] = append(found[id], client.Certificate{Hash: r.Hash, DER: r.DER})
	}
	return found, err
}

// AddInternalCertificate saves one; a duplicate is Conflict certificate_already_exists.
func (tx Tx) AddInternalCertificate(id identifier.ClientID, c client.Certificate) error {
	owner, err := tx.clientRow(id)
	if err != nil {
		return err
	}
	err = tx.DB().Create(&internalCertificateRow{ClientID: owner.ID, Hash: c.Hash, Certificate: c.DER, CreatedAt: tx.Now}).Error
	return duplicate(err, "certificate_already_exists", "Certificate already exists")
}

// DeleteInternalCertificate removes one by its hash.
func (tx Tx) DeleteInternalCertificate(id identifier.ClientID, hash string) error {
	c, err := tx.clientRow(id)
	if err != nil {
		return err
	}
	return one(tx.DB().Where("client_id = ? AND hash = ?", c.ID, hash).Delete(&internalCertificateRow{}))
}
