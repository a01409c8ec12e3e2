//go:build scale

package confgen_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/store/seed"
)

// TestScaleOfGeneration generates the configuration of a registry ten times the largest one known, and says what it took.
func TestScaleOfGeneration(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		size := seed.Full()
		size.Requests = size.Servers // they bring the certificates and are not published
		require.NoError(t, seed.Fill(t.Context(), b.db, size))
		require.NoError(t, b.service.Initialize(b.do("Initialize central server"), seed.Instance, "127.0.0.1", pin))
		for _, source := range confgen.SourceTypes {
			_, err := b.service.AddSigningKey(b.do("Generate key"), source, "key")
			require.NoError(t, err)
		}
		_, err := b.registry.SetProvider(b.do("Edit provider of management services"), b.id("EE:COM:10000001:sub1"))
		require.NoError(t, err)
		for _, round := range []string{"first", "unchanged"} {
			runtime.GC()
			debug.FreeOSMemory()
			before, stop, peak := resident(t), make(chan struct{}), make(chan int64)
			go func() {
				most := int64(0)
				for {
					select {
					case <-stop:
						peak <- most
						return
					case <-time.After(5 * time.Millisecond):
						most = max(most, resident(t))
					}
				}
			}()
			start := time.Now()
			require.NoError(t, b.service.Generate(t.Context()))
			took := time.Since(start)
			close(stop)
			fmt.Printf("%s: %s generation %s, %d MB above %d MB\n", b.db.Driver(), round, took.Round(10*time.Millisecond), (<-peak-before)>>20, before>>20)
			runtime.GC()
			debug.FreeOSMemory()
			fmt.Printf("%s: %d MB stay\n", b.db.Driver(), (resident(t)-before)>>20)
		}
	})
}

// resident is the memory of this process in bytes.
func resident(t *testing.T) int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Error(err)
		return 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	if err != nil {
		t.Error(err)
	}
	return pages * int64(os.Getpagesize())
}
