package confgen_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
)

const nextUpdate = `<?xml version="1.0" encoding="UTF-8"?>
<xro:conf xmlns:xro="http://x-road.eu/xsd/xroad.xsd"><verifyNextUpdate>false</verifyNextUpdate></xro:conf>`

func TestOptionalPartsReachTheSecurityServers(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		verifies := func() bool {
			t.Helper()
			require.NoError(t, b.service.Generate(t.Context()))
			snapshot, err := b.download(confgen.Internal)
			require.NoError(t, err)
			trust, err := snapshot.Trust("TEST")
			require.NoError(t, err)
			return trust.VerifyNextUpdate
		}
		require.True(t, verifies(), "the default")
		parts, err := b.service.Parts(t.Context(), confgen.Internal)
		require.NoError(t, err)
		require.Len(t, parts, 2*5+3)
		require.Equal(t, confgen.Part{Identifier: globalconf.NextUpdateID, FileName: "nextupdate-params.xml", Optional: true}, parts[12])
		parts, err = b.service.Parts(t.Context(), confgen.External)
		require.NoError(t, err)
		require.Len(t, parts, 5)
		require.Equal(t, "shared-params.xml", parts[0].FileName)
		require.False(t, parts[0].UpdatedAt.IsZero())

		require.NoError(t, b.service.UploadPart(b.do("Upload configuration part"), confgen.Internal, globalconf.NextUpdateID, `C:/my/next.xml`, []byte(nextUpdate)))
		last := b.events()[len(b.events())-1]
		require.Contains(t, last, `"data":{"sourceType":"INTERNAL","contentIdentifier":"NEXTUPDATE","partFileName":"nextupdate-params.xml","uploadFileName":"next.xml","uploadFileHash":"`)
		require.False(t, verifies())
		parts, err = b.service.Parts(t.Context(), confgen.Internal)
		require.NoError(t, err)
		require.False(t, parts[12].UpdatedAt.IsZero())
		name, data, err := b.service.PartFile(t.Context(), confgen.Internal, globalconf.NextUpdateID, 0)
		require.NoError(t, err)
		require.Equal(t, "nextupdate-params.xml", name)
		require.Equal(t, nextUpdate, string(data))
		name, data, err = b.service.PartFile(t.Context(), confgen.External, globalconf.SharedParametersID, 3)
		require.NoError(t, err)
		require.Equal(t, "shared-params.xml", name)
		_, err = globalconf.DecodeShared(3, data)
		require.NoError(t, err)
		for _, missing := range []struct {
			source     confgen.SourceType
			identifier string
			version    int
		}{{confgen.Internal, globalconf.MonitoringID, 0}, {confgen.External, globalconf.NextUpdateID, 0}, {confgen.Internal, globalconf.NextUpdateID, 3},
			{confgen.External, globalconf.PrivateParametersID, 3}, {confgen.Internal, globalconf.SharedParametersID, 7}, {confgen.Internal, "x", 0}} {
			_, _, err = b.service.PartFile(t.Context(), missing.source, missing.identifier, missing.version)
			require.Equal(t, "configuration_part_file_not_found", fault.CodeOf(err), missing)
		}
	})
}

func TestOptionalPartRefusals(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		events := len(b.events())
		for _, c := range []struct {
			source           confgen.SourceType
			identifier, data string
			code             string
		}{
			{confgen.Internal, "SHARED-PARAMETERS", nextUpdate, "unknown_configuration_part"},
			{confgen.External, "NEXTUPDATE", nextUpdate, "unknown_configuration_part"},
			{confgen.Internal, "FETCHINTERVAL", nextUpdate, "configuration_part_validation_failed"},
			{confgen.Internal, "NEXTUPDATE", "x", "configuration_part_validation_failed"},
		} {
			err := b.service.UploadPart(b.do("Upload configuration part"), c.source, c.identifier, "x.xml", []byte(c.data))
			require.Equal(t, c.code, fault.CodeOf(err))
		}
		require.Len(t, b.events(), events)
		parts, err := b.service.Parts(t.Context(), confgen.Internal)
		require.NoError(t, err)
		for _, p := range parts {
			require.True(t, p.UpdatedAt.IsZero(), "nothing is generated and nothing uploaded")
		}
	})
}

// alerts gives the codes of what an administrator is told.
func (b *bench) alerts() []string {
	b.t.Helper()
	alerts, err := b.service.Alerts(b.t.Context())
	require.NoError(b.t, err)
	codes := []string{}
	for _, a := range alerts {
		codes = append(codes, a.Code)
	}
	return codes
}

func (b *bench) health() confgen.Health {
	b.t.Helper()
	nodes, err := b.service.Cluster(b.t.Context())
	require.NoError(b.t, err)
	require.Len(b.t, nodes, 1)
	return nodes[0].Health
}

func TestAlertsBeforeTheFirstGeneration(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		require.Empty(t, b.alerts())
		b.initialize()
		require.Equal(t, []string{"status.global_conf_generation.status_not_found", "status.signing_key.internal.missing", "status.signing_key.external.missing"}, b.alerts())
		require.Equal(t, confgen.Unknown, b.health())
	})
}

// TestAlertsAndHealth follows the configuration until it has expired, and back.
func TestAlertsAndHealth(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		generation := func() (n int64) {
			require.NoError(t, b.db.View(t.Context(), func(tx *database.Tx) error {
				return tx.DB().Raw("SELECT number FROM configuration_generation").Row().Scan(&n)
			}))
			return n
		}
		before := generation()
		require.NoError(t, b.service.Generate(t.Context()))
		require.Empty(t, b.alerts())
		require.Equal(t, confgen.Healthy, b.health())
		require.Equal(t, before, generation(), "a report is no change")

		require.NoError(t, b.service.Logout(b.do("Log out from token")))
		b.now = b.now.Add(time.Minute)
		require.Error(t, b.service.Generate(t.Context()))
		require.Equal(t, []string{"status.global_conf_generation.failing", "status.signing_key.internal.token_not_active", "status.signing_key.external.token_not_active"}, b.alerts())
		require.Equal(t, confgen.Late, b.health())
		b.now = b.now.Add(10 * time.Minute)
		require.Contains(t, b.alerts(), "status.global_conf_generation.global_conf_expired")
		require.Equal(t, confgen.Expired, b.health())

		require.NoError(t, b.service.Login(b.do("Log in to token"), pin))
		require.NoError(t, b.service.Generate(t.Context()))
		require.Empty(t, b.alerts())
		require.Equal(t, confgen.Healthy, b.health())
	})
}
