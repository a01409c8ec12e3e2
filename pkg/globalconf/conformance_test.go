//go:build conformance

package globalconf_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/testkit"
)

func shared(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(testkit.Shared(t, path))
	require.NoError(t, err)
	return data
}

func TestConformanceTreesOfXRoad(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for tree, want := range map[string]struct {
		instances []string
		version   int
	}{
		"vectors/globalconf-parts/globalconf_good_v2":  {[]string{"EE", "bar", "foo"}, 2},
		"vectors/globalconf-parts/globalconf_good_v3":  {[]string{"EE", "bar", "foo_v2"}, 3},
		"vectors/globalconf-parts/globalconf_good_v4":  {[]string{"EE", "bar", "baz_v3", "foo_v2"}, 4},
		"vectors/globalconf-parts/globalconf_good_v5":  {[]string{"EE", "bar", "baz_v3", "foo_v2", "qux_v4"}, 5},
		"vectors/globalconf-parts/globalconf_good_v6":  {[]string{"EE", "bar", "baz_v3", "foo_v2", "quux_v5", "qux_v4"}, 6},
		"vectors/globalconf-parts/globalconf_good2_v3": {[]string{"DEV"}, 3},
		"vectors/management/globalconf":                {[]string{"EE"}, 2},
	} {
		t.Run(filepath.Base(tree), func(t *testing.T) {
			s, err := globalconf.Load(testkit.Shared(t, tree), at)
			require.NoError(t, err)
			require.Equal(t, want.instances, s.Instances())
			require.Equal(t, want.version, s.Version())
			for _, instance := range s.Instances() {
				_, err := s.Trust(instance)
				require.NoError(t, err)
			}
			if s.Private() != nil {
				require.NoError(t, s.Valid(at))
			}
		})
	}
}

func TestConformanceLookUps(t *testing.T) {
	// From version 3 on the vectors hold hashes of the PEM file instead of the certificate.
	file := shared(t, "vectors/certs/producer.pem")
	certificate, _ := pem.Decode(file)
	foo := member(t, "EE", "BUSINESS", "foo")
	producer, consumer := member(t, "EE", "BUSINESS", "producer"), member(t, "EE", "BUSINESS", "consumer")
	fooServer := server(t, foo, "fooServerCode")
	for version := 2; version <= 6; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s, err := globalconf.Load(testkit.Shared(t, fmt.Sprintf("vectors/globalconf-parts/globalconf_good_v%d", version)), now)
			require.NoError(t, err)
			server := server(t, producer, "producerServerCode")
			require.True(t, s.HasServer(server))
			address, ok := s.Address(server)
			require.True(t, ok)
			require.Equal(t, "127.0.0.1", address)
			require.True(t, s.Lists(server, producer))
			require.True(t, s.Lists(server, consumer))
			require.False(t, s.Lists(server, subsystem(t, foo, "barsubsystemId")))
			name, ok := s.MemberName(consumer)
			require.True(t, ok)
			require.NotEmpty(t, name)
			found, ok := s.ServerByAuthCertificate(file)
			if version == 2 {
				server = fooServer
				found, ok = s.ServerByAuthCertificate(certificate.Bytes)
			}
			require.True(t, ok)
			require.Equal(t, server, found)
			require.Contains(t, s.MemberClasses("EE"), "BUSINESS")
			group, err := identifier.NewGlobalGroup("EE", "Test group")
			require.NoError(t, err)
			require.True(t, s.InGroup(group, subsystem(t, member(t, "EE", "BUSINESS", "member1"), "subsys")))
			require.True(t, s.InGroup(group, member(t, "EE", "BUSINESS", "member2")))
			require.False(t, s.InGroup(group, member(t, "EE", "BUSINESS", "member1")))
			if version >= 5 {
				name, ok := s.SubsystemName(subsystem(t, foo, "foosubsystem"))
				require.True(t, ok)
				require.Equal(t, "FOO Subsystem", name)
			}
		})
	}
}

func TestConformanceBadTrees(t *testing.T) {
	for tree, text := range map[string]string{
		"vectors/globalconf-parts/globalconf_empty":              "has no shared parameters",
		"vectors/globalconf-parts/globalconf_malformed":          "has no shared parameters",
		"vectors/globalconf-parts/globalconf_missing_identifier": "has no instance identifier",
	} {
		_, err := globalconf.Load(testkit.Shared(t, tree), now)
		require.Equal(t, "malformed_global_conf", fault.CodeOf(err), tree)
		require.ErrorContains(t, err, text)
	}
}

func TestConformanceVersionsAreNotMixed(t *testing.T) {
	for version := 3; version <= 6; version++ {
		data := shared(t, fmt.Sprintf("vectors/globalconf-parts/globalconf_good_v%d/foo_v2/shared-params.xml", version))
		if version > 2 {
			_, err := globalconf.DecodeShared(2, data)
			require.NoError(t, err)
			_, err = globalconf.DecodeShared(version, data)
			require.Error(t, err)
		}
	}
	_, err := globalconf.DecodeShared(6, shared(t, "vectors/globalconf-parts/xxe/test-part-with-xxe.xml"))
	require.ErrorContains(t, err, "document type declarations are not allowed")
}

