package store_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/identifier"
)

func texts[T ~string](list []T) (out []string) {
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

// TestChecksKnowTheEnums compares the lists of values in the migrations with those in Go.
func TestChecksKnowTheEnums(t *testing.T) {
	want := map[string][]string{
		"identifier_object_type":         texts([]identifier.ObjectType{identifier.Member, identifier.Subsystem, identifier.Server}),
		"approved_ca_default_csr_format": texts(trust.CSRFormats[:]),
		"ocsp_responder_cost_type":       texts(trust.CostTypes[:]),
		"timestamping_service_cost_type": texts(trust.CostTypes[:]),
		"request_processing_type":        management.TypeNames(true),
		"request_processing_status":      texts(management.Statuses[:]),
		"management_request_type":        management.TypeNames(false),
		"management_request_origin":      texts(management.Origins[:]),
	}
	check := regexp.MustCompile(`(?s)CONSTRAINT (\w+) CHECK \(\w+ IN \((.*?)\)\)`)
	for _, driver := range []string{database.SQLite, database.Postgres} {
		text, err := fs.ReadFile(storetest.Migrations(driver), "00002_registry.sql")
		require.NoError(t, err)
		seen := map[string]bool{}
		for _, m := range check.FindAllStringSubmatch(string(text), -1) {
			var values []string
			for _, v := range strings.Split(m[2], ",") {
				values = append(values, strings.Trim(strings.TrimSpace(v), "'"))
			}
			require.ElementsMatch(t, want[m[1]], values, "%s: %s", driver, m[1])
			seen[m[1]] = true
		}
		require.Len(t, seen, len(want))
	}
}

// TestConstraintsHoldWithoutTheRules goes past the rules: the database itself refuses a second pending registration and a second request of
// one origin.
func TestConstraintsHoldWithoutTheRules(t *testing.T) {
	storetest.Each(t, management.Settings{}, func(t *testing.T, w *storetest.World) {
		record := management.Record{Type: "clientReg", Origin: management.Center, Server: w.Server("EE:GOV:1:ss1"), Client: w.Client("EE:GOV:2:sub")}
		var processing int64
		require.NoError(t, w.Store.Management().Update(w.Do(), func(tx management.Tx) (err error) {
			if processing, err = tx.AddProcessing("clientReg", "subject"); err != nil {
				return err
			}
			record.Processing = processing
			_, err = tx.AddRequest(record)
			return err
		}))
		err := w.Store.Management().Update(w.Do(), func(tx management.Tx) error { _, err := tx.AddProcessing("clientReg", "subject"); return err })
		require.True(t, database.IsDuplicate(err), "%v", err)
		err = w.Store.Management().Update(w.Do(), func(tx management.Tx) error { _, err := tx.AddRequest(record); return err })
		require.True(t, database.IsDuplicate(err), "%v", err)
		require.NoError(t, w.Store.Management().Update(w.Do(), func(tx management.Tx) error {
			return tx.SetStatus(processing, management.Waiting, management.Revoked)
		}))
		require.Error(t, w.Store.Management().Update(w.Do(), func(tx management.Tx) error {
			return tx.SetStatus(processing, management.Waiting, management.Approved)
		}), "the status is no longer waiting")
		require.NoError(t, w.Store.Management().Update(w.Do(), func(tx management.Tx) error { _, err := tx.AddProcessing("clientReg", "subject"); return err }))
	})
}

// TestViewWritesNothing: a write that hides in a view fails or is gone.
func TestViewWritesNothing(t *testing.T) {
	storetest.Each(t, management.Settings{}, func(t *testing.T, w *storetest.World) {
		before := w.State()
		_ = w.Store.Registry().View(t.Context(), func(tx registry.Tx) error { return tx.SetParameter("x", "y") })
		require.Equal(t, before, w.State())
	})
}

// TestApprovedServices keeps and returns everything of a certification service.
func TestApprovedServices(t *testing.T) {
	storetest.Each(t, management.Settings{}, func(t *testing.T, w *storetest.World) {
		services, err := w.Trust.CertificationServices(t.Context())
		require.NoError(t, err)
		require.Len(t, services, 1)
		id := services[0].ID
		under, err := w.CA.Intermediate("Intermediate CA")
		require.NoError(t, err)
		intermediate, err := w.Trust.AddIntermediate(w.Do(), id, under.Certificate().Raw)
		require.NoError(t, err)
		_, err = w.Trust.AddResponder(w.Do(), trust.Responder{ServiceID: id, URL: "http://127.0.0.1:8888", CostType: "FREE"}, w.CA.OCSPCertificate().Raw)
		require.NoError(t, err)
		_, err = w.Trust.AddResponder(w.Do(), trust.Responder{IntermediateID: intermediate.ID, URL: "http://127.0.0.1:8889", CostType: "PAID"}, nil)
		require.NoError(t, err)
		_, err = w.Trust.AddTimestampingService(w.Do(), "http://127.0.0.1:8899", "FREE", w.CA.TSACertificate().Raw)
		require.NoError(t, err)
		found, err := w.Trust.CertificationService(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, found.Responders, 1)
		require.Equal(t, w.CA.OCSPCertificate().Raw, found.Responders[0].DER)
		require.Len(t, found.Intermediates, 1)
		require.Nil(t, found.Intermediates[0].Responders[0].DER)
		built, err := trust.Build("EE", []trust.CertificationService{*found})
		require.NoError(t, err)
		require.Len(t, built.Authorities, 2)
		changed := found.Settings
		changed.AuthenticationOnly = true
		_, err = w.Trust.ChangeCertificationService(w.Do(), id, changed)
		require.NoError(t, err)
		require.NoError(t, w.Trust.DeleteResponder(w.Do(), found.Responders[0].ID))
		require.NoError(t, w.Trust.DeleteCertificationService(w.Do(), id))
		require.EqualValues(t, 0, w.Count("SELECT COUNT(*) FROM ocsp_responder"))
		require.EqualValues(t, 0, w.Count("SELECT COUNT(*) FROM intermediate_ca"))
	})
}
