package app

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/store"
	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/pkg/token"
)

// Config is the central server's configuration file.
type Config struct {
	host.Config         `yaml:",inline"`
	Node                string              `yaml:"node"`             // name of this central server among those on its database
	PublicationPort     int                 `yaml:"publication_port"` // configuration and WSDL over HTTP; anchors carry it when it is not 80
	RegistrationPort    int                 `yaml:"registration_port"`
	ManagementPort      int                 `yaml:"management_port"`
	GlobalConfiguration GlobalConfiguration `yaml:"global_configuration"`
	ManagementRequests  ManagementRequests  `yaml:"management_requests"`
}

// GlobalConfiguration says when the configuration is generated and with which keys.
type GlobalConfiguration struct {
	Interval     time.Duration      `yaml:"interval"`      // of an unchanged registry
	Poll         time.Duration      `yaml:"poll"`          // between two looks whether the registry has changed
	KeyAlgorithm token.KeyAlgorithm `yaml:"key_algorithm"` // of new configuration signing keys
	// TimeStampingInterval is stored at initialization: how often security servers have their messages time-stamped.
	TimeStampingInterval time.Duration `yaml:"time_stamping_interval"`
}

// ManagementRequests says how requests are taken in.
type ManagementRequests struct {
	Pairing     management.Pairing `yaml:"pairing"` // required: a registration needs both origins; optional: X-Road 7's practice
	AutoApprove AutoApprove        `yaml:"auto_approve"`
	PerMinute   int                `yaml:"per_minute"` // requests that one address may send to a door
}

// AutoApprove lets registrations be approved without a person.
type AutoApprove struct {
	AuthCertReg bool `yaml:"auth_cert_reg"`
	ClientReg   bool `yaml:"client_reg"`
	OwnerChange bool `yaml:"owner_change"`
}

// DefaultConfig has X-Road's ports and intervals.
func DefaultConfig() *Config {
	return &Config{
		Config: host.Defaults("/var/lib/ristmik/central"), Node: store.FirstNode, PublicationPort: 80, RegistrationPort: 4001, ManagementPort: 4002,
		GlobalConfiguration: GlobalConfiguration{Interval: time.Minute, Poll: time.Second, KeyAlgorithm: token.RSA2048, TimeStampingInterval: time.Minute},
		ManagementRequests:  ManagementRequests{Pairing: management.PairingRequired, PerMinute: 10},
	}
}

var nodeName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Shared is the part that both daemons have.
func (c *Config) Shared() *host.Config { return &c.Config }

// Validate says what is wrong with the values.
func (c *Config) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	if !nodeName.MatchString(c.Node) {
		return fmt.Errorf("node: %q is not a name of letters, digits, - and _", c.Node)
	}
	for name, port := range map[string]int{"publication_port": c.PublicationPort, "registration_port": c.RegistrationPort, "management_port": c.ManagementPort} {
		if port <= 0 || port > 65535 {
			return fmt.Errorf("%s: %d is not a port", name, port)
		}
	}
	if c.GlobalConfiguration.Interval <= 0 || c.GlobalConfiguration.Poll <= 0 {
		return errors.New("global_configuration: interval and poll must be positive")
	}
	if t := c.GlobalConfiguration.TimeStampingInterval; t < time.Second || t%time.Second != 0 {
		return errors.New("global_configuration.time_stamping_interval must be whole seconds")
	}
	if !c.GlobalConfiguration.KeyAlgorithm.Valid() {
		return fmt.Errorf("global_configuration.key_algorithm: %q is not known", c.GlobalConfiguration.KeyAlgorithm)
	}
	if p := c.ManagementRequests.Pairing; p != management.PairingRequired && p != management.PairingOptional {
		return fmt.Errorf("management_requests.pairing: %q is neither required nor optional", p)
	}
	if c.ManagementRequests.PerMinute <= 0 {
		return errors.New("management_requests.per_minute must be positive")
	}
	return nil
}
