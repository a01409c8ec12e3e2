// Package local_test tells the story of a whole instance with the real programs, on both databases, and kills servers while it is told.
package local_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/story"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// programs is the folder with the binaries under test, built once.
var programs string

func TestMain(m *testing.M) {
	code, err := build(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "ristmik-programs-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	for name, source := range map[string]string{
		"centralserver": "github.com/ristmik/ristmik/centralserver/cmd/centralserver", "securityserver": "github.com/ristmik/ristmik/securityserver/cmd/securityserver",
		"local": "github.com/ristmik/ristmik/deploy/local/cmd/local",
	} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(folder, name), source).CombinedOutput(); err != nil {
			return 1, fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	programs = folder
	return m.Run(), nil
}

// block gives each instance addresses of its own, away from those of a demonstration.
var block atomic.Int32

type told struct {
	*instance.Instance
	story *story.Story
	out   *bytes.Buffer
}

// start brings up a fresh instance. When the test fails, the ends of the servers' logs are shown.
func start(t *testing.T, driver string) *told {
	t.Helper()
	var config instance.Config
	if driver == "postgres" {
		config.Databases = func(string) string { return testkit.Postgres(t) }
	}
	return startConfigured(t, config)
}

// startConfigured is start for an instance with more to it; where it lives is chosen here.
func startConfigured(t *testing.T, config instance.Config) *told {
	t.Helper()
	config.Folder, config.Programs, config.Addresses = t.TempDir(), programs, instance.Addresses{Block: int(100 + block.Add(1))}
	i, err := instance.New(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			for _, p := range i.Processes() {
				t.Logf("%s:\n%s", p.Name, p.LastLines(15))
			}
		}
		for _, p := range i.Processes() {
			p.Kill()
		}
	})
	require.NoError(t, i.Start(t.Context()))
	out := &bytes.Buffer{}
	return &told{i, story.New(i, out), out}
}

func (i *told) tell(t *testing.T, steps []story.Step) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.NoError(t, i.story.Tell(ctx, steps), i.out.String())
}

func TestStory(t *testing.T) {
	for _, driver := range []string{"sqlite", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			i := start(t, driver)
			i.tell(t, story.All())
			require.Len(t, i.story.Results, len(story.All()))
			for _, result := range i.story.Results {
				require.Less(t, result.Elapsed, 10*time.Second, "%s: a registration takes under ten seconds", result.Title)
			}
			judge(t, i)
			require.NoError(t, i.Stop(), "the servers stop when they are asked to")
		})
	}
}

// TestOtherRequests changes address, names, maintenance mode and owner of a registered server.
func TestOtherRequests(t *testing.T) {
	for _, driver := range []string{"sqlite", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			i := start(t, driver)
			i.tell(t, story.SetUp())
			i.tell(t, story.ServerRegistration())
			i.tell(t, story.Changes())
			t.Log(i.out.String())
			require.NoError(t, i.Stop())
		})
	}
}

// TestRestartGoesOn stops a whole instance in the middle of the story and tells the rest to a new one on the same folder.
func TestRestartGoesOn(t *testing.T) {
	i := start(t, "sqlite")
	i.tell(t, story.SetUp())
	require.NoError(t, i.Stop())
	again, err := instance.New(t.Context(), i.Config)
	require.NoError(t, err)
	require.NoError(t, again.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, again.Stop()) })
	next := &told{again, story.New(again, i.out), i.out}
	next.tell(t, story.All())
}
