package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Row is a record as it stands in the database.
type Row struct {
	ID            int64
	RecordedAt    time.Time
	CorrelationID string
	Record        []byte
}

// Source gives the rows after an id in order, at most limit. It must give no row while a lower id may still appear. Newest is the highest id that
// has been committed, 0 without any. auditdb.Source is one.
type Source interface {
	After(ctx context.Context, id int64, limit int) ([]Row, error)
	Newest(ctx context.Context) (int64, error)
}

// The application names that X-Road writes into the lines.
const (
	CentralServer  = "X-Road Central Server Admin Service"
	SecurityServer = "X-Road Proxy Admin REST API"
)

// batch is how many rows are copied at once.
const batch = 500

// Log copies audit records from the database to a file, in X-Road's line layout, in order and once each. How far it came stands beside the
// file, in <file>.position. A copy that was interrupted is continued where it broke off: the lines are made of the rows alone, so what
// already stands in the file can be recognised. The file may be rotated by renaming it.
type Log struct {
	file, host, application string
	source                  Source

	mu sync.Mutex
}

// NewLog makes a Log that writes to file as host and application (CentralServer, SecurityServer). The folder must exist.
func NewLog(file, host, application string, source Source) *Log {
	return &Log{file: file, host: host, application: application, source: source}
}

// Run copies at once and then every interval until ctx ends; what fails is tried again.
func (l *Log) Run(ctx context.Context, log *zap.Logger, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := l.Copy(ctx); err != nil && ctx.Err() == nil {
			log.Error("audit log not written", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// position is how far the copy came: the last row, and the length of the file behind its line.
type position struct {
	ID     int64 `json:"id"`
	Offset int64 `json:"offset"`
}

// Copy appends all rows that are not in the file yet.
func (l *Log) Copy(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, err := l.readPosition()
	if err != nil {
		return fmt.Errorf("reading the position of the audit log: %w", err)
	}
	newest, err := l.source.Newest(ctx)
	if err != nil {
		return fmt.Errorf("reading audit records: %w", err)
	}
	// Records are never deleted, so a database that is behind the file was restored from an older copy: what it writes from now on is new.
	if newest < at.ID {
		at.ID = newest
		if err := l.writePosition(at); err != nil {
			return fmt.Errorf("writing the position of the audit log: %w", err)
		}
	}
	for {
		rows, err := l.source.After(ctx, at.ID, batch)
		if err != nil {
			return fmt.Errorf("reading audit records: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		if at, err = l.append(at, rows); err != nil {
			return fmt.Errorf("writing the audit log: %w", err)
		}
	}
}

func (l *Log) append(at position, rows []Row) (position, error) {
	var lines []byte
	for _, row := range rows {
		lines = l.appendLine(lines, row)
	}
	file, err := os.OpenFile(l.file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return at, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return at, err
	}
	if size < at.Offset {
		at.Offset = 0 // rotated
	}
	there, err := alreadyThere(file, at.Offset, size, lines)
	if err != nil {
		return at, err
	}
	if _, err := file.Write(lines[there:]); err != nil {
		return at, err
	}
	if err := file.Sync(); err != nil {
		return at, err
	}
	at = position{ID: rows[len(rows)-1].ID, Offset: size + int64(len(lines)-there)}
	return at, l.writePosition(at)
}

// alreadyThere says how many bytes of lines an interrupted copy left behind offset. What stands there and is something else was written by
// someone else and stays.
func alreadyThere(file io.ReaderAt, offset, size int64, lines []byte) (int, error) {
	tail := make([]byte, min(size-offset, int64(len(lines))))
	if _, err := file.ReadAt(tail, offset); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if !bytes.HasPrefix(lines, tail) {
		return 0, nil
	}
	return len(tail), nil
}

// appendLine writes the line that X-Road's syslog set-up makes. Both times are those of the transaction.
func (l *Log) appendLine(dst []byte, row Row) []byte {
	at := row.RecordedAt.UTC()
	return fmt.Appendf(dst, "%s %s correlation-id:[%s] INFO  [%s] %s - %s\n", at.Format("2006-01-02T15:04:05.000000-07:00"), l.host,
		row.CorrelationID, l.application, at.Format("2006-01-02T15:04:05.000Z07:00"), row.Record)
}

func (l *Log) readPosition() (at position, err error) {
	data, err := os.ReadFile(l.file + ".position")
	if errors.Is(err, fs.ErrNotExist) {
		return position{}, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &at)
	}
	return at, err
}

func (l *Log) writePosition(at position) error {
	data, err := json.Marshal(at)
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(l.file), ".position-*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(data)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), l.file+".position")
}
