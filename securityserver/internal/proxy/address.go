package proxy

import (
	"math/rand/v2"
	"net"
	"slices"
	"strconv"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/soap"
)

// addresses finds where the provider's security servers are, in random order, as host and port. A securityServer header picks one; servers
// in maintenance are passed over.
func addresses(s *globalconf.Snapshot, h *soap.Header, port int) ([]string, error) {
	provider := h.Service.Provider()
	servers := s.ServersOf(provider)
	if len(servers) == 0 {
		return nil, fault.New(fault.NotFound, "unknown_member", "Could not find addresses for service provider \"%s\"", provider)
	}
	if id := h.SecurityServer; !id.IsZero() {
		if _, ok := s.Address(id); !ok {
			return nil, fault.New(fault.NotFound, "invalid_security_server", "Could not find security server \"%s\"", id)
		}
		servers = slices.DeleteFunc(servers, func(l globalconf.ServerLocation) bool { return l.ID != id })
		if len(servers) == 0 {
			return nil, fault.New(fault.Invalid, "invalid_security_server", "Invalid security server \"%s\"", id)
		}
	}
	var found []string
	for _, l := range servers {
		if l.Maintenance == nil {
			found = append(found, net.JoinHostPort(l.Address, strconv.Itoa(port)))
		}
	}
	if len(found) == 0 {
		return nil, inMaintenance(servers[0])
	}
	// Any order is right: this spreads load and decides nothing.
	rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	return found, nil
}

func inMaintenance(l globalconf.ServerLocation) error {
	text := "Security server \"" + l.ID.String() + "\" with address \"" + l.Address + "\" is in maintenance mode"
	if message := *l.Maintenance; message != "" {
		text += ". Message from \"" + l.ID.String() + "\" administrator: " + message
	}
	return fault.New(fault.Unavailable, "maintenance_mode", "%s", text)
}
