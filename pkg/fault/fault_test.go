package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
)

func TestFromFindsTheFaultInAChain(t *testing.T) {
	cause := errors.New("disk full")
	f := fault.Wrap(cause, fault.Conflict, "member_exists", "Member with class %s and code %s already exists", "GOV", "1")
	wrapped := fmt.Errorf("store: %w", f)

	require.Equal(t, f, fault.From(wrapped))
	require.ErrorIs(t, wrapped, cause)
	require.ErrorIs(t, wrapped, fault.New(fault.Conflict, "member_exists", ""))
	require.Equal(t, "Member with class GOV and code 1 already exists", fault.From(wrapped).Message)
}

func TestUnknownErrorTellsTheCallerNothing(t *testing.T) {
	f := fault.From(errors.New(`pq: relation "clients" does not exist`))
	require.Equal(t, fault.Internal, f.Kind)
	require.Equal(t, "internal_error", f.Code)
	require.NotContains(t, f.Message, "clients")
}

func TestPrefixedOnce(t *testing.T) {
	f := fault.Prefixed(fault.New(fault.Invalid, "access_denied", "no"), "server.serverproxy.")
	require.Equal(t, "server.serverproxy.access_denied", f.Code)
	require.Equal(t, f.Code, fault.Prefixed(f, "server.serverproxy.").Code)
}

func TestSameCodeFoldsBothDialects(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Server.ClientProxy.AccessDenied", "server.clientproxy.access_denied", true},
		{"OutdatedGlobalConf", "global_conf_outdated", true},
		{"HashChainUnusedInputs", "hashchain_unused_inputs", true},
		{"InvalidSoap", "invalid_body", false},
	} {
		require.Equal(t, c.same, fault.SameCode(c.a, c.b), "%s / %s", c.a, c.b)
	}
}

func TestWithDoesNotChangeTheOriginal(t *testing.T) {
	f := fault.New(fault.NotFound, "member_not_found", "")
	_ = f.With("EE:GOV:1")
	require.Empty(t, f.Metadata)
}
