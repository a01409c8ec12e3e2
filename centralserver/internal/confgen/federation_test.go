package confgen_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/signature"
)

// other publishes the external configuration of another instance and gives its anchor.
func other(t *testing.T, instance string, now time.Time) *globalconf.Anchor {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "externalSigningKey"}, NotAfter: now.AddDate(1, 0, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	shared, err := globalconf.EncodeShared(globalconf.MaxVersion, &globalconf.SharedParameters{InstanceIdentifier: instance,
		Sources: []globalconf.Source{{Address: "127.0.0.1", InternalCertificates: [][]byte{certificate}, ExternalCertificates: [][]byte{certificate}}}})
	require.NoError(t, err)
	hash := sha512.Sum512(shared)
	directory, err := globalconf.SignDirectory(rand.Reader, &globalconf.Directory{Expire: now.Add(10 * time.Minute), Version: globalconf.MaxVersion,
		Parts: []globalconf.Part{{Identifier: globalconf.SharedParametersID, Instance: instance, Location: "/V6/1/shared-params.xml",
			HashAlgorithm: signature.SHA512.URI, Hash: hash[:]}}}, key, certificate, signature.SHA512)
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data := map[string][]byte{"/externalconf": directory, "/V6/1/shared-params.xml": shared}[r.URL.Path]
		if data == nil {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(server.Close)
	return &globalconf.Anchor{GeneratedAt: now, Instance: instance, Sources: []globalconf.AnchorSource{
		{DownloadURL: server.URL + "/externalconf", Certificates: [][]byte{certificate}}}}
}

// TestFederation trusts another instance until it does not: security servers that allow it then see its members.
func TestFederation(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		anchor := other(t, "OTHER", b.now)
		file := anchor.Encode()
		preview, err := b.service.PreviewTrustedAnchor(file)
		require.NoError(t, err)
		require.Equal(t, confgen.TrustedAnchor{Instance: "OTHER", Data: file, Hash: globalconf.AnchorHash(file), GeneratedAt: b.now}, *preview)
		added, err := b.service.AddTrustedAnchor(b.do("Add trusted anchor"), file)
		require.NoError(t, err)
		require.Equal(t, preview, added)
		last := b.events()[len(b.events())-1]
		require.Contains(t, last, `"data":{"anchorFileHash":"`+added.Hash+`","anchorFileHashAlgorithm":"SHA-224","instanceIdentifier":"OTHER","generatedAt":"2026-11-20T12:00:00Z","anchorUrls":["`)

		instances := func() []string {
			t.Helper()
			require.NoError(t, b.service.Generate(t.Context()))
			stored, err := b.service.Anchor(t.Context(), confgen.Internal)
			require.NoError(t, err)
			own, err := globalconf.ParseAnchor(stored.Data)
			require.NoError(t, err)
			client := globalconf.NewClient(globalconf.ClientConfig{Directory: t.TempDir(), Now: func() time.Time { return b.now }, Federations: globalconf.ParseFederations("all")})
			snapshot, err := client.Update(t.Context(), own)
			require.NoError(t, err)
			return snapshot.Instances()
		}
		require.ElementsMatch(t, []string{"TEST", "OTHER"}, instances())

		b.now = b.now.Add(time.Minute)
		newer := other(t, "OTHER", b.now).Encode()
		replaced, err := b.service.AddTrustedAnchor(b.do("Add trusted anchor"), newer)
		require.NoError(t, err)
		list, err := b.service.TrustedAnchors(t.Context())
		require.NoError(t, err)
		require.Equal(t, []confgen.TrustedAnchor{*replaced}, list, "an instance has one anchor")
		found, err := b.service.TrustedAnchor(t.Context(), replaced.Hash)
		require.NoError(t, err)
		require.Equal(t, newer, found.Data)
		require.Equal(t, "configuration_anchor_OTHER_external_UTC_2026-11-20_12_01_00.xml", found.FileName())

		require.NoError(t, b.service.DeleteTrustedAnchor(b.do("Delete trusted anchor"), replaced.Hash))
		require.Equal(t, []string{"TEST"}, instances())
	})
}

func TestTrustedAnchorRefusals(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		add := func(anchor *globalconf.Anchor) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := b.service.AddTrustedAnchor(ctx, anchor.Encode())
				return err
			}
		}
		wrongKey := other(t, "OTHER", b.now)
		wrongKey.Sources[0].Certificates = other(t, "OTHER", b.now).Sources[0].Certificates
		wrongInstance := other(t, "OTHER", b.now)
		wrongInstance.Instance = "THIRD"
		silent := other(t, "OTHER", b.now)
		silent.Sources[0].DownloadURL = "http://127.0.0.1:1/externalconf"
		events := len(b.events())
		for name, c := range map[string]struct {
			do            func(context.Context) error
			code, message string
		}{
			"not an anchor": {func(ctx context.Context) error { _, err := b.service.AddTrustedAnchor(ctx, []byte("<a/>")); return err },
				"malformed_anchor", "Malformed anchor file"},
			"own instance":    {add(other(t, "TEST", b.now)), "trusted_anchor_verification_failed", "Trusted anchor file verification failed"},
			"another's key":   {add(wrongKey), "trusted_anchor_verification_failed", "Trusted anchor file verification failed"},
			"other instance":  {add(wrongInstance), "trusted_anchor_verification_failed", "Trusted anchor file verification failed"},
			"expired":         {add(other(t, "OTHER", b.now.Add(-time.Hour))), "trusted_anchor_verification_failed", "Trusted anchor file verification failed"},
			"nobody there":    {add(silent), "trusted_anchor_verification_failed", "Trusted anchor file verification failed"},
			"unknown deleted": {func(ctx context.Context) error { return b.service.DeleteTrustedAnchor(ctx, "AA") }, "trusted_anchor_not_found", "Trusted anchor 'AA' not found"},
		} {
			err := c.do(b.do("Test event"))
			require.Equal(t, c.code, fault.CodeOf(err), name)
			require.Equal(t, c.message, fault.From(err).Message, name)
		}
		list, err := b.service.TrustedAnchors(t.Context())
		require.NoError(t, err)
		require.Empty(t, list)
		require.Len(t, b.events(), events)
		_, err = b.service.PreviewTrustedAnchor([]byte("x"))
		require.Equal(t, "malformed_anchor", fault.CodeOf(err))
		_, err = b.service.TrustedAnchor(t.Context(), "AA")
		require.Equal(t, "trusted_anchor_not_found", fault.CodeOf(err))
	})
}
