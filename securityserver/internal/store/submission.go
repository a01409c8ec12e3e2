package store

import (
	"context"
	"time"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

type submissionRow struct {
	ID              int64
	Kind            string
	MessageID       string
	Server          string
	Client          string
	CertificateHash string
	CreatedAt       time.Time
	SentAt          *time.Time
	RequestID       *int64
	Outcome         string
	Reason          string
	Node            string
}

func (submissionRow) TableName() string { return "request_submission" }

func (r submissionRow) toSubmission() (submission.Submission, error) {
	server, err := identifier.ParseSecurityServerID(r.Server)
	if err != nil {
		return submission.Submission{}, err
	}
	client, err := parseMember(r.Client)
	if err != nil {
		return submission.Submission{}, err
	}
	s := submission.Submission{ID: r.ID, Kind: request.Type(r.Kind), MessageID: r.MessageID, Server: server, Client: client,
		CertificateHash: r.CertificateHash, CreatedAt: r.CreatedAt, Outcome: submission.Outcome(r.Outcome), Reason: r.Reason}
	if r.SentAt != nil {
		s.SentAt = *r.SentAt
	}
	if r.RequestID != nil {
		s.RequestID = *r.RequestID
	}
	return s, nil
}

// AddSubmission stores an intent; an open one of the same kind for the same subject is Conflict action_not_possible.
func (tx Tx) AddSubmission(s submission.Submission) (int64, error) {
	row := submissionRow{Kind: string(s.Kind), MessageID: s.MessageID, Server: s.Server.Encoded(), Client: encodeMember(s.Client),
		CertificateHash: s.CertificateHash, CreatedAt: tx.Now, Node: tx.node()}
	if err := tx.DB().Create(&row).Error; err != nil {
		return 0, duplicate(err, "action_not_possible", "The same request is being sent at this moment")
	}
	return row.ID, nil
}

// FinishSubmission stores the outcome.
func (tx Tx) FinishSubmission(s submission.Submission) error {
	changed := map[string]any{"outcome": string(s.Outcome), "reason": s.Reason}
	if !s.SentAt.IsZero() {
		changed["sent_at"] = s.SentAt.UTC()
	}
	if s.RequestID != 0 {
		changed["request_id"] = s.RequestID
	}
	return one(tx.DB().Model(&submissionRow{}).Where("id = ?", s.ID).Updates(changed))
}

// LastSubmission is the newest intent for a client or certificate, of some kinds or of any.
func (tx Tx) LastSubmission(client identifier.ClientID, certificateHash string, kinds ...request.Type) (submission.Submission, bool, error) {
	var row submissionRow
	query := tx.DB().Where("client = ? AND certificate_hash = ?", encodeMember(client), certificateHash)
	if len(kinds) > 0 {
		query = query.Where("kind IN ?", kinds)
	}
	err := query.Order("id DESC").Take(&row).Error
	if database.IsNotFound(err) {
		return submission.Submission{}, false, nil
	}
	if err != nil {
		return submission.Submission{}, false, err
	}
	s, err := row.toSubmission()
	return s, true, err
}

// UnresolvedSubmissions are those without a known outcome that are the newest for their client or certificate, of those that move a state.
func (tx Tx) UnresolvedSubmissions() ([]submission.Submission, error) {
	var rows []submissionRow
	// The outcomes stand in the statement because an index covers only them.
	err := tx.DB().Raw(`SELECT * FROM request_submission AS s WHERE outcome IN ('', 'unknown') AND kind NOT IN ?
		AND NOT EXISTS (SELECT 1 FROM request_submission AS newer WHERE newer.client = s.client AND newer.certificate_hash = s.certificate_hash
		AND newer.kind NOT IN ? AND newer.id > s.id) ORDER BY id`, submission.MovingNothing, submission.MovingNothing).Scan(&rows).Error
	list := make([]submission.Submission, 0, len(rows))
	for _, r := range rows {
		s, convertErr := r.toSubmission()
		if convertErr != nil {
			return nil, convertErr
		}
		list = append(list, s)
	}
	return list, err
}

// AbandonOpenSubmissions turns open intents into unknown ones: those of this server, and those of others that are older than any sending lasts.
// Another server on the same database may be sending the rest at this moment.
func (tx Tx) AbandonOpenSubmissions(reason string) (int, error) {
	return tx.abandon(reason, "node = ? OR created_at < ?", tx.node(), tx.Now.Add(-submission.Longest))
}

func (tx Tx) abandon(reason, which string, values ...any) (int, error) {
	result := tx.DB().Model(&submissionRow{}).Where("outcome = ?", string(submission.Open)).Where(which, values...).
		Updates(map[string]any{"outcome": string(submission.Unknown), "reason": reason})
	return int(result.RowsAffected), result.Error
}

// GiveUp turns intents that are older than any sending lasts into unknown ones and counts them: the server that sent them died, and may never
// come back.
func (s *Store) GiveUp(ctx context.Context) (n int, err error) {
	var open int64
	err = s.view(ctx, func(tx Tx) error {
		return tx.DB().Model(&submissionRow{}).Where("outcome = ? AND created_at < ?", string(submission.Open), tx.Now.Add(-submission.Longest)).
			Count(&open).Error
	})
	if err != nil || open == 0 {
		return 0, err
	}
	err = s.update(ctx, func(tx Tx) (err error) {
		n, err = tx.abandon("the server that sent it died before the answer came", "created_at < ?", tx.Now.Add(-submission.Longest))
		return err
	})
	return n, err
}
