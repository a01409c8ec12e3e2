package globalconf_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/signature"
)

// source publishes one instance's configuration over HTTP and remembers what was asked for.
type source struct {
	*httptest.Server
	signer

	mu       sync.Mutex
	files    map[string][]byte // by request URI
	requests []string
}

func newSource(t *testing.T) *source {
	t.Helper()
	s := &source{signer: newSigner(t), files: map[string][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *source) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.RequestURI)
	data, ok := s.files[r.RequestURI]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(data)
}

func (s *source) put(uri string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[uri] = data
}

func (s *source) file(uri string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[uri]
}

// asked gives the requests since the last call.
func (s *source) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.requests = nil }()
	return s.requests
}

type content struct {
	identifier, instance, fileName string
	data                           []byte
}

// publish signs a directory of these parts at /conf?version=N.
func (s *source) publish(t *testing.T, version int, expire time.Time, parts ...content) {
	t.Helper()
	d := &globalconf.Directory{Expire: expire, Version: version}
	for i, p := range parts {
		location := fmt.Sprintf("/V%d/%d", version, i)
		s.put(location, p.data)
		d.Parts = append(d.Parts, globalconf.Part{Identifier: p.identifier, Instance: p.instance, Location: location, FileName: p.fileName,
			HashAlgorithm: signature.SHA512.URI, Hash: signature.SHA512.Sum(p.data)})
	}
	data, err := globalconf.SignDirectory(rand.Reader, d, s.key, s.certificate, signature.SHA512)
	require.NoError(t, err)
	s.put(fmt.Sprintf("/conf?version=%d", version), data)
}

func (s *source) anchor(instance string) *globalconf.Anchor {
	return &globalconf.Anchor{Instance: instance, Sources: []globalconf.AnchorSource{{DownloadURL: s.URL + "/conf", Certificates: [][]byte{s.certificate}}}}
}

func encoded(t *testing.T, version int, private *globalconf.PrivateParameters, shared *globalconf.SharedParameters) []content {
	t.Helper()
	var parts []content
	if private != nil {
		data, err := globalconf.EncodePrivate(version, private)
		require.NoError(t, err)
		parts = append(parts, content{globalconf.PrivateParametersID, private.InstanceIdentifier, "", data})
	}
	data, err := globalconf.EncodeShared(version, shared)
	require.NoError(t, err)
	return append(parts, content{globalconf.SharedParametersID, shared.InstanceIdentifier, "", data})
}

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClient(t *testing.T, change ...func(*globalconf.ClientConfig)) (*globalconf.Client, string, *clock) {
	t.Helper()
	c := &clock{now}
	config := globalconf.ClientConfig{Directory: t.TempDir(), HTTP: &http.Client{Timeout: 10 * time.Second}, Now: c.now, Rand: new(counter)}
	for _, f := range change {
		f(&config)
	}
	return globalconf.NewClient(config), config.Directory, c
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			found = append(found, name)
		}
		return err
	}))
	return found
}

