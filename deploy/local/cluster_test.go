package local_test

import (
	"context"
	"crypto/sha1" //nolint:gosec // other servers ask for OCSP responses by it
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/deploy/local/infosystem"
	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/deploy/local/story"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// cluster is the member's security server as two programs on one database.
type cluster struct {
	*told
	second *instance.Process
	apis   [2]*rest.Client
}

// TestSecurityServerCluster runs the member's security server twice on one PostgreSQL. The second one is there before the first is initialized
// and learns everything from the database.
func TestSecurityServerCluster(t *testing.T) {
	i := start(t, "postgres")
	i.tell(t, story.SetUp())
	c := &cluster{told: i, second: i.startSecond(t)}
	i.tell(t, story.ServerRegistration())
	c.logIn(t)

	_, tenant := i.story.Tenant()
	want := map[story.Moment][]string{story.Saved: {"SAVED"}, story.Sent: {"REGISTRATION_IN_PROGRESS", "REGISTERED"}, story.Listed: {"REGISTERED"}}
	steps := story.Clients()
	i.tell(t, steps[:2])
	i.story.Moment = func(m story.Moment) {
		if statuses, ok := want[m]; ok {
			c.seen(t, 1, tenant, statuses...)
		}
	}
	i.tell(t, steps[2:])
	i.story.Moment = nil

	for n, address := range c.addresses() {
		c.greet(t, address)
		require.Equal(t, c.shown(t, c.addresses()[0], 5500), c.shown(t, address, 5500), "one authentication certificate, server %d", n)
		require.Equal(t, c.shown(t, c.addresses()[0], 8443), c.shown(t, address, 8443), "one internal TLS certificate, server %d", n)
		c.responses(t, address)
	}

	// What is changed through the second one is seen by the first, in its rows and in what its proxies keep in memory.
	c.connection(t, 1, "HTTPS")
	c.proxySays(t, c.addresses()[0], "HTTPS")
	c.connection(t, 1, "HTTP")
	c.proxySays(t, c.addresses()[0], "Hello, cluster!")
	c.change(t, 1, tenant, "disable", "DISABLED")
	c.seen(t, 0, tenant, "DISABLED")

	i.Member.Kill()
	c.greet(t, c.addresses()[1])
	c.change(t, 1, tenant, "enable", "REGISTERED")
	require.NoError(t, i.Member.Start(t.Context()))
	c.seen(t, 0, tenant, "REGISTERED")
	c.greet(t, c.addresses()[0])
	require.NoError(t, c.second.Stop())
	require.NoError(t, i.Stop())
}

func (c *cluster) addresses() [2]string {
	first := c.Addresses.Member()
	return [2]string{first, strings.TrimSuffix(first, "30") + "31"}
}

// startSecond starts another program with the member server's configuration, in a folder and on an address of its own. It shares the database,
// which is migrated and has a user already, and the PIN.
func (i *told) startSecond(t *testing.T) *instance.Process {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(i.Folder, "member", "config.yaml"))
	require.NoError(t, err)
	c := cluster{told: i}
	folder, address := filepath.Join(i.Folder, "member-2"), c.addresses()[1]
	text := strings.ReplaceAll(string(file), filepath.Join(i.Folder, "member")+"\n", folder+"\n")
	text = strings.ReplaceAll(text, "bind: "+i.Addresses.Member(), "bind: "+address)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(text), 0o600))
	p := &instance.Process{Name: "member-2", Log: filepath.Join(i.Folder, "logs", "member-2.log"), Address: address + ":4000",
		Program: []string{filepath.Join(programs, "securityserver"), "serve", "--config", filepath.Join(folder, "config.yaml")}}
	require.NoError(t, p.Start(t.Context()))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s:\n%s", p.Name, p.LastLines(25))
		}
		p.Kill()
	})
	return p
}

