//go:build chaos

package local_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/story"
)

// TestChaosWhileSending kills each server at a series of delays after a clientReg was sent, so that it dies before, while and after it has the request in its hands.
// Both databases.
func TestChaosWhileSending(t *testing.T) {
	for _, driver := range []string{"sqlite", "postgres"} {
		i := start(t, driver)
		i.tell(t, append(story.SetUp(), story.ServerRegistration()...))
		for _, p := range []*instance.Process{i.Central, i.Management, i.Member} {
			for delay := time.Duration(0); delay <= 20*time.Millisecond; delay += 2 * time.Millisecond {
				t.Run(fmt.Sprintf("%s %s after %s", driver, p.Name, delay), func(t *testing.T) {
					var once sync.Once
					var restarted sync.WaitGroup
					i.story.Moment = func(m story.Moment) {
						if m == story.Sending {
							once.Do(func() { i.killAfter(t, p, delay, &restarted) })
						}
					}
					i.tell(t, []story.Step{story.Registration()})
					restarted.Wait()
					i.story.Moment = nil
					i.agree(t)
					i.tell(t, story.Removal()[:1])
					i.forgotten(t)
					i.tell(t, story.Removal()[1:])
				})
			}
		}
		require.NoError(t, i.Stop())
	}
}
