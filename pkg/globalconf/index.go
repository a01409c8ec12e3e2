package globalconf

import (
	"crypto/sha1" //nolint:gosec // version 2 names certificates by it
	"crypto/sha256"

	"github.com/ristmik/ristmik/pkg/identifier"
)

// index is one instance's shared parameters arranged for look-ups. It is built once per decoded part and shared by snapshots.
type index struct {
	shared       *SharedParameters
	members      map[identifier.ClientID]string // names
	subsystems   map[identifier.ClientID]string // names, "" where there is none
	servers      []ServerLocation
	serverAt     map[identifier.SecurityServerID]int32
	clientRange  map[identifier.ClientID]span // of clientServer
	clientServer []int32                      // places in servers, in their order, client by client
	certificates map[string]int32             // by the raw hash, SHA-1 or SHA-256
	groups       map[string]map[identifier.ClientID]struct{}
}

type span struct{ from, to int32 }

func newIndex(shared *SharedParameters) *index {
	x := &index{
		shared:       shared,
		members:      make(map[identifier.ClientID]string, len(shared.Members)),
		serverAt:     make(map[identifier.SecurityServerID]int32, len(shared.SecurityServers)),
		certificates: make(map[string]int32, len(shared.SecurityServers)),
		groups:       make(map[string]map[identifier.ClientID]struct{}, len(shared.GlobalGroups)),
	}
	subsystems := 0
	for i := range shared.Members {
		subsystems += len(shared.Members[i].Subsystems)
	}
	x.subsystems = make(map[identifier.ClientID]string, subsystems)
	for i := range shared.Members {
		m := &shared.Members[i]
		x.members[m.ID] = m.Name
		for _, s := range m.Subsystems {
			x.subsystems[s.ID] = s.Name
		}
	}
	x.addServers()
	for _, g := range shared.GlobalGroups {
		members := make(map[identifier.ClientID]struct{}, len(g.Members))
		for _, m := range g.Members {
			members[m] = struct{}{}
		}
		x.groups[g.Code] = members
	}
	return x
}

func (x *index) addServers() {
	for i := range x.shared.SecurityServers {
		s := &x.shared.SecurityServers[i]
		x.servers = append(x.servers, ServerLocation{s.ID, s.Address, s.Maintenance})
		x.serverAt[s.ID] = int32(i)
		for _, h := range s.AuthCertHashes {
			x.certificates[string(h)] = int32(i)
		}
		for _, der := range s.AuthCertificates {
			x.certificates[string(authCertHash(sha256.Size, der))] = int32(i)
		}
	}
	x.addClients()
}

// addClients counts the servers of each client first, so that all of them share one slice.
func (x *index) addClients() {
	total := int32(0)
	counts := map[identifier.ClientID]span{}
	x.eachClient(func(_ int32, c identifier.ClientID) {
		s := counts[c]
		s.to++
		counts[c] = s
		total++
	})
	next := int32(0)
	for c, s := range counts {
		counts[c] = span{next, next}
		next += s.to
	}
	x.clientServer = make([]int32, total)
	x.eachClient(func(server int32, c identifier.ClientID) {
		s := counts[c]
		x.clientServer[s.to] = server
		s.to++
		counts[c] = s
	})
	x.clientRange = counts
}

// eachClient goes over every pair of a server and its client. The owner is one, and none is met twice for a server.
func (x *index) eachClient(visit func(server int32, client identifier.ClientID)) {
	for i := range x.shared.SecurityServers {
		s := &x.shared.SecurityServers[i]
		visit(int32(i), s.ID.Owner())
		for _, c := range s.Clients {
			if c != s.ID.Owner() {
				visit(int32(i), c)
			}
		}
	}
}

func (x *index) serversOf(client identifier.ClientID) []int32 {
	s := x.clientRange[client]
	return x.clientServer[s.from:s.to]
}

// serverByCertificate finds the server by either hash of its certificate.
func (x *index) serverByCertificate(der []byte) (identifier.SecurityServerID, bool) {
	for _, size := range [...]int{sha256.Size, sha1.Size} {
		if i, ok := x.certificates[string(authCertHash(size, der))]; ok {
			return x.servers[i].ID, true
		}
	}
	return identifier.SecurityServerID{}, false
}