// logIn makes an API key at the first server and uses it at both.
func (c *cluster) logIn(t *testing.T) {
	t.Helper()
	first, err := c.API(t.Context(), "member", instance.SecurityRoles...)
	require.NoError(t, err)
	second, err := rest.New("https://" + c.addresses()[1] + ":4000")
	require.NoError(t, err)
	second.UseAPIKey(first.APIKey())
	c.apis = [2]*rest.Client{first, second}
}

// seen asks that a server shows one of these states within a second.
func (c *cluster) seen(t *testing.T, server int, id identifier.ClientID, statuses ...string) {
	t.Helper()
	begin, last := time.Now(), ""
	require.Eventually(t, func() bool {
		var view struct{ Status string }
		if err := c.apis[server].Call(t.Context(), http.MethodGet, "/clients/"+rest.Segment(id.Encoded()), nil, &view); err != nil {
			last = err.Error()
			return false
		}
		last = view.Status
		return slices.Contains(statuses, last)
	}, time.Second, 10*time.Millisecond, "wanted %v", statuses)
	t.Logf("%s seen after %d ms", last, time.Since(begin).Milliseconds())
}

func (c *cluster) change(t *testing.T, server int, id identifier.ClientID, action, after string) {
	t.Helper()
	path := "/clients/" + rest.Segment(id.Encoded())
	require.NoError(t, c.apis[server].Call(t.Context(), http.MethodPut, path+"/"+action, nil, nil))
	require.Eventually(t, func() bool {
		var view struct{ Status string }
		err := c.apis[server].Call(t.Context(), http.MethodGet, path, nil, &view)
		return err == nil && view.Status == after
	}, 20*time.Second, 100*time.Millisecond)
}

// connection sets how the caller's information systems must connect.
func (c *cluster) connection(t *testing.T, server int, kind string) {
	t.Helper()
	path := "/clients/" + rest.Segment(caller)
	require.NoError(t, c.apis[server].Call(t.Context(), http.MethodPatch, path, map[string]string{"connection_type": kind}, nil))
}

// The subsystems of the story that exchange messages.
const (
	caller   = instance.Name + ":COM:2000:portal"
	provider = instance.Name + ":GOV:1000:greeting"
)

// ask exchanges a message through the client proxy at an address, and gives the greeting or what it was refused with.
func (c *cluster) ask(t *testing.T, address string) string {
	t.Helper()
	from, err := identifier.ParseClientID(caller)
	require.NoError(t, err)
	to, err := identifier.ParseClientID(provider)
	require.NoError(t, err)
	service, err := identifier.NewService(to, infosystem.ServiceCode, infosystem.ServiceVersion)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answer, err := infosystem.Greet(ctx, "http://"+address+":8080/", from, service, "cluster")
	switch {
	case err != nil:
		return err.Error()
	case answer.Fault != nil:
		return answer.Fault.Error()
	default:
		return answer.Greeting
	}
}

// greet waits for an answer: the other server may learn of the caller with its next configuration only.
func (c *cluster) greet(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool { return c.ask(t, address) == "Hello, cluster!" }, 20*time.Second, 200*time.Millisecond, address)
}

// proxySays asks that an answer has this text within a second.
func (c *cluster) proxySays(t *testing.T, address, text string) {
	t.Helper()
	last, begin := "", time.Now()
	for time.Since(begin) < time.Second {
		if last = c.ask(t, address); strings.Contains(last, text) {
			t.Logf("%q after %d ms", last, time.Since(begin).Milliseconds())
			return
		}
	}
	require.Contains(t, last, text)
}

// shown is the certificate that a door shows.
func (c *cluster) shown(t *testing.T, address string, port int) []byte {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS13}} //nolint:gosec // it is only looked at
	connection, err := dialer.DialContext(t.Context(), "tcp", address+":"+strconv.Itoa(port))
	require.NoError(t, err)
	defer connection.Close()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
}

// responses asks a server for the OCSP response of the authentication certificate, as other servers do.
func (c *cluster) responses(t *testing.T, address string) {
	t.Helper()
	hash := sha1.Sum(c.shown(t, address, 5500)) //nolint:gosec // as above
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+":5577/?cert="+hex.EncodeToString(hash[:]), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}
