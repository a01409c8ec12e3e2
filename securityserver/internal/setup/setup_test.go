package setup_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
	"github.com/ristmik/ristmik/securityserver/internal/store"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

func anchor(w *worldtest.World, instance string) []byte {
	a := globalconf.Anchor{GeneratedAt: worldtest.Start.Add(time.Minute), Instance: instance,
		Sources: []globalconf.AnchorSource{{DownloadURL: "http://cs/internalconf", Certificates: [][]byte{w.CA.Certificate().Raw}}}}
	return a.Encode()
}

func TestAnchor(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Refused(w.Setup.Upload(w.Ctx("x"), anchor(w, "EE")), "x", "anchor_already_exists", "There is a configuration anchor already")
		w.Refused(w.Setup.Replace(w.Ctx("x"), []byte("<a/>")), "x", "malformed_anchor", "The file is not a configuration anchor")
		w.Refused(w.Setup.Replace(w.Ctx("x"), anchor(w, "FI")), "x", "internal_anchor_upload_invalid_instance_id",
			"The anchor is of instance FI, this server of EE")
		before, err := w.Setup.Anchor(t.Context())
		require.NoError(t, err)
		file := anchor(w, "EE")
		require.NotEqual(t, before.File, file)
		require.NoError(t, w.Setup.Replace(w.Ctx("Upload configuration anchor"), file))
		after, err := w.Setup.Anchor(t.Context())
		require.NoError(t, err)
		require.Equal(t, file, after.File)
		require.Equal(t, globalconf.AnchorHash(file), w.Records("Upload configuration anchor")[0]["data"].(map[string]any)["anchorFileHash"])
		preview, err := w.Setup.Preview(t.Context(), anchor(w, "FI"), false)
		require.NoError(t, err)
		require.Equal(t, "FI", preview.Instance)
	})
}

func TestAnchorWhoseConfigurationCannotBeHadIsNotKept(t *testing.T) {
	testkit.EachDatabase(t, worldtest.Migrations, func(t *testing.T, db *database.DB) {
		w := worldtest.New(t, testkit.SQLite(t, time.Now, worldtest.Migrations)) // for its certificates only
		s := setup.New(setup.Config{Store: store.New(db).Setup(), Conf: w.Conf, Now: w.Now, Rand: rand.Reader,
			Download: func(context.Context, *globalconf.Anchor) (*globalconf.Snapshot, error) {
				return nil, fault.Wrap(errors.New("/var/lib: disk full"), fault.Unavailable, "network_error", "No source answered")
			}})
		err := s.Upload(w.Ctx("Initialize anchor"), anchor(w, "EE"))
		require.Equal(t, "conf_download_failed", fault.CodeOf(err))
		require.Equal(t, "Downloading the global configuration failed: No source answered", fault.From(err).Message)
		_, err = s.Anchor(t.Context())
		require.Equal(t, "anchor_not_found", fault.CodeOf(err))
		source, err := s.Source(t.Context())
		require.NoError(t, err)
		require.Nil(t, source)
		id, err := s.Identity(t.Context())
		require.NoError(t, err)
		require.True(t, id.IsZero())
		err = s.Initialize(w.Ctx("x"), setup.Initial{OwnerClass: "GOV", OwnerCode: "1", ServerCode: "s", PIN: "1234"})
		require.Equal(t, "anchor_not_found", fault.CodeOf(err))
	})
}

func TestInitialize(t *testing.T) {
	testkit.EachDatabase(t, worldtest.Migrations, func(t *testing.T, db *database.DB) {
		w := worldtest.New(t, testkit.SQLite(t, time.Now, worldtest.Migrations))
		s := setup.New(setup.Config{Store: store.New(db).Setup(), Conf: w.Conf, Now: w.Now, Rand: rand.Reader,
			Download: func(context.Context, *globalconf.Anchor) (*globalconf.Snapshot, error) { return w.Conf.Current(), nil }})
		require.NoError(t, s.Upload(w.Ctx("Initialize anchor"), anchor(w, "EE")))
		good := setup.Initial{OwnerClass: "GOV", OwnerCode: "1", ServerCode: "ss9", PIN: worldtest.PIN}
		for _, c := range []struct {
			change func(i *setup.Initial)
			code   string
			meta   []string
		}{
			{func(i *setup.Initial) { i.ServerCode, i.PIN = " ", "" }, "invalid_init_params", []string{"server_code_not_provided", "pin_not_provided"}},
			{func(i *setup.Initial) { i.OwnerClass, i.OwnerCode = "", "" }, "invalid_init_params", []string{"member_class_not_provided", "member_code_not_provided"}},
			{func(i *setup.Initial) { i.ServerCode = "a:b" }, "validation_failure", nil},
			{func(i *setup.Initial) { i.PIN = "1" }, "token_weak_pin", []string{"4"}},
			{func(i *setup.Initial) { i.PIN = "pin\u00e4\u00e4" }, "token_invalid_characters", nil},
			{func(i *setup.Initial) { i.OwnerCode = "77" }, "warnings_detected", nil},
		} {
			in := good
			c.change(&in)
			err := s.Initialize(w.Ctx("Initialize server configuration"), in)
			require.Equal(t, c.code, fault.CodeOf(err))
			require.Equal(t, fault.Invalid, fault.From(err).Kind)
			require.Equal(t, c.meta, fault.From(err).Metadata)
			status, err := s.Status(t.Context())
			require.NoError(t, err)
			require.Equal(t, setup.Status{Anchor: true}, status)
		}
		require.NoError(t, s.Initialize(w.Ctx("Initialize server configuration"), good))
		id, err := s.Identity(t.Context())
		require.NoError(t, err)
		require.Equal(t, "EE:GOV:1:ss9", id.Encoded())
		require.Equal(t, "server_already_fully_initialized", fault.CodeOf(s.Initialize(w.Ctx("x"), good)))
	})
}

func TestTimestampingServices(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		_, err := w.Setup.AddTimestamping(w.Ctx("x"), setup.Timestamping{Name: "Test TSA", URL: "http://elsewhere"})
		w.Refused(err, "x", "timestamping_service_not_found", "Time-stamping service 'Test TSA' not found")
		chosen := setup.Timestamping{Name: "Test TSA", URL: "http://tsa.example"}
		added, err := w.Setup.AddTimestamping(w.Ctx("Add timestamping service"), chosen)
		require.NoError(t, err)
		require.Equal(t, "UNDEFINED", added.CostType)
		_, err = w.Setup.AddTimestamping(w.Ctx("x"), chosen)
		w.Refused(err, "x", "timestamping_service_already_configured", "Time-stamping service 'Test TSA' is configured already")
		list, err := w.Setup.Timestamping(t.Context())
		require.NoError(t, err)
		require.Equal(t, []setup.Timestamping{added}, list)
		require.NoError(t, w.Setup.DeleteTimestamping(w.Ctx("Delete timestamping service"), chosen))
		w.Refused(w.Setup.DeleteTimestamping(w.Ctx("x"), chosen), "x", "timestamping_service_not_found", "Time-stamping service 'Test TSA' not found")
	})
}
