package management

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Reachable opens a connection to the central server's registration service and closes it: nil when it answers with the certificate that the
// global configuration names. Nothing is sent. Faults: global_conf_outdated, network_error, ssl_authentication_failed.
func (s *Sender) Reachable(ctx context.Context) error {
	snapshot := s.config.Snapshot()
	if snapshot == nil || snapshot.Private() == nil {
		return fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
	}
	service := snapshot.Private().ManagementService
	u, err := url.Parse(service.AuthCertRegAddress)
	if err != nil || u.Host == "" {
		return fault.New(fault.Conflict, "internal_error", "Malformed management service address '%s'", service.AuthCertRegAddress)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	if u.Scheme != "https" {
		return dial(ctx, &net.Dialer{}, u, "80")
	}
	return dial(ctx, &tls.Dialer{Config: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		Time:               s.config.Now,
		InsecureSkipVerify: true, // VerifyConnection pins the certificate instead
		VerifyConnection:   pinned(service.AuthCertRegCertificate),
	}}, u, "443")
}

func dial(ctx context.Context, dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}, u *url.URL, port string) error {
	if u.Port() != "" {
		port = u.Port()
	}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return unanswered(err, false)
	}
	return conn.Close()
}
