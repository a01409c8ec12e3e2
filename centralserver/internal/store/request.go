package store

import (
	"fmt"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/pkg/request"
)

type requestRow struct {
	Key             parts `gorm:"embedded"` // of the server
	ID              int64
	Type, Origin    string
	Status          string
	ProcessingID    *int64
	OwnerName       *string
	ClientClass     *string
	ClientCode      *string
	ClientSubsystem *string
	ClientOwnerName *string
	Certificate     []byte
	CertificateHash string
	Address         string
	SubsystemName   string
	Comments        string
	ChangedByID     *int64
	CreatedAt       time.Time
}

func toRequest(r requestRow) (management.Record, error) {
	record := management.Record{ID: r.ID, Origin: management.Origin(r.Origin), Status: management.Status(r.Status), ServerOwnerName: value(r.OwnerName),
		ClientOwnerName: value(r.ClientOwnerName), Address: r.Address, SubsystemName: r.SubsystemName, Comments: r.Comments, Certificate: r.Certificate,
		CertificateHash: r.CertificateHash, ChangedBy: value(r.ChangedByID), Processing: value(r.ProcessingID), CreatedAt: r.CreatedAt.UTC()}
	var err error
	if record.Type, err = management.ParseType(r.Type); err != nil {
		return record, fmt.Errorf("store: reading request %d: %w", r.ID, err)
	}
	if record.Server, err = r.Key.server(); err != nil || r.ClientCode == nil {
		return record, err
	}
	record.Client, err = parts{Instance: r.Key.Instance, MemberClass: value(r.ClientClass), MemberCode: value(r.ClientCode), SubsystemCode: value(r.ClientSubsystem)}.client()
	return record, err
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

const (
	requestColumns = `q.id, q.type, q.origin, q.status, q.processing_id, i.instance, i.member_class, i.member_code, i.server_code, o.name AS owner_name,
		ci.member_class AS client_class, ci.member_code AS client_code, ci.subsystem_code AS client_subsystem, co.name AS client_owner_name,
		q.certificate, q.certificate_hash, q.address, q.subsystem_name, q.comments, q.changed_by_id, q.created_at`
	requestTables = `management_request q
		JOIN identifier i ON i.id = q.server_identifier_id
		LEFT JOIN identifier oi ON oi.object_type = 'MEMBER' AND oi.instance = i.instance AND oi.member_class = i.member_class
			AND oi.member_code = i.member_code AND oi.subsystem_code = '' AND oi.server_code = ''
		LEFT JOIN member o ON o.identifier_id = oi.id
		LEFT JOIN identifier ci ON ci.id = q.client_identifier_id
		LEFT JOIN identifier coi ON coi.object_type = 'MEMBER' AND coi.instance = ci.instance AND coi.member_class = ci.member_class
			AND coi.member_code = ci.member_code AND coi.subsystem_code = '' AND coi.server_code = ''
		LEFT JOIN member co ON co.identifier_id = coi.id`
)

// Request gives one request, nil when there is none.
func (t *Tx) Request(id int64) (*management.Record, error) {
	list, err := all(t.tx.DB().Raw("SELECT "+requestColumns+" FROM "+requestTables+" WHERE q.id = ?", id), toRequest)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// AddRequest inserts a request; identifiers that are new are remembered.
func (t *Tx) AddRequest(r management.Record) (int64, error) {
	server, err := t.identify(serverKey(r.Server))
	if err != nil {
		return 0, err
	}
	var client *int64
	if !r.Client.IsZero() {
		id, err := t.identify(clientKey(r.Client))
		if err != nil {
			return 0, err
		}
		client = &id
	}
	id, err := t.insert(`INSERT INTO management_request (type, origin, processing_id, status, server_identifier_id, client_identifier_id, certificate,
		certificate_hash, address, subsystem_name, comments, changed_by_id, created_at)
		VALUES (?, ?, ?, COALESCE((SELECT status FROM request_processing WHERE id = ?), ''), ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		management.TypeName(r.Type), string(r.Origin), orNull(r.Processing), orNull(r.Processing), server, client, r.Certificate, r.CertificateHash,
		r.Address, r.SubsystemName, r.Comments, orNull(r.ChangedBy), t.Now())
	if err != nil {
		return 0, err
	}
	return id, t.count("q.id = ?", id)
}

// count adds the requests that meet the condition to the table of numbers.
func (t *Tx) count(condition string, values ...any) error {
	return t.tx.DB().Exec(`INSERT INTO request_count (server_identifier_id, type, origin, status, number)
		SELECT q.server_identifier_id, q.type, q.origin, q.status, 1 FROM management_request q WHERE `+condition+`
		ON CONFLICT (server_identifier_id, type, origin, status) DO UPDATE SET number = request_count.number + 1`, values...).Error
}

func orNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// AddProcessing inserts a waiting registration; a second pending one of the same subject is a duplicate.
func (t *Tx) AddProcessing(kind request.Type, subject string) (int64, error) {
	return t.insert("INSERT INTO request_processing (type, subject, status, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
		management.TypeName(kind), subject, string(management.Waiting), t.Now(), t.Now())
}

// Pending gives the registration of the subject that is waiting or submitted for approval, nil when there is none.
func (t *Tx) Pending(kind request.Type, subject string) (*management.Processing, error) {
	return t.processing("type = ? AND subject = ? AND status IN (?, ?)", management.TypeName(kind), subject,
		string(management.Waiting), string(management.SubmittedForApproval))
}

// Processing gives what complementary requests share.
func (t *Tx) Processing(id int64) (*management.Processing, error) {
	p, err := t.processing("id = ?", id)
	if err == nil && p == nil {
		err = errMissing
	}
	return p, err
}

func (t *Tx) processing(condition string, values ...any) (*management.Processing, error) {
	row, err := first[struct {
		ID     int64
		Status string
	}](t.tx.DB().Raw("SELECT id, status FROM request_processing WHERE "+condition, values...))
	if err != nil || row == nil {
		return nil, err
	}
	p := &management.Processing{ID: row.ID, Status: management.Status(row.Status)}
	p.Requests, err = all(t.tx.DB().Raw("SELECT "+requestColumns+" FROM "+requestTables+" WHERE q.processing_id = ? ORDER BY q.id", row.ID), toRequest)
	if err == nil && len(p.Requests) == 0 {
		err = errMissing
	}
	return p, err
}

// SetStatus moves a registration and its requests; it fails when the status is no longer from.
func (t *Tx) SetStatus(processing int64, from, to management.Status) error {
	if err := one(t.tx.DB().Exec("UPDATE request_processing SET status = ?, updated_at = ? WHERE id = ? AND status = ?",
		string(to), t.Now(), processing, string(from))); err != nil {
		return err
	}
	if err := t.tx.DB().Exec(`UPDATE request_count SET number = number - 1 WHERE EXISTS (SELECT 1 FROM management_request q WHERE q.processing_id = ?
		AND q.server_identifier_id = request_count.server_identifier_id AND q.type = request_count.type AND q.origin = request_count.origin
		AND q.status = request_count.status)`, processing).Error; err != nil {
		return err
	}
	if err := t.tx.DB().Exec("UPDATE management_request SET status = ? WHERE processing_id = ?", string(to), processing).Error; err != nil {
		return err
	}
	return t.count("q.processing_id = ?", processing)
}

// SetChangedBy notes the request that changed another one's status.
func (t *Tx) SetChangedBy(id, by int64) error {
	return one(t.tx.DB().Exec("UPDATE management_request SET changed_by_id = ? WHERE id = ?", by, id))
}