func TestUpdateDownloadsAndKeeps(t *testing.T) {
	s := newSource(t)
	client, dir, _ := newClient(t)
	s.publish(t, 5, now.Add(time.Minute), append(encoded(t, 5, samplePrivate(t, "A B"), published(t, "A B")),
		content{"NEXTUPDATE", "", "next.xml", []byte(`<c:conf xmlns:c="http://x-road.eu/xsd/xroad.xsd"><verifyNextUpdate>false</verifyNextUpdate></c:conf>`)},
		content{"FETCHINTERVAL", "A B", "", []byte(`<c:conf xmlns:c="http://x-road.eu/xsd/xroad.xsd"><ocspFetchInterval>30</ocspFetchInterval></c:conf>`)},
		content{"SOMETHING", "A B", "some.thing", []byte("else")})...)

	got, err := client.Update(t.Context(), s.anchor("A B"))
	require.NoError(t, err)
	require.Equal(t, "A B", got.Instance())
	require.Equal(t, 5, got.Version())
	require.Equal(t, now.Add(time.Minute), got.Expires())
	require.NoError(t, got.Valid(now))
	require.Equal(t, time.Minute, got.OCSPFetchInterval(), "the smallest allowed")
	trust, err := got.Trust("A B")
	require.NoError(t, err)
	require.False(t, trust.VerifyNextUpdate)
	require.Equal(t, []string{"/conf?version=6", "/conf?version=5", "/V5/0", "/V5/1", "/V5/2", "/V5/3", "/V5/4"}, s.asked())
	require.Equal(t, []string{"A+B/3", "A+B/3.metadata", "A+B/next.xml", "A+B/next.xml.metadata", "A+B/private-params.xml", "A+B/private-params.xml.metadata",
		"A+B/shared-params.xml", "A+B/shared-params.xml.metadata", "A+B/some.thing", "A+B/some.thing.metadata", "instance-identifier"}, files(t, dir))
	metadata, err := os.ReadFile(filepath.Join(dir, "A+B", "shared-params.xml.metadata"))
	require.NoError(t, err)
	require.JSONEq(t, `{"contentIdentifier":"SHARED-PARAMETERS","instanceIdentifier":"A B","expirationDate":"2026-05-04T03:03:01Z","contentLocation":"/V5/1","configurationVersion":"5"}`, string(metadata))

	loaded, err := globalconf.Load(dir, now)
	require.NoError(t, err)
	wantShared, _ := got.Shared("A B")
	gotShared, _ := loaded.Shared("A B")
	require.Equal(t, wantShared, gotShared)
	require.Equal(t, got.Private(), loaded.Private())
	require.Equal(t, got.Expires(), loaded.Expires())
	require.Equal(t, time.Minute, loaded.OCSPFetchInterval())

	// A later round without the optional parts: their files go.
	s.publish(t, 5, now.Add(time.Hour), encoded(t, 5, samplePrivate(t, "A B"), published(t, "A B"))...)
	later, err := client.Update(t.Context(), s.anchor("A B"))
	require.NoError(t, err)
	require.Len(t, files(t, dir), 5)
	require.Equal(t, 20*time.Minute, later.OCSPFetchInterval())
	require.Equal(t, now.Add(time.Hour), later.Expires())
	sameShared, _ := later.Shared("A B")
	require.Same(t, wantShared, sameShared, "an unchanged part is not decoded again")
	require.Equal(t, []string{"/conf?version=6", "/conf?version=5"}, s.asked(), "and not downloaded again")
	laterTrust, err := later.Trust("A B")
	require.NoError(t, err)
	require.True(t, laterTrust.VerifyNextUpdate)

	again, err := client.Update(t.Context(), s.anchor("A B"))
	require.NoError(t, err)
	againTrust, err := again.Trust("A B")
	require.NoError(t, err)
	require.Same(t, laterTrust, againTrust, "what trust remembers is kept")
	s.asked()

	// A client that starts on the same folder needs no parts either; a damaged file is downloaded again.
	restarted, _, _ := newClient(t, func(c *globalconf.ClientConfig) { c.Directory = dir })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "A+B", "shared-params.xml"), []byte("damaged"), 0o600))
	_, err = restarted.Update(t.Context(), s.anchor("A B"))
	require.NoError(t, err)
	require.Equal(t, []string{"/conf?version=6", "/conf?version=5", "/V5/1"}, s.asked())
	_, err = globalconf.Load(dir, now)
	require.NoError(t, err)
}

