// Package confclient keeps the global configuration of the security server current: it reads what is on disk at once, downloads and verifies
// at an interval, publishes each snapshot through an atomic pointer, and calls the reconciliation hooks.
package confclient

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
)

// DefaultInterval is X-Road's configuration-client.update-interval.
const DefaultInterval = 60 * time.Second

// Hook looks at the newest snapshot. It is called after every round that leaves a snapshot, also an old one, because local state may
// have changed since. An error is logged and reported in Status; it stops nothing.
type Hook struct {
	Name string
	Run  func(ctx context.Context, snapshot *globalconf.Snapshot) error
}

// Config is what a Loop needs.
type Config struct {
	Directory string                                                // where the client keeps its files
	Interval  time.Duration                                         // 0 means DefaultInterval
	Anchor    func(ctx context.Context) (*globalconf.Anchor, error) // nil, nil before the server is initialized
	Update    func(ctx context.Context, anchor *globalconf.Anchor) (*globalconf.Snapshot, error)
	Hooks     []Hook
	Now       func() time.Time
	Log       *zap.Logger
}

// Status is what the diagnostics page shows. Zero times mean never.
type Status struct {
	LastAttempt time.Time
	LastSuccess time.Time
	LastError   error // of the last round; nil when it succeeded
	Next        time.Time
}

// Loop is the configuration client of this server.
type Loop struct {
	config  Config
	current atomic.Pointer[globalconf.Snapshot]
	refresh chan struct{}
	round   sync.Mutex // one round at a time

	mu     sync.Mutex
	status Status
}

// New makes a loop. Nothing is read before Run.
func New(config Config) *Loop {
	if config.Interval <= 0 {
		config.Interval = DefaultInterval
	}
	return &Loop{config: config, refresh: make(chan struct{}, 1)}
}

// Current is the newest verified snapshot, nil before the first one. It may be expired: ask Snapshot.Valid.
func (l *Loop) Current() *globalconf.Snapshot { return l.current.Load() }

// Status tells how the last round went.
func (l *Loop) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Refresh asks for a round now, for example after an anchor was uploaded. It does not wait.
func (l *Loop) Refresh() {
	select {
	case l.refresh <- struct{}{}:
	default: // one is asked for already
	}
}

// Run reads what is on disk, then downloads until ctx ends. A failed round waits for the next interval like any other; what was verified
// before stays current.
func (l *Loop) Run(ctx context.Context) error {
	l.load(ctx)
	for {
		_ = l.Round(ctx)
		timer := time.NewTimer(l.config.Interval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-l.refresh:
			timer.Stop()
		}
	}
}

// Round downloads and verifies once and calls the hooks. Its error is that of the download; it is kept in Status too.
func (l *Loop) Round(ctx context.Context) error {
	l.round.Lock()
	defer l.round.Unlock()
	started := l.config.Now()
	err := l.update(ctx)
	if err != nil && ctx.Err() == nil {
		l.config.Log.Warn("global configuration was not updated", zap.Error(err))
	}
	l.mu.Lock()
	l.status.LastAttempt, l.status.LastError = started, err
	if err == nil {
		l.status.LastSuccess = started
	}
	l.status.Next = started.Add(l.config.Interval)
	l.mu.Unlock()
	if snapshot := l.Current(); snapshot != nil {
		l.callHooks(ctx, snapshot)
	}
	return err
}

func (l *Loop) update(ctx context.Context) error {
	anchor, err := l.config.Anchor(ctx)
	if err != nil {
		return err
	}
	if anchor == nil {
		return fault.New(fault.Conflict, "anchor_file_not_found", "Configuration anchor is missing")
	}
	snapshot, err := l.config.Update(ctx, anchor)
	if err != nil {
		return err
	}
	l.current.Store(snapshot)
	return nil
}

// load publishes what an earlier run left on disk, so that the server can work at once. Expired is better than nothing: it says so itself.
func (l *Loop) load(ctx context.Context) {
	snapshot, err := globalconf.Load(l.config.Directory, l.config.Now())
	if err != nil {
		l.config.Log.Info("no global configuration on disk", zap.Error(err))
		return
	}
	l.current.Store(snapshot)
	l.callHooks(ctx, snapshot)
}

func (l *Loop) callHooks(ctx context.Context, snapshot *globalconf.Snapshot) {
	for _, hook := range l.config.Hooks {
		if err := hook.Run(ctx, snapshot); err != nil && ctx.Err() == nil {
			l.config.Log.Warn("a hook of the global configuration failed", zap.String("hook", hook.Name), zap.Error(err))
		}
	}
}
