package local_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/deploy/local/story"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// TestTwoCentralServers runs two central servers on one PostgreSQL: each takes requests in and publishes with its own keys, pairs are found across both,
// and one that is killed takes no accepted request with it.
func TestTwoCentralServers(t *testing.T) {
	dsn := map[string]string{}
	i := startConfigured(t, instance.Config{SecondCentral: true, Databases: func(server string) string {
		if dsn[server] == "" {
			dsn[server] = testkit.Postgres(t)
		}
		return dsn[server]
	}})
	setUp := story.SetUp()
	i.tell(t, setUp[:4])
	i.join(t)
	i.tell(t, setUp[4:])
	i.sessionsAndKeys(t)
	i.publishAlike(t)

	// The first one is gone: registration of a server goes in, is paired and published at the second.
	i.Central.Kill()
	require.NoError(t, i.story.AskCentral(t.Context(), instance.SecondCentral))
	i.tell(t, story.ServerRegistration())

	// It comes back, takes a request of a client and dies with its answer sent: the second one pairs it.
	require.NoError(t, i.Central.Start(t.Context()))
	i.story.Moment = func(m story.Moment) {
		if m == story.Sent {
			i.Central.Kill()
		}
	}
	i.tell(t, []story.Step{story.Registration()})
	i.story.Moment = nil
	require.NoError(t, i.Central.Start(t.Context()))
	i.agree(t)
	i.publishAlike(t)
	i.tell(t, story.Removal())
}

// join initializes the second central server and gives it its own signing keys.
func (i *told) join(t *testing.T) {
	t.Helper()
	second, err := i.API(t.Context(), instance.SecondCentral, instance.CentralRoles...)
	require.NoError(t, err)
	initialize := func(name, pin string) error {
		return second.Call(t.Context(), http.MethodPost, "/initialization", map[string]string{
			"instance_identifier": name, "central_server_address": i.Addresses.SecondCentral(), "software_token_pin": pin,
		}, nil)
	}
	var refused *rest.Error
	require.ErrorAs(t, initialize("OTHER", i.Secret("central-pin")), &refused)
	require.Equal(t, "init_already_initialized", refused.Code)
	require.ErrorAs(t, initialize(instance.Name, "Wrong-PIN-1234"), &refused)
	require.Equal(t, "pin_incorrect", refused.Code)
	require.NoError(t, initialize(instance.Name, i.Secret("central-pin")))
	for _, source := range []string{"INTERNAL", "EXTERNAL"} {
		require.NoError(t, second.Call(t.Context(), http.MethodPost, "/configuration-sources/"+source+"/signing-keys",
			map[string]string{"key_label": "second key", "token_id": "0"}, nil))
	}
	var status struct {
		HighAvailability struct {
			Configured bool   `json:"is_ha_configured"`
			Node       string `json:"node_name"`
		} `json:"high_availability_status"`
	}
	require.NoError(t, second.Call(t.Context(), http.MethodGet, "/system/status", nil, &status))
	require.True(t, status.HighAvailability.Configured)
	require.Equal(t, "node_1", status.HighAvailability.Node)
}

// sessionsAndKeys: whoever logged in or made a key at one server is known at the other, and a revoked key is refused there within seconds.
func (i *told) sessionsAndKeys(t *testing.T) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}} //nolint:gosec // loopback
	first, second := "https://"+i.Addresses.Central()+":4000", "https://"+i.Addresses.SecondCentral()+":4000"
	get := func(address string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		for _, cookie := range jar.Cookies(r.URL) {
			if cookie.Name == "XSRF-TOKEN" {
				r.Header.Set("X-XSRF-TOKEN", cookie.Value)
			}
		}
		response, err := browser.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	response, err := browser.PostForm(first+"/login", url.Values{"username": {instance.Administrator}, "password": {i.Secret("central-password")}})
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusUnauthorized, get(second+"/api/v1/user"))
	one, err := url.Parse(first)
	require.NoError(t, err)
	two, err := url.Parse(second)
	require.NoError(t, err)
	jar.SetCookies(two, jar.Cookies(one))
	require.Equal(t, http.StatusOK, get(second+"/api/v1/user"))

	maker, err := rest.New(first)
	require.NoError(t, err)
	require.NoError(t, maker.MakeAPIKey(t.Context(), instance.Administrator, i.Secret("central-password"), instance.CentralRoles...))
	user, err := rest.New(second)
	require.NoError(t, err)
	user.UseAPIKey(maker.APIKey())
	require.NoError(t, user.Call(t.Context(), http.MethodGet, "/member-classes", nil, nil), "a key of one server works at the other")
	var keys []struct{ ID int64 }
	require.NoError(t, maker.Call(t.Context(), http.MethodGet, "/api-keys", nil, &keys))
	newest := keys[0].ID
	for _, k := range keys {
		newest = max(newest, k.ID)
	}
	require.NoError(t, maker.Call(t.Context(), http.MethodDelete, fmt.Sprintf("/api-keys/%d", newest), nil, nil))
	require.Eventually(t, func() bool {
		return user.Call(t.Context(), http.MethodGet, "/member-classes", nil, nil) != nil
	}, 5*time.Second, 100*time.Millisecond)
}

// publishAlike waits until both servers publish the same shared parameters, each in a directory that its own key signed and that one anchor verifies.
func (i *told) publishAlike(t *testing.T) {
	t.Helper()
	central, err := i.API(t.Context(), instance.SecondCentral, instance.CentralRoles...)
	require.NoError(t, err)
	data, err := central.Download(t.Context(), http.MethodGet, "/configuration-sources/INTERNAL/anchor/download", nil)
	require.NoError(t, err)
	anchor, err := globalconf.ParseAnchor(data)
	require.NoError(t, err)
	require.Len(t, anchor.Sources, 2)
	require.NotEqual(t, anchor.Sources[0].Certificates, anchor.Sources[1].Certificates)
	last := ""
	require.Eventually(t, func() bool {
		var hashes [][]byte
		for _, source := range anchor.Sources {
			directory, err := fetchDirectory(t.Context(), source)
			if err != nil {
				last = err.Error()
				return false
			}
			for _, part := range directory.Parts {
				if strings.HasPrefix(part.Identifier, "SHARED") {
					hashes = append(hashes, part.Hash)
				}
			}
		}
		last = "the shared parameters differ"
		return len(hashes) == 2 && bytes.Equal(hashes[0], hashes[1])
	}, 20*time.Second, 200*time.Millisecond, "%s", &last)
}

func fetchDirectory(ctx context.Context, source globalconf.AnchorSource) (*globalconf.Directory, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, source.DownloadURL+"?version=6", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return globalconf.OpenDirectory(data, source.Certificates, time.Now())
}