func TestUpdateRefusals(t *testing.T) {
	shared, private := published(t, "TEST"), samplePrivate(t, "TEST")
	good := func(t *testing.T, s *source) {
		s.publish(t, 6, now.Add(time.Minute), encoded(t, 6, private, shared)...)
	}
	for name, c := range map[string]struct {
		publish func(t *testing.T, s *source)
		code    string
	}{
		"nothing there": {func(*testing.T, *source) {}, "global_conf_get_version_failed"},
		"unreachable":   {func(_ *testing.T, s *source) { s.Close() }, "global_conf_download_url_connection_failure"},
		"expired": {func(t *testing.T, s *source) {
			s.publish(t, 6, now.Add(-time.Second), encoded(t, 6, private, shared)...)
		}, "global_conf_outdated"},
		"other instance": {func(t *testing.T, s *source) {
			s.publish(t, 6, now, encoded(t, 6, samplePrivate(t, "OTHER"), published(t, "OTHER"))...)
		}, "global_conf_part_invalid_instance_identifier"},
		"for other instances": {func(t *testing.T, s *source) { s.publish(t, 6, now, encoded(t, 6, nil, shared)...) }, "conf_verification.missing_private_params"},
		"instance in the part differs": {func(t *testing.T, s *source) {
			parts := encoded(t, 6, private, published(t, "OTHER"))
			parts[1].instance = "TEST"
			s.publish(t, 6, now, parts...)
		}, "global_conf_part_invalid_instance_identifier"},
		"other key":         {func(t *testing.T, s *source) { s.signer = newSigner(t); good(t, s) }, "global_conf_missing_verification_cert"},
		"tampered part":     {func(t *testing.T, s *source) { good(t, s); s.put("/V6/1", append(s.file("/V6/1"), ' ')) }, "global_conf_part_downloaded_file_integrity_failure"},
		"missing part":      {func(t *testing.T, s *source) { good(t, s); s.put("/V6/1", nil); delete(s.files, "/V6/1") }, "global_conf_part_download_failure"},
		"part of other age": {func(t *testing.T, s *source) { p := encoded(t, 6, private, shared); s.publish(t, 5, now, p...) }, "malformed_global_conf"},
		"part twice": {func(t *testing.T, s *source) {
			p := encoded(t, 6, private, shared)
			s.publish(t, 6, now, append(p, p[1])...)
		}, "global_conf_parsing_downloaded_conf_directory_failure"},
		"huge directory":  {func(_ *testing.T, s *source) { s.put("/conf?version=6", make([]byte, 2<<20)) }, "global_conf_parsing_downloaded_conf_directory_failure"},
		"not a directory": {func(_ *testing.T, s *source) { s.put("/conf?version=6", []byte("<html>")) }, "global_conf_header_field_wrong_value"},
		"bad optional part": {func(t *testing.T, s *source) {
			s.publish(t, 6, now, append(encoded(t, 6, private, shared), content{"NEXTUPDATE", "TEST", "n.xml", []byte("<a/>")})...)
		}, "malformed_optional_parts_conf"},
		"file name leaves the folder": {func(t *testing.T, s *source) {
			s.publish(t, 6, now, append(encoded(t, 6, private, shared), content{"X", "TEST", "../x", []byte("x")})...)
		}, "global_conf_part_file_save_failure"},
		"file name hides another": {func(t *testing.T, s *source) {
			s.publish(t, 6, now, append(encoded(t, 6, private, shared), content{"X", "TEST", "shared-params.xml", []byte("x")})...)
		}, "global_conf_part_file_save_failure"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			anchor := s.anchor("TEST")
			client, dir, _ := newClient(t)
			good(t, s)
			_, err := client.Update(t.Context(), anchor)
			require.NoError(t, err)
			before := files(t, dir)
			s.mu.Lock()
			clear(s.files)
			s.mu.Unlock()

			c.publish(t, s)
			fresh, freshDir, _ := newClient(t)
			for _, one := range []*globalconf.Client{client, fresh} {
				if one == client && strings.Contains(name, "part") && name != "instance in the part differs" {
					continue // it has the parts already and does not ask for them
				}
				got, err := one.Update(t.Context(), anchor)
				require.Nil(t, got)
				require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
			}
			require.Equal(t, before, files(t, dir))
			require.Empty(t, files(t, freshDir))
			kept, err := globalconf.Load(dir, now)
			require.NoError(t, err)
			require.NoError(t, kept.Valid(now))
		})
	}
}

