package story

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/identifier"
)

// Limits that the demonstration keeps.
const (
	readyLimit    = 2 * time.Second
	residentLimit = 100 << 20 // bytes
)

// SetUp brings an empty instance to a registered management security server with its services.
func SetUp() []Step {
	management := func(f func(context.Context, *Story, server) (string, error)) func(context.Context, *Story) (string, error) {
		return func(ctx context.Context, s *Story) (string, error) { return f(ctx, s, s.managementServer()) }
	}
	return []Step{
		{"central server: initialize the instance", initializeCentral},
		{"central server: member classes, members, provider", fillRegistry},
		{"central server: approve trust services", trustServices},
		{"central server: signing keys, anchors, first configuration", signingKeys},
		{"management server: initialize from the anchor", management(initializeServer)},
		{"management server: keys and certificates", management(ownerKeys)},
		{"management server: register", management(registerServer)},
		{"central server: register the management services", registerProvider},
		{"management server: publish the management services", publishManagementServices},
	}
}

// ServerRegistration registers the member's security server.
func ServerRegistration() []Step {
	member := func(f func(context.Context, *Story, server) (string, error)) func(context.Context, *Story) (string, error) {
		return func(ctx context.Context, s *Story) (string, error) { return f(ctx, s, s.memberServer()) }
	}
	return []Step{
		{"member server: initialize from the anchor", member(initializeServer)},
		{"member server: keys and certificates", member(ownerKeys)},
		{"member server: register", member(registerServer)},
	}
}

// Registration registers another member's subsystem at the member's security server.
func Registration() Step {
	return Step{"member server: register another member's subsystem",
		registerClient("UC MEMBER_03", (*Story).memberServer, func(n names) identifier.ClientID { return n.tenant })}
}

// Removal takes that subsystem away again.
func Removal() []Step {
	return []Step{
		{"member server: unregister the other subsystem", unregister},
		{"member server: delete it", deleteClient},
	}
}

// Clients brings the clients to the state in which messages flow.
func Clients() []Step {
	return []Step{
		{"management server: register the service's subsystem",
			registerClient("UC MEMBER_02", (*Story).managementServer, func(n names) identifier.ClientID { return n.greeter })},
		{"member server: register the owner's subsystem",
			registerClient("UC MEMBER_02", (*Story).memberServer, func(n names) identifier.ClientID { return n.caller })},
		Registration(),
		{"management server: publish the service", publishGreeting},
	}
}

// Messages exchanges a message and takes clients through the rest of their states.
func Messages() []Step {
	steps := []Step{
		{"information system: a request through both servers", exchangeMessage},
		{"both servers: signatures in the message logs", verifySignatures},
		{"member server: disable the subsystem", disable},
		{"member server: enable it again", enable},
	}
	return append(append(steps, Removal()...), Step{"all servers: quick to start, small in memory", measure})
}

// All is the whole story.
func All() []Step {
	return slices.Concat(SetUp(), ServerRegistration(), Clients(), Messages())
}

// measure keeps the promises on start and memory.
func measure(_ context.Context, s *Story) (string, error) {
	var text []string
	for _, p := range s.Instance.Processes()[2:] {
		resident := p.Resident()
		if p.Ready() > readyLimit {
			return "", fmt.Errorf("expected %s ready within %s, took %s", p.Name, readyLimit, p.Ready())
		}
		if resident > residentLimit {
			return "", fmt.Errorf("expected %s to stay under %d MB, has %d MB", p.Name, residentLimit>>20, resident>>20)
		}
		text = append(text, fmt.Sprintf("%s %d ms %d MB", p.Name, p.Ready().Milliseconds(), resident>>20))
	}
	return strings.Join(text, ", "), nil
}