func TestConformanceOwnFilesFitXRoadsSchemas(t *testing.T) {
	validate(t, testkit.Shared(t, "schemas/globalconf/v2/private-parameters.xsd"), sampleAnchor().Encode())
	for version := globalconf.MinVersion; version <= globalconf.MaxVersion; version++ {
		data, err := globalconf.EncodeShared(version, sample(t, "TEST"))
		require.NoError(t, err)
		validate(t, testkit.Shared(t, fmt.Sprintf("schemas/globalconf/v%d/shared-parameters.xsd", version)), data)
		private, err := globalconf.EncodePrivate(version, samplePrivate(t, "TEST"))
		require.NoError(t, err)
		validate(t, testkit.Shared(t, fmt.Sprintf("schemas/globalconf/v%d/private-parameters.xsd", min(version, 3))), private)
	}
}

func TestConformanceXRoadsFilesFitOwnSchemas(t *testing.T) {
	for version := 2; version <= 6; version++ {
		tree := fmt.Sprintf("vectors/globalconf-parts/globalconf_good_v%d/EE/", version)
		validate(t, ownSchema(t, fmt.Sprintf("shared-parameters-v%d.xsd", version)), shared(t, tree+"shared-params.xml"))
		validate(t, ownSchema(t, fmt.Sprintf("private-parameters-v%d.xsd", min(version, 3))), shared(t, tree+"private-params.xml"))
	}
	validate(t, ownSchema(t, "anchor.xsd"), shared(t, "vectors/globalconf-parts/configuration-anchor1.xml"))
}

func TestConformanceXRoadsFilesSurviveRewriting(t *testing.T) {
	for version := 3; version <= 6; version++ { // the vector of version 2 has a hash that its version does not know
		read, err := globalconf.DecodeShared(version, shared(t, fmt.Sprintf("vectors/globalconf-parts/globalconf_good_v%d/EE/shared-params.xml", version)))
		require.NoError(t, err)
		data, err := globalconf.EncodeShared(version, read)
		require.NoError(t, err)
		again, err := globalconf.DecodeShared(version, data)
		require.NoError(t, err)
		require.Equal(t, read, again)
	}
}

func TestConformanceAnchors(t *testing.T) {
	for file, instance := range map[string]string{
		"vectors/globalconf-parts/configuration-anchor1.xml":         "EE",
		"vectors/globalconf-parts/trusted-anchor/trusted-anchor.xml": "",
		"vectors/globalconf-parts/confproxy/PROXY1/anchor.xml":       "",
		"vectors/globalconf-signed/configuration-anchor1.xml":        "EE",
		"vectors/made-by-xroad-7.2.2/anchor.xml":                     "DEV",
	} {
		a, err := globalconf.ParseAnchor(shared(t, file))
		require.NoError(t, err, file)
		require.NotEmpty(t, a.Sources)
		if instance != "" {
			require.Equal(t, instance, a.Instance)
		}
		again, err := globalconf.ParseAnchor(a.Encode())
		require.NoError(t, err)
		require.Equal(t, a, again)
	}
}

func TestConformanceSignedDirectories(t *testing.T) {
	consumer, _ := pem.Decode(shared(t, "vectors/certs/consumer.pem"))
	producer, _ := pem.Decode(shared(t, "vectors/certs/producer.pem"))
	certificates := [][]byte{producer.Bytes, consumer.Bytes}
	at := time.Date(2026, 5, 20, 17, 42, 55, 0, time.UTC)
	for _, c := range []struct {
		file         string
		certificates [][]byte
		at           time.Time
		code         string
	}{
		{"test-conf-simple.txt", certificates, at, ""},
		{"test-conf-simple.txt", certificates, at.Add(time.Second), "global_conf_outdated"},
		{"test-conf-simple.txt", certificates[:1], at, "global_conf_missing_verification_cert"},
		{"test-conf-detached.txt", certificates, at, ""},
		{"test-conf-invalid-signature.txt", certificates, at, "global_conf_signature_verification_failure"},
		{"test-conf-missing-date.txt", certificates, at, "global_conf_header_field_missing"},
		{"conf1.txt", certificates, at, "global_conf_header_field_missing"}, // of the signature: the sample names no certificate
	} {
		d, err := globalconf.OpenDirectory(shared(t, "vectors/globalconf-signed/"+c.file), c.certificates, c.at)
		require.Equal(t, c.code, fault.CodeOf(err), "%s: %v", c.file, err)
		if err != nil {
			require.Nil(t, d)
			continue
		}
		require.Equal(t, 2, d.Version)
		require.Equal(t, at, d.Expire)
		require.Equal(t, "PRIVATE-PARAMETERS", d.Parts[0].Identifier)
		require.Equal(t, "EE", d.Parts[0].Instance)
	}
	_, err := globalconf.OpenDirectory(shared(t, "vectors/globalconf-signed/test-conf-simple.txt"), certificates, at.Add(time.Second))
	require.Equal(t, "Configuration instance EE expired on 2026-05-20T17:42:55Z", fault.From(err).Message)
}

