package confclient_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/securityserver/internal/confclient"
)

// source stands for the download: what it gives and how often it was asked.
type source struct {
	mu       sync.Mutex
	anchor   *globalconf.Anchor
	snapshot *globalconf.Snapshot
	err      error
	asked    int
	seen     []*globalconf.Snapshot // by the hook
	hookErr  error
}

// set changes the source between rounds.
func (s *source) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// counts tells how often source and hook were asked.
func (s *source) counts() (asked, seen int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, len(s.seen)
}

func snapshot(t *testing.T, expire time.Time) *globalconf.Snapshot {
	s, err := globalconf.NewSnapshot(&globalconf.PrivateParameters{InstanceIdentifier: "EE"},
		[]*globalconf.SharedParameters{{InstanceIdentifier: "EE"}}, 6, expire)
	require.NoError(t, err)
	return s
}

func (s *source) loop(directory string) *confclient.Loop {
	return confclient.New(confclient.Config{
		Directory: directory,
		Anchor:    func(context.Context) (*globalconf.Anchor, error) { return s.anchor, nil },
		Update: func(context.Context, *globalconf.Anchor) (*globalconf.Snapshot, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked++
			return s.snapshot, s.err
		},
		Hooks: []confclient.Hook{{Name: "test", Run: func(_ context.Context, snapshot *globalconf.Snapshot) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seen = append(s.seen, snapshot)
			return s.hookErr
		}}},
		Now: time.Now, Log: zap.NewNop(),
	})
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := snapshot(t, time.Now().Add(150*time.Second))
		s := &source{anchor: &globalconf.Anchor{}, snapshot: first}
		loop := s.loop(t.TempDir())
		require.Nil(t, loop.Current())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- loop.Run(ctx) }()

		synctest.Wait()
		asked, _ := s.counts()
		require.Equal(t, 1, asked, "the first round is immediate")
		require.Same(t, first, loop.Current())
		started := time.Now()
		require.Equal(t, confclient.Status{LastAttempt: started, LastSuccess: started, Next: started.Add(time.Minute)}, loop.Status())

		s.set(func() { s.err = errors.New("no network") })
		time.Sleep(61 * time.Second)
		synctest.Wait()
		asked, seen := s.counts()
		require.Equal(t, 2, asked)
		require.Same(t, first, loop.Current(), "a failed round changes nothing")
		require.Equal(t, 2, seen, "hooks run all the same: local state may have changed")
		status := loop.Status()
		require.EqualError(t, status.LastError, "no network")
		require.Equal(t, started, status.LastSuccess)
		require.Equal(t, started.Add(2*time.Minute), status.Next)

		time.Sleep(2 * time.Minute)
		synctest.Wait()
		asked, _ = s.counts()
		require.Equal(t, 4, asked, "failures do not slow the loop down")
		require.NotNil(t, loop.Current(), "expired stays current")
		require.Equal(t, "global_conf_outdated", fault.CodeOf(loop.Current().Valid(time.Now())))

		second := snapshot(t, time.Time{})
		s.set(func() { s.err, s.snapshot, s.hookErr = nil, second, errors.New("hook failed") })
		loop.Refresh()
		loop.Refresh()
		synctest.Wait()
		require.Same(t, second, loop.Current(), "asked for, done at once; a failing hook stops nothing")
		require.NoError(t, loop.Status().LastError)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestBeforeInitialization(t *testing.T) {
	s := &source{}
	loop := s.loop(t.TempDir())
	err := loop.Round(t.Context())
	require.Equal(t, "anchor_file_not_found", fault.CodeOf(err))
	require.Zero(t, s.asked)
	require.Nil(t, loop.Current())
	require.Empty(t, s.seen, "hooks need a snapshot")
}

// What an earlier run left on disk is there before the network is.
func TestStartsFromDisk(t *testing.T) {
	directory := t.TempDir()
	write := func(name string, data []byte) {
		path := filepath.Join(directory, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	class := []globalconf.MemberClass{{Code: "GOV", Description: "government"}}
	shared, err := globalconf.EncodeShared(3, &globalconf.SharedParameters{InstanceIdentifier: "EE",
		Sources:        []globalconf.Source{{Address: "127.0.0.1"}},
		GlobalSettings: globalconf.GlobalSettings{MemberClasses: class, OCSPFreshness: time.Hour}})
	require.NoError(t, err)
	metadata := func(identifier, file string) []byte {
		return []byte(`{"contentIdentifier":"` + identifier + `","instanceIdentifier":"EE","expirationDate":"2020-01-01T00:00:00Z","contentFileName":"` + file +
			`","contentLocation":"/` + file + `","configurationVersion":"3"}`)
	}
	write("instance-identifier", []byte("EE"))
	write("EE/shared-params.xml", shared)
	write("EE/shared-params.xml.metadata", metadata("SHARED-PARAMETERS", "shared-params.xml"))

	s := &source{anchor: &globalconf.Anchor{}, err: errors.New("no network")}
	loop := s.loop(directory)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error, 1)
	loop.Refresh()
	go func() { done <- loop.Run(ctx) }()
	require.NoError(t, <-done)
	require.NotNil(t, loop.Current(), "also when it has expired")
	require.Equal(t, "EE", loop.Current().Instance())
	require.Error(t, loop.Current().Valid(time.Now()))
	require.NotEmpty(t, s.seen)
}