func TestSecondSourceHelps(t *testing.T) {
	broken, good := newSource(t), newSource(t)
	broken.Close()
	good.publish(t, 2, now.Add(time.Minute), encoded(t, 2, samplePrivate(t, "TEST"), published(t, "TEST"))...)
	anchor := good.anchor("TEST")
	anchor.Sources = slices.Insert(anchor.Sources, 0, broken.anchor("TEST").Sources[0])
	anchor.Sources[0].DownloadURL = strings.Replace(anchor.Sources[0].DownloadURL, "http:", "https:", 1) // https comes first
	client, _, _ := newClient(t)
	got, err := client.Update(t.Context(), anchor)
	require.NoError(t, err)
	require.Equal(t, 2, got.Version())
	require.Equal(t, []string{"/conf?version=6", "/conf?version=5", "/conf?version=4", "/conf?version=3", "/conf?version=2", "/V2/0", "/V2/1"}, good.asked())
}

func TestURLThatNamesItsVersion(t *testing.T) {
	s := newSource(t)
	s.publish(t, 3, now.Add(time.Minute), encoded(t, 3, samplePrivate(t, "TEST"), published(t, "TEST"))...)
	anchor := s.anchor("TEST")
	anchor.Sources[0].DownloadURL += "?version=3"
	client, _, _ := newClient(t)
	_, err := client.Update(t.Context(), anchor)
	require.NoError(t, err)
	require.Equal(t, "/conf?version=3", s.asked()[0])
}

func TestSourcesOfSharedParametersAreFollowed(t *testing.T) {
	old, moved := newSource(t), newSource(t)
	shared := published(t, "TEST")
	shared.Sources = []globalconf.Source{{Address: strings.TrimPrefix(moved.URL, "http://"), InternalCertificates: [][]byte{moved.certificate}}}
	old.publish(t, 6, now.Add(time.Minute), encoded(t, 6, samplePrivate(t, "TEST"), shared)...)
	client, dir, _ := newClient(t)
	anchor := old.anchor("TEST")
	_, err := client.Update(t.Context(), anchor)
	require.NoError(t, err)

	// The old server is gone and the new one signs with a key that no anchor knows.
	old.Close()
	moved.publish(t, 6, now.Add(time.Hour), encoded(t, 6, samplePrivate(t, "TEST"), shared)...)
	for _, c := range []*globalconf.Client{client, func() *globalconf.Client {
		restarted, _, _ := newClient(t, func(c *globalconf.ClientConfig) { c.Directory = dir })
		return restarted
	}()} {
		got, err := c.Update(t.Context(), anchor)
		require.NoError(t, err)
		require.Equal(t, now.Add(time.Hour), got.Expires())
	}
}

