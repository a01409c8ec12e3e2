// Package diagnosis finds what keeps this server from working: for each thing that must be right it says how it is, why it matters and what to
// do next. It changes nothing.
package diagnosis

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
)

// State is how a thing is.
type State string

// The states. Waiting is neither good nor bad: something before it must be right first, or somebody else must act.
const (
	OK      State = "OK"
	Waiting State = "WAITING"
	Warning State = "WARNING"
	Fail    State = "FAIL"
)

// Finding is one line of the checklist.
type Finding struct {
	Check string // the name of the check, in upper case
	State State
	What  string // how it is
	Why   string // why it matters
	Next  string // what to do, "" when nothing
}

// Download tells how the download of the global configuration goes. Zero times mean never.
type Download struct {
	LastSuccess time.Time
	Err         error // of the last attempt
}

// Conf gives the newest global configuration, nil before the first.
type Conf interface {
	Current() *globalconf.Snapshot
}

// Config is what a Service looks at.
type Config struct {
	Conf      Conf
	Setup     *setup.Setup
	Keys      *keys.Keys
	Services  *service.Services
	Download  func() Download
	Authority func(url string) (messagelog.Asked, bool) // how the last question to a time-stamping authority went
	// Registration connects to the central server's registration service; *management.Sender has it.
	Registration func(ctx context.Context) error
	HTTP         *http.Client
	Dial         func(ctx context.Context, network, address string) (net.Conn, error)
	Lookup       func(ctx context.Context, host string) ([]string, error)
	// ServerPort and OCSPPort are how others reach this server, PeerServerPort how it reaches others.
	ServerPort, OCSPPort, PeerServerPort int
	Now                                  func() time.Time
}

// Service makes checklists. It is safe for concurrent use.
type Service struct{ config Config }

// New makes a service.
func New(config Config) *Service { return &Service{config} }

// probeTimeout bounds one question to the network.
const probeTimeout = 5 * time.Second

// facts are what the checks look at, read once for all of them.
type facts struct {
	now      time.Time
	anchor   setup.Anchor
	source   *globalconf.Anchor // nil before the first upload
	snapshot *globalconf.Snapshot
	self     identifier.SecurityServerID // zero before initialization
	tokens   []keys.Token
	stamping []setup.Timestamping
	sources  []Source
}

// check judges the facts: how it is, and what to do.
type check struct {
	name, why string
	judge     func(s *Service, ctx context.Context, f *facts) (state State, what, next string)
}

// Checklist goes through everything, in the order in which an administrator mends it.
func (s *Service) Checklist(ctx context.Context) ([]Finding, error) {
	f, err := s.facts(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Finding, 0, len(checks))
	for _, c := range checks {
		state, what, next := c.judge(s, ctx, f)
		list = append(list, Finding{Check: c.name, State: state, What: what, Why: c.why, Next: next})
	}
	return list, nil
}

func (s *Service) facts(ctx context.Context) (*facts, error) {
	f := &facts{now: s.config.Now(), snapshot: s.config.Conf.Current()}
	var err error
	if f.anchor, err = s.config.Setup.Anchor(ctx); err != nil && fault.CodeOf(err) != "anchor_not_found" {
		return nil, err
	}
	if f.source, err = s.config.Setup.Source(ctx); err != nil {
		return nil, err
	}
	if f.self, err = s.config.Setup.Identity(ctx); err != nil {
		return nil, err
	}
	if f.tokens, err = s.config.Keys.Tokens(ctx); err != nil {
		return nil, err
	}
	if f.stamping, err = s.config.Setup.Timestamping(ctx); err != nil {
		return nil, err
	}
	f.sources, err = s.Sources(ctx)
	return f, err
}

// Source is an address of the anchor and how it answers now.
type Source struct {
	URL   string
	Err   error
	Clock time.Duration // how far the other clock is ahead of ours; 0 when it does not say
}

// Sources asks every address of the anchor; there are none before the first upload.
func (s *Service) Sources(ctx context.Context) ([]Source, error) {
	anchor, err := s.config.Setup.Source(ctx)
	if err != nil || anchor == nil {
		return nil, err
	}
	list := make([]Source, 0, len(anchor.Sources))
	for _, one := range anchor.Sources {
		list = append(list, s.ask(ctx, one.DownloadURL))
	}
	return list, nil
}

func (s *Service) ask(ctx context.Context, url string) Source {
	source := Source{URL: url}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		source.Err = err
		return source
	}
	response, err := s.config.HTTP.Do(r)
	if err != nil {
		source.Err = fault.Wrap(err, fault.Unavailable, "network_error", "%s does not answer", url)
		return source
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		source.Err = fault.New(fault.Unavailable, "http_error", "%s answers with status %d", url, response.StatusCode)
	}
	if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		source.Clock = at.Sub(s.config.Now())
	}
	return source
}

// reach opens a TCP connection and closes it.
func (s *Service) reach(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := s.config.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
