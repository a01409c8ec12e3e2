package worldtest

import (
	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/securityserver/internal/client"
)

// tables are what State looks at. Audit records, the questions asked of the central server and kept OCSP responses are not part of it.
var tables = []string{"client", "server_configuration", "internal_certificate", "token", "token_key", "certificate_request", "token_certificate",
	"service_description", "service", "access_right", "local_group", "local_group_member", "timestamping_service", "pending_change"}

// State is what this server knows and holds as text: equal texts are equal states.
func (w *World) State() string {
	w.T.Helper()
	return testkit.Dump(w.T, w.DB, tables...)
}

// Unchanged is Refused for an operation that it runs itself, and asks that the state is what it was before.
func (w *World) Unchanged(do func() error, event, code, message string) {
	w.T.Helper()
	before := w.State()
	w.Refused(do(), event, code, message)
	require.Equal(w.T, before, w.State(), "the state must not have changed")
}

// Put brings a client into a state, named as it is stored, without going through the rules.
func (w *World) Put(id identifier.ClientID, status string) {
	w.T.Helper()
	s, err := client.ParseStatus(status)
	require.NoError(w.T, err)
	require.NoError(w.T, w.Store.Clients().Update(w.T.Context(), func(tx client.Tx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		c.Status = s
		return tx.SaveClient(c)
	}))
}
