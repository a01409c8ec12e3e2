package local_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/deploy/local/story"
)

// deaths are the servers that die and the moments of a registration at which they do.
func deaths(i *instance.Instance) []death {
	var all []death
	for _, moment := range story.Moments {
		for _, p := range []*instance.Process{i.Central, i.Management, i.Member} {
			all = append(all, death{moment, p})
		}
	}
	return all
}

type death struct {
	moment story.Moment
	who    *instance.Process
}

// TestKilledServersComeBack kills each server as a power cut would at every moment of a client's registration, starts it again, and sees the registration
// complete without anything that contradicts the registry.
func TestKilledServersComeBack(t *testing.T) {
	i := start(t, "sqlite")
	i.tell(t, append(story.SetUp(), story.ServerRegistration()...))
	for _, d := range deaths(i.Instance) {
		t.Run(string(d.moment)+" "+d.who.Name, func(t *testing.T) {
			var once sync.Once
			var restarted sync.WaitGroup
			i.story.Moment = func(m story.Moment) {
				if m == d.moment {
					once.Do(func() { i.kill(t, d, &restarted) })
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
	require.Len(t, deaths(i.Instance), len(story.Moments)*3)
}

// kill ends the server and starts it again. While a request is under way it does so a little later, so that the server dies with the request in its hands.
func (i *told) kill(t *testing.T, d death, restarted *sync.WaitGroup) {
	if d.moment == story.Sending {
		i.killAfter(t, d.who, 8*time.Millisecond, restarted) // an accepted registration takes about fifteen
		return
	}
	i.restart(t, d.who)
}

func (i *told) killAfter(t *testing.T, p *instance.Process, delay time.Duration, restarted *sync.WaitGroup) {
	restarted.Go(func() {
		<-time.After(delay)
		i.restart(t, p)
	})
}

func (i *told) restart(t *testing.T, p *instance.Process) {
	p.Kill()
	if err := p.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("starting %s again: %v", p.Name, err)
	}
}

// forgotten waits until the member server's configuration does not list the client any more: added again before that it would be registered at once.
func (i *told) forgotten(t *testing.T) {
	t.Helper()
	member, err := i.API(t.Context(), "member", instance.SecurityRoles...)
	require.NoError(t, err)
	_, client := i.story.Tenant()
	require.Eventually(t, func() bool {
		var servers []any
		err := member.Call(t.Context(), http.MethodGet, "/clients/"+rest.Segment(client.Encoded())+"/security-servers", nil, &servers)
		return err == nil && len(servers) == 0
	}, 20*time.Second, 100*time.Millisecond)
}

// agree compares what the security server believes of its client with what the registry says.
func (i *told) agree(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	central, err := i.API(ctx, "central", instance.CentralRoles...)
	require.NoError(t, err)
	member, err := i.API(ctx, "member", instance.SecurityRoles...)
	require.NoError(t, err)
	server, client := i.story.Tenant()
	var local struct{ Status string }
	require.NoError(t, member.Call(ctx, http.MethodGet, "/clients/"+rest.Segment(client.Encoded()), nil, &local))
	require.Equal(t, "REGISTERED", local.Status)
	var listed struct {
		Clients []struct {
			ID struct {
				Encoded string `json:"encoded_id"`
			} `json:"client_id"`
		}
	}
	query := url.Values{"security_server": {server.Encoded()}, "client_type": {"SUBSYSTEM"}}
	require.NoError(t, central.Call(ctx, http.MethodGet, "/clients?"+query.Encode(), nil, &listed))
	found := 0
	for _, c := range listed.Clients {
		if c.ID.Encoded == client.Encoded() {
			found++
		}
	}
	require.Equal(t, 1, found, "the registry lists the client once at the server")
	var pending struct{ Items []any }
	require.NoError(t, central.Call(ctx, http.MethodGet, "/management-requests?"+url.Values{"status": {"WAITING"}}.Encode(), nil, &pending))
	require.Empty(t, pending.Items, "no request is left waiting")
	require.NoError(t, central.Call(ctx, http.MethodGet, "/management-requests?"+url.Values{"status": {"SUBMITTED FOR APPROVAL"}}.Encode(), nil, &pending))
	require.Empty(t, pending.Items, "no pair is left to be approved")
}
