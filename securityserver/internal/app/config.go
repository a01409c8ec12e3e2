package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/pkg/token"
)

// Config is the security server's configuration file.
type Config struct {
	host.Config         `yaml:",inline"`
	ServerPort          int                 `yaml:"server_port"`      // messages of other security servers
	OCSPPort            int                 `yaml:"ocsp_port"`        // OCSP responses for other security servers
	ClientPort          int                 `yaml:"client_port"`      // information systems, HTTP
	ClientTLSPort       int                 `yaml:"client_tls_port"`  // information systems, HTTPS
	PeerServerPort      int                 `yaml:"peer_server_port"` // server_port of the other servers
	PeerOCSPPort        int                 `yaml:"peer_ocsp_port"`   // ocsp_port of the other servers
	GlobalConfiguration GlobalConfiguration `yaml:"global_configuration"`
	OCSP                OCSP                `yaml:"ocsp"`
	Keys                Keys                `yaml:"keys"`
}

// GlobalConfiguration says how often the configuration is downloaded; clients and certificates are reconciled after each download.
type GlobalConfiguration struct {
	Interval time.Duration `yaml:"interval"`
}

// OCSP says how often the responders are asked.
type OCSP struct {
	Interval time.Duration `yaml:"interval"`
	Retry    time.Duration `yaml:"retry"` // after a failure
}

// Keys says how new keys are made and used.
type Keys struct {
	Algorithm              token.KeyAlgorithm `yaml:"algorithm"`
	ActivateAuthentication bool               `yaml:"activate_authentication"` // as soon as the configuration lists a certificate
}

// DefaultConfig has X-Road's ports and intervals.
func DefaultConfig() *Config {
	return &Config{
		Config: host.Defaults("/var/lib/ristmik/security"), ServerPort: 5500, OCSPPort: 5577, ClientPort: 8080, ClientTLSPort: 8443,
		PeerServerPort: 5500, PeerOCSPPort: 5577, GlobalConfiguration: GlobalConfiguration{Interval: time.Minute},
		OCSP: OCSP{Interval: 20 * time.Minute, Retry: time.Minute}, Keys: Keys{Algorithm: token.RSA2048},
	}
}

// Shared is the part that both daemons have.
func (c *Config) Shared() *host.Config { return &c.Config }

// Validate says what is wrong with the values.
func (c *Config) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		port int
	}{{"server_port", c.ServerPort}, {"ocsp_port", c.OCSPPort}, {"client_port", c.ClientPort}, {"client_tls_port", c.ClientTLSPort},
		{"peer_server_port", c.PeerServerPort}, {"peer_ocsp_port", c.PeerOCSPPort}} {
		if p.port <= 0 || p.port > 65535 {
			return fmt.Errorf("%s: %d is not a port", p.name, p.port)
		}
	}
	if c.GlobalConfiguration.Interval <= 0 || c.OCSP.Interval <= 0 || c.OCSP.Retry <= 0 {
		return errors.New("global_configuration.interval, ocsp.interval and ocsp.retry must be positive")
	}
	if !c.Keys.Algorithm.Valid() {
		return fmt.Errorf("keys.algorithm: %q is not known", c.Keys.Algorithm)
	}
	return nil
}
