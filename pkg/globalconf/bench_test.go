package globalconf_test

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// large is an instance of 5 000 members with 20 subsystems each, on 1 000 security servers.
func large(b testing.TB) *globalconf.SharedParameters {
	p := &globalconf.SharedParameters{InstanceIdentifier: "TEST", Sources: []globalconf.Source{{Address: "cs.example.org"}}}
	for m := range 5000 {
		one := globalconf.Member{ID: member(b, "TEST", "GOV", fmt.Sprintf("%08d", m)), ClassDescription: "Government", Name: fmt.Sprintf("Member number %d", m)}
		for s := range 20 {
			one.Subsystems = append(one.Subsystems, globalconf.Subsystem{ID: subsystem(b, one.ID, fmt.Sprintf("subsystem-%d", s)), Name: fmt.Sprintf("Subsystem %d", s)})
		}
		p.Members = append(p.Members, one)
	}
	owners := globalconf.GlobalGroup{Code: "security-server-owners", Description: "Owners"}
	for i := range 1000 {
		hash := sha256.Sum256(fmt.Append(nil, i))
		s := globalconf.SecurityServer{ID: server(b, p.Members[5*i].ID, "ss1"), Address: fmt.Sprintf("ss%d.example.org", i), AuthCertHashes: [][]byte{hash[:]}}
		for _, m := range p.Members[5*i : 5*i+5] {
			for _, sub := range m.Subsystems {
				s.Clients = append(s.Clients, sub.ID)
			}
		}
		p.SecurityServers = append(p.SecurityServers, s)
		owners.Members = append(owners.Members, s.ID.Owner())
	}
	p.GlobalGroups = []globalconf.GlobalGroup{owners}
	p.GlobalSettings = globalconf.GlobalSettings{MemberClasses: []globalconf.MemberClass{{Code: "GOV", Description: "Government"}}, OCSPFreshness: time.Hour}
	return p
}

func BenchmarkReadHundredThousandSubsystems(b *testing.B) {
	data, err := globalconf.EncodeShared(6, large(b))
	require.NoError(b, err)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		read(b, data)
	}
}

func BenchmarkWriteHundredThousandSubsystems(b *testing.B) {
	p := large(b)
	b.ReportAllocs()
	for b.Loop() {
		data, err := globalconf.EncodeShared(6, p)
		require.NoError(b, err)
		b.SetBytes(int64(len(data)))
	}
}

func BenchmarkLists(b *testing.B) {
	p := large(b)
	s, err := globalconf.NewSnapshot(nil, []*globalconf.SharedParameters{p}, 6, now)
	require.NoError(b, err)
	id, client := p.SecurityServers[500].ID, p.SecurityServers[500].Clients[50]
	b.ReportAllocs()
	for b.Loop() {
		if !s.Lists(id, client) {
			b.Fatal("not listed")
		}
	}
}

func read(t testing.TB, data []byte) *globalconf.Snapshot {
	p, err := globalconf.DecodeShared(6, data)
	require.NoError(t, err)
	s, err := globalconf.NewSnapshot(nil, []*globalconf.SharedParameters{p}, 6, now)
	require.NoError(t, err)
	return s
}

// TestLargeInstanceFitsInMemory keeps the promise of 300 MB for 100 000 subsystems, counting what reading leaves behind and what it throws away.
func TestLargeInstanceFitsInMemory(t *testing.T) {
	data, err := globalconf.EncodeShared(6, large(t))
	require.NoError(t, err)
	var before, after, kept runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := read(t, data)
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&kept)
	t.Logf("document %d MB, allocated %d MB, kept %d MB", len(data)>>20, (after.TotalAlloc-before.TotalAlloc)>>20, (kept.HeapAlloc-before.HeapAlloc)>>20)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(300<<20))
	member, err := identifier.NewMember("TEST", "GOV", "00004999")
	require.NoError(t, err)
	require.True(t, s.HasSubsystem(subsystem(t, member, "subsystem-19")))
}
