package management_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
)

func TestReachable(t *testing.T) {
	d := newDesk(t)
	require.NoError(t, d.sender.Reachable(t.Context()))
	require.Nil(t, d.opened, "nothing is sent")
	for _, c := range []struct {
		change        func()
		code, message string
	}{
		{func() { d.private.ManagementService.AuthCertRegCertificate = d.ca.Certificate().Raw }, "ssl_authentication_failed",
			"Central server TLS certificate does not match in global conf"},
		{func() { d.private.ManagementService.AuthCertRegCertificate = nil }, "ssl_authentication_failed", "Central server TLS certificate is not in global conf"},
		{func() { d.private.ManagementService.AuthCertRegAddress = "https://127.0.0.1:1/" }, "network_error", "Could not connect to the central server"},
		{func() { d.private.ManagementService.AuthCertRegAddress = "http://127.0.0.1:1/" }, "network_error", "Could not connect to the central server"},
		{func() { d.private.ManagementService.AuthCertRegAddress = "nowhere" }, "internal_error", "Malformed management service address 'nowhere'"},
		{func() { d.missing = true }, "global_conf_outdated", "Global configuration is expired"},
	} {
		c.change()
		err := d.sender.Reachable(t.Context())
		require.Equal(t, c.code, fault.CodeOf(err), c.message)
		require.Equal(t, c.message, fault.From(err).Message)
	}
}
