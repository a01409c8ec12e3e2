package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
)

// MessageLog keeps signed messages. Its rows are nobody else's, so it does not change the store's generation.
type MessageLog struct{ db *database.DB }

var _ messagelog.Store = (*MessageLog)(nil)

// NewMessageLog makes a message log over an open, migrated database.
func NewMessageLog(db *database.DB) *MessageLog { return &MessageLog{db} }

type messageRow struct {
	ID          int64
	MessageID   string
	Side        string
	Response    bool
	Client      string
	Service     string
	RecordedAt  time.Time
	Message     []byte
	Attachments string
	DigestURI   string
	Signature   []byte
	HashChain   []byte
	HashResult  []byte
	StampedAt   *time.Time
}

func (messageRow) TableName() string { return "message_record" }

func parts(p ...string) string {
	b, _ := json.Marshal(p) // strings always encode
	return string(b)
}

func (r messageRow) toRecord() (messagelog.Record, error) {
	record := messagelog.Record{ID: r.ID, MessageID: r.MessageID, Side: messagelog.Side(r.Side), Response: r.Response, Time: r.RecordedAt,
		Message: r.Message, DigestURI: r.DigestURI, Signature: r.Signature, HashChain: r.HashChain, HashResult: r.HashResult}
	if r.StampedAt != nil {
		record.StampedAt = *r.StampedAt
	}
	var client, service []string
	if err := json.Unmarshal([]byte(r.Client), &client); err != nil || len(client) != 4 {
		return record, fmt.Errorf("message record %d: client cannot be read", r.ID)
	}
	if err := json.Unmarshal([]byte(r.Service), &service); err != nil || len(service) != 6 {
		return record, fmt.Errorf("message record %d: service cannot be read", r.ID)
	}
	var err error
	if record.Client, err = clientOf(client); err != nil {
		return record, err
	}
	provider, err := clientOf(service[:4])
	if err != nil {
		return record, err
	}
	if record.Service, err = identifier.NewService(provider, service[4], service[5]); err != nil {
		return record, err
	}
	return record, json.Unmarshal([]byte(r.Attachments), &record.Attachments)
}

func clientOf(p []string) (identifier.ClientID, error) {
	if p[3] == "" {
		return identifier.NewMember(p[0], p[1], p[2])
	}
	return identifier.NewSubsystem(p[0], p[1], p[2], p[3])
}

// SaveMessage stores a new record and gives its ID.
func (s *MessageLog) SaveMessage(ctx context.Context, r messagelog.Record) (int64, error) {
	attachments, err := json.Marshal(r.Attachments)
	if err != nil {
		return 0, err
	}
	provider := r.Service.Provider()
	row := messageRow{MessageID: r.MessageID, Side: string(r.Side), Response: r.Response, RecordedAt: r.Time,
		Client:  parts(r.Client.Instance(), r.Client.MemberClass(), r.Client.MemberCode(), r.Client.SubsystemCode()),
		Service: parts(provider.Instance(), provider.MemberClass(), provider.MemberCode(), provider.SubsystemCode(), r.Service.Code(), r.Service.Version()),
		Message: r.Message, Attachments: string(attachments), DigestURI: r.DigestURI, Signature: r.Signature, HashChain: r.HashChain, HashResult: r.HashResult}
	err = s.db.Update(ctx, func(tx *database.Tx) error {
		row.ID = 0 // a transaction that lost is run again
		return tx.DB().Create(&row).Error
	})
	return row.ID, err
}

// Unstamped gives records without a time-stamp, oldest first.
func (s *MessageLog) Unstamped(ctx context.Context, limit int) ([]messagelog.Pending, error) {
	var rows []messageRow
	err := s.db.View(ctx, func(tx *database.Tx) error {
		return tx.DB().Select("id", "signature").Where("stamped_at IS NULL").Order("id").Limit(limit).Find(&rows).Error
	})
	list := make([]messagelog.Pending, 0, len(rows))
	for _, r := range rows {
		list = append(list, messagelog.Pending{ID: r.ID, Signature: r.Signature})
	}
	return list, err
}

// SaveTimestamp replaces the signature of a record that has no time-stamp yet. Of two servers that stamped the same record the first one's stays.
func (s *MessageLog) SaveTimestamp(ctx context.Context, id int64, signature []byte, at time.Time) error {
	return s.db.Update(ctx, func(tx *database.Tx) error {
		return tx.DB().Model(&messageRow{}).Where("id = ? AND stamped_at IS NULL", id).
			Updates(map[string]any{"signature": signature, "stamped_at": at.UTC()}).Error
	})
}

// Messages gives all records with this message ID, oldest first.
func (s *MessageLog) Messages(ctx context.Context, messageID string) ([]messagelog.Record, error) {
	var rows []messageRow
	err := s.db.View(ctx, func(tx *database.Tx) error {
		return tx.DB().Where("message_id = ?", messageID).Order("id").Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	list := make([]messagelog.Record, 0, len(rows))
	for _, r := range rows {
		record, err := r.toRecord()
		if err != nil {
			return nil, err
		}
		list = append(list, record)
	}
	return list, nil
}
