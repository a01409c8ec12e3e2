package seed_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/store/seed"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// TestFill makes a small registry on both databases and counts it; a registry with members is left alone.
func TestFill(t *testing.T) {
	size := seed.Size{Members: 300, Subsystems: 3000, Servers: 150, Requests: 9000}
	testkit.EachDatabase(t, storetest.Migrations, func(t *testing.T, db *database.DB) {
		require.NoError(t, seed.Fill(t.Context(), db, size))
		for table, want := range map[string]int{"member": size.Members, "subsystem": size.Subsystems, "security_server": size.Servers,
			"server_client": size.Subsystems, "management_request": size.Requests, "authentication_certificate": size.Servers, "client": size.Members + size.Subsystems} {
			var n int
			require.NoError(t, db.View(t.Context(), func(tx *database.Tx) error { return tx.DB().Raw("SELECT COUNT(*) FROM " + table).Row().Scan(&n) }))
			require.Equal(t, want, n, table)
		}
		require.ErrorContains(t, seed.Fill(t.Context(), db, size), "has members already")
	})
}
