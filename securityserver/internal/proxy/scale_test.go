//go:build scale

package proxy_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

const (
	updateLimit = 1500 * time.Millisecond
	memoryLimit = 300 << 20 // resident, of the whole process, the sender of the configuration included
	pace        = 5 * time.Millisecond
)

// TestScale brings new configurations with 100 000 subsystems to two servers that exchange 200 messages a second, and tells how long it took, what
// it cost, and what the messages noticed.
func TestScale(t *testing.T) {
	w := newWorld(t, nil)
	w.republish(func(s *globalconf.SharedParameters) {
		s.Sources = []globalconf.Source{{Address: "cs.example"}}
		for m := range 5000 {
			one := globalconf.Member{ID: clientID(t, fmt.Sprintf("EE:GOV:%08d", m)), Name: fmt.Sprintf("Organisation number %d", m)}
			for n := range 20 {
				id, err := one.ID.Subsystem(fmt.Sprintf("subsystem-%d", n))
				require.NoError(t, err)
				one.Subsystems = append(one.Subsystems, globalconf.Subsystem{ID: id, Name: fmt.Sprintf("Service number %d of %d", n, m)})
				s.SecurityServers[n%2].Clients = append(s.SecurityServers[n%2].Clients, id)
			}
			s.Members = append(s.Members, one)
		}
	})
	source := newConfigurationSource(t, w)
	for n := range 4 {
		source.add(t, n, &w.shared)
	}
	w.publish() // the large model goes; its documents stay
	source.quiet()

	client := globalconf.NewClient(globalconf.ClientConfig{Directory: t.TempDir(), Now: clock, Log: zap.NewNop()})
	fmt.Printf("%-44s %9s %9s %9s %9s %10s %9s %9s\n", "configuration with 100 000 subsystems", "took", "processor", "resident", "live", "messages", "p95", "slowest")
	for n, what := range []string{"the first", "another one", "another one", "another one"} {
		source.use(n)
		flow := w.flow()
		memory := watchMemory()
		start := time.Now()
		before := processorTime()
		snapshot, err := client.Update(t.Context(), source.anchor())
		took, used := time.Since(start), processorTime()-before
		require.NoError(t, err)
		w.snapshot.Store(snapshot)
		latencies := flow()
		peak := memory()
		require.NotEmpty(t, latencies)
		slices.Sort(latencies)
		fmt.Printf("%-44s %6d ms %6d ms %6d MB %6d MB %10d %6.1f ms %6.1f ms\n", what, took.Milliseconds(), used.Milliseconds(), peak>>20, live()>>20, len(latencies),
			milliseconds(latencies[len(latencies)*95/100]), milliseconds(latencies[len(latencies)-1]))
		require.Less(t, used, updateLimit, "processor time, messages included: on two free cores it takes less than that")
		require.Less(t, peak, int64(memoryLimit))

		require.True(t, snapshot.HasSubsystem(clientID(t, "EE:GOV:00004999:subsystem-19")))
	}
	start := time.Now()
	_, err := client.Update(t.Context(), source.anchor())
	require.NoError(t, err)
	fmt.Printf("%-44s %6d ms\n", "the same again", time.Since(start).Milliseconds())
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// flow sends messages through both servers until it is called to stop, and gives what each took.
func (w *world) flow() (stop func() []time.Duration) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var mu sync.Mutex
	var latencies []time.Duration
	var group sync.WaitGroup
	message := w.message()
	group.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			group.Go(func() {
				start := time.Now()
				response, err := http.Post(w.consumer.clientURL, "text/xml", bytes.NewReader(message)) //nolint:noctx // it ends by itself
				if err != nil {
					w.t.Error(err)
					return
				}
				defer response.Body.Close()
				answer, err := io.ReadAll(response.Body)
				if err != nil || !bytes.Contains(answer, []byte("echoResponse")) {
					w.t.Errorf("%v %s", err, answer)
				}
				mu.Lock()
				defer mu.Unlock()
				latencies = append(latencies, time.Since(start))
			})
		}
	})
	return func() []time.Duration {
		cancel()
		group.Wait()
		return latencies
	}
}

// watchMemory gives the largest resident memory between the two calls.
func watchMemory() (stop func() int64) {
	done, result := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		peak := int64(0)
		for {
			peak = max(peak, resident())
			select {
			case <-done:
				result <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 { close(done); return <-result }
}

// live is what is reachable.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// processorTime is what the process has used, in all its threads.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// configurationSource publishes prepared configurations.
type configurationSource struct {
	*httptest.Server
	signer signature.Credential
	mu     sync.Mutex
	folder string
	used   int
}

func newConfigurationSource(t *testing.T, w *world) *configurationSource {
	t.Helper()
	s := &configurationSource{folder: t.TempDir()}
	var err error
	s.signer, err = w.ca.Issue(testca.Spec{Member: w.provider.id.Member()})
	require.NoError(t, err)
	s.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		used := s.used
		s.mu.Unlock()
		http.ServeFile(rw, r, s.file(used, strings.Trim(r.URL.Path, "/")))
	}))
	t.Cleanup(s.Close)
	return s
}

// add prepares the n-th configuration, which differs from the others in a name.
func (s *configurationSource) add(t *testing.T, n int, shared *globalconf.SharedParameters) {
	t.Helper()
	shared.Members[0].Name = fmt.Sprintf("Name number %d", n)
	private, err := globalconf.EncodePrivate(6, &globalconf.PrivateParameters{InstanceIdentifier: "EE", TimeStampingInterval: time.Minute,
		ManagementService: globalconf.ManagementService{AuthCertRegAddress: "https://cs.example:4001/", AuthCertRegCertificate: s.signer.Certificate.Raw,
			Provider: shared.Members[0].Subsystems[0].ID}})
	require.NoError(t, err)
	data, err := globalconf.EncodeShared(6, shared)
	require.NoError(t, err)
	d := &globalconf.Directory{Expire: now.Add(time.Hour), Version: 6, Parts: []globalconf.Part{
		{Identifier: globalconf.PrivateParametersID, Instance: "EE", Location: "/private", HashAlgorithm: signature.SHA512.URI, Hash: signature.SHA512.Sum(private)},
		{Identifier: globalconf.SharedParametersID, Instance: "EE", Location: "/shared", HashAlgorithm: signature.SHA512.URI, Hash: signature.SHA512.Sum(data)}}}
	directory, err := globalconf.SignDirectory(rand.Reader, d, s.signer.Signer, s.signer.Certificate.Raw, signature.SHA512)
	require.NoError(t, err)
	for name, content := range map[string][]byte{"conf": directory, "private": private, "shared": data} {
		require.NoError(t, os.WriteFile(s.file(n, name), content, 0o600))
	}
}

func (s *configurationSource) file(n int, name string) string {
	return filepath.Join(s.folder, strconv.Itoa(n)+"-"+name)
}

// use publishes the n-th.
func (s *configurationSource) use(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = n
}

// quiet gives back what preparing took.
func (s *configurationSource) quiet() {
	runtime.GC()
	debug.FreeOSMemory()
}

func (s *configurationSource) anchor() *globalconf.Anchor {
	return &globalconf.Anchor{Instance: "EE", Sources: []globalconf.AnchorSource{{DownloadURL: s.URL + "/conf", Certificates: [][]byte{s.signer.Certificate.Raw}}}}
}