func TestConformancePartsMatchTheirDeclaredHashes(t *testing.T) {
	consumer, _ := pem.Decode(shared(t, "vectors/certs/consumer.pem"))
	at := time.Date(2026, 5, 20, 0, 0, 0, 0, time.UTC)
	d, err := globalconf.OpenDirectory(shared(t, "vectors/globalconf-signed/test-conf-simple.txt"), [][]byte{consumer.Bytes}, at)
	require.NoError(t, err)
	require.Len(t, d.Parts, 3)
	for i, file := range []string{"private-params.xml", "shared-params.xml", "foo.xml"} {
		digest, err := signature.DigestByURI(d.Parts[i].HashAlgorithm)
		require.NoError(t, err)
		require.Equal(t, d.Parts[i].Hash, digest.Sum(shared(t, "vectors/globalconf-signed/test-conf-simple/EE/"+file)), file)
	}
}

// recorder notes where a client goes and lets it reach nothing.
type recorder []string

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	*r = append(*r, request.URL.String())
	return nil, errors.New("no network")
}

func TestConformanceSourceLocations(t *testing.T) {
	for tree, want := range map[string][]string{
		"V2":            {"http://anchor/internalconf?version=6"},
		"V3":            {"https://node1/internalconf?version=6", "http://node1/internalconf?version=6", "http://anchor/internalconf?version=6"},
		"V3-many-nodes": {"https://node1/", "https://node2/", "https://node3/", "http://node1/", "http://node2/", "http://node3/", "http://anchor/"},
	} {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(testkit.Shared(t, "vectors/globalconf-signed/"+tree))))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "instance-identifier"), []byte("EE"), 0o600))
		var asked recorder
		client := globalconf.NewClient(globalconf.ClientConfig{Directory: dir, HTTP: &http.Client{Transport: &asked}, Now: func() time.Time { return now }})
		_, err := client.Update(t.Context(), &globalconf.Anchor{Instance: "EE", Sources: []globalconf.AnchorSource{{DownloadURL: "http://anchor/internalconf", Certificates: [][]byte{{1}}}}})
		require.Equal(t, "global_conf_download_url_connection_failure", fault.CodeOf(err))
		if tree != "V3-many-nodes" {
			require.Equal(t, want, []string(asked), tree)
			continue
		}
		require.Len(t, asked, len(want), "%v", asked)
		half := len(want) / 2
		for i := range want {
			require.True(t, i < half == (asked[i][:8] == "https://"), "https comes first: %v", asked)
		}
		require.Equal(t, "http://anchor/internalconf?version=6", asked[len(want)-1])
	}
}

func TestConformanceOptionalParts(t *testing.T) {
	for file, valid := range map[string]bool{
		"valid-monitoring-params.xml": true, "valid-fetchinterval-params.xml": true, "valid-nextupdate-params.xml": true, "empty-monitoring-params.xml": true,
		"invalid-monitoring-params.xml": false, "invalid-fetchinterval-params.xml": false, "invalid-nextupdate-params.xml": false,
		"empty-fetchinterval-params.xml": false, "empty-nextupdate-params.xml": false,
	} {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(testkit.Shared(t, "vectors/globalconf-parts/globalconf_good_v6"))))
		_, name, _ := strings.Cut(file, "-")
		identifier, _, _ := strings.Cut(name, "-")
		stored := filepath.Join(dir, "EE", name)
		require.NoError(t, os.WriteFile(stored, shared(t, "vectors/globalconf-parts/"+file), 0o600))
		require.NoError(t, os.WriteFile(stored+".metadata", fmt.Appendf(nil, `{"contentIdentifier":%q,"instanceIdentifier":"EE"}`, strings.ToUpper(identifier)), 0o600))
		s, err := globalconf.Load(dir, now)
		if !valid {
			require.Equal(t, "malformed_optional_parts_conf", fault.CodeOf(err), file)
			continue
		}
		require.NoError(t, err, file)
		switch file {
		case "valid-monitoring-params.xml":
			require.Equal(t, member(t, "fdev", "GOV", "66655666"), s.MonitoringClient())
		case "valid-fetchinterval-params.xml":
			require.Equal(t, 500*time.Second, s.OCSPFetchInterval())
		case "valid-nextupdate-params.xml":
			trust, err := s.Trust("EE")
			require.NoError(t, err)
			require.False(t, trust.VerifyNextUpdate)
		}
	}
}
