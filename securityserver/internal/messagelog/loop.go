package messagelog

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/signature/xades"
)

// batch is how many signatures one database query hands to the time-stamping loop.
const batch = 100

// Authority is a time-stamping authority that the administrator chose among the approved ones.
type Authority struct {
	URL         string
	Certificate *x509.Certificate // of the authority, from the global configuration
}

// Config is what a Log needs.
type Config struct {
	Store       Store
	Authorities func(ctx context.Context) ([]Authority, error) // configured ones, in order of preference; none: nothing is stamped
	Interval    func() time.Duration                           // between rounds: timeStampingIntervalSeconds of the configuration
	// Turn asks before every batch whether it is this server that stamps, among those that share the message log; nil: it is always this one.
	Turn func(ctx context.Context) (bool, error)
	HTTP *http.Client
	Now  func() time.Time
	Rand io.Reader
	Log  *zap.Logger
}

// Status is what diagnostics show about time-stamping. Zero times mean never.
type Status struct {
	LastSuccess time.Time
	LastAttempt time.Time
	LastError   error // of the last round; nil when it succeeded
}

// Log is the message log of this server. It is safe for concurrent use.
type Log struct {
	config Config

	mu     sync.Mutex
	status Status
	asked  map[string]Asked // by the authority's URL
}

// New makes a log.
func New(config Config) *Log {
	if config.Turn == nil {
		config.Turn = func(context.Context) (bool, error) { return true, nil }
	}
	return &Log{config: config, asked: map[string]Asked{}}
}

// Status tells how the last round of time-stamping went.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Asked tells how the last question to an authority went.
type Asked struct {
	At  time.Time
	Err error
}

// Authority tells how the last question to an authority went; false means that it was not asked since the server started.
func (l *Log) Authority(url string) (Asked, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.asked[url]
	return a, ok
}

func (l *Log) remember(url string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[url] = Asked{At: l.config.Now(), Err: err}
}

// tick is how often Run looks whether the interval is over: the interval may change with each configuration.
const tick = time.Second

// Run time-stamps until ctx ends.
func (l *Log) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for last := l.config.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if now := l.config.Now(); now.Sub(last) >= l.config.Interval() {
			last = now
			if _, err := l.Stamp(ctx); err != nil && ctx.Err() == nil {
				l.config.Log.Warn("messages were not time-stamped", zap.Error(err))
			}
		}
	}
}

// Stamp time-stamps everything that waits and tells how many records got their time-stamp. It stops at the first signature that no
// authority stamps.
func (l *Log) Stamp(ctx context.Context) (int, error) {
	done, err := l.stampAll(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.LastAttempt, l.status.LastError = l.config.Now(), err
	if err == nil && done > 0 {
		l.status.LastSuccess = l.status.LastAttempt
	}
	return done, err
}

func (l *Log) stampAll(ctx context.Context) (int, error) {
	authorities, err := l.config.Authorities(ctx)
	if err != nil || len(authorities) == 0 {
		return 0, err
	}
	for done := 0; ; {
		if mine, err := l.config.Turn(ctx); err != nil || !mine {
			return done, err
		}
		pending, err := l.config.Store.Unstamped(ctx, batch)
		if err != nil || len(pending) == 0 {
			return done, err
		}
		for _, p := range pending {
			if err := l.stamp(ctx, authorities, p); err != nil {
				return done, err
			}
			done++
		}
	}
}

// stamp asks the authorities in turn for one signature's token and stores it.
func (l *Log) stamp(ctx context.Context, authorities []Authority, p Pending) error {
	parsed, err := xades.Parse(p.Signature)
	if err != nil {
		return fmt.Errorf("reading the stored signature of record %d: %w", p.ID, err)
	}
	var last error
	for _, authority := range authorities {
		token, at, err := l.ask(ctx, authority, parsed.Value())
		l.remember(authority.URL, err)
		if err != nil {
			last = fmt.Errorf("asking the time-stamping authority at %s: %w", authority.URL, err)
			continue
		}
		stamped, err := xades.AddTimestamp(p.Signature, token)
		if err != nil {
			return fmt.Errorf("adding the time-stamp of record %d: %w", p.ID, err)
		}
		return l.config.Store.SaveTimestamp(ctx, p.ID, stamped, at)
	}
	return last
}