func TestFederation(t *testing.T) {
	s, other := newSource(t), newSource(t)
	private := samplePrivate(t, "TEST")
	private.Anchors = []globalconf.Anchor{*other.anchor("OTHER")}
	s.publish(t, 6, now.Add(time.Hour), encoded(t, 6, private, published(t, "TEST"))...)
	// The other instance also claims to know something of TEST, which nobody may believe.
	other.publish(t, 6, now.Add(time.Minute), append(encoded(t, 6, samplePrivate(t, "OTHER"), published(t, "OTHER")), content{globalconf.SharedParametersID, "TEST", "", []byte("lies")})...)

	for allowed, want := range map[string][]string{"none": {"TEST"}, "": {"TEST"}, "all": {"TEST", "OTHER"}, "x, other": {"TEST", "OTHER"}, "all,none": {"TEST"}, "x": {"TEST"}} {
		client, _, _ := newClient(t, func(c *globalconf.ClientConfig) { c.Federations = globalconf.ParseFederations(allowed) })
		got, err := client.Update(t.Context(), s.anchor("TEST"))
		require.NoError(t, err)
		require.Equal(t, want, got.Instances(), allowed)
	}

	client, dir, c := newClient(t, func(c *globalconf.ClientConfig) { c.Federations = globalconf.ParseFederations("all") })
	got, err := client.Update(t.Context(), s.anchor("TEST"))
	require.NoError(t, err)
	require.Contains(t, files(t, dir), "OTHER/shared-params.xml")
	require.NotContains(t, files(t, dir), "OTHER/private-params.xml")

	other.Close() // it keeps what it had, until that expires
	kept, err := client.Update(t.Context(), s.anchor("TEST"))
	require.NoError(t, err)
	require.Equal(t, []string{"TEST", "OTHER"}, kept.Instances())
	c.at = now.Add(2 * time.Minute)
	expired, err := client.Update(t.Context(), s.anchor("TEST"))
	require.NoError(t, err)
	require.Equal(t, []string{"TEST"}, expired.Instances())
	require.Equal(t, []string{"TEST"}, got.At(c.at).Instances())
	require.Equal(t, []string{"TEST", "OTHER"}, got.Instances(), "a snapshot does not change")
	loaded, err := globalconf.Load(dir, c.at)
	require.NoError(t, err)
	require.Equal(t, []string{"TEST"}, loaded.Instances())

	// No longer federated: its folder goes.
	s.publish(t, 6, now.Add(time.Hour), encoded(t, 6, &globalconf.PrivateParameters{InstanceIdentifier: "TEST", ManagementService: private.ManagementService}, published(t, "TEST"))...)
	_, err = client.Update(t.Context(), s.anchor("TEST"))
	require.NoError(t, err)
	require.NotContains(t, files(t, dir), "OTHER/shared-params.xml")
}

func TestProxyDirectoryWithSeveralInstances(t *testing.T) {
	s := newSource(t)
	s.publish(t, 6, now.Add(time.Hour), append(encoded(t, 6, samplePrivate(t, "TEST"), published(t, "TEST")), encoded(t, 6, nil, published(t, "OTHER"))...)...)
	client, _, _ := newClient(t, func(c *globalconf.ClientConfig) { c.Federations = globalconf.ParseFederations("OTHER") })
	got, err := client.Update(t.Context(), s.anchor("TEST"))
	require.NoError(t, err)
	require.Equal(t, []string{"TEST", "OTHER"}, got.Instances())
	strict, _, _ := newClient(t)
	got, err = strict.Update(t.Context(), s.anchor("TEST"))
	require.NoError(t, err)
	require.Equal(t, []string{"TEST"}, got.Instances())
}

func TestUpdateStopsWithItsContext(t *testing.T) {
	s := newSource(t)
	client, _, _ := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Update(ctx, s.anchor("TEST"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestUpdatesAtOnce(t *testing.T) {
	s := newSource(t)
	s.publish(t, 6, now.Add(time.Minute), encoded(t, 6, samplePrivate(t, "TEST"), published(t, "TEST"))...)
	client, _, _ := newClient(t)
	var group sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		group.Go(func() { _, results[i] = client.Update(context.Background(), s.anchor("TEST")) })
	}
	group.Wait()
	require.NoError(t, errors.Join(results...))
}

func TestLoadOfNothing(t *testing.T) {
	_, err := globalconf.Load(t.TempDir(), now)
	require.Equal(t, "malformed_global_conf", fault.CodeOf(err))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// published is the sample without certificates of its sources, so that nobody looks for them on the network.
func published(t *testing.T, instance string) *globalconf.SharedParameters {
	p := sample(t, instance)
	p.Sources = []globalconf.Source{{Address: "cs.example.org"}}
	return p
}
