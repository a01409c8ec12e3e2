// Package proxy exchanges messages for the clients of the security server.
//
// ClientProxy is the door for information systems: it signs their requests, sends them to the provider's security server over mutual TLS,
// and verifies what comes back. ServerProxy is the door for other security servers: it verifies their requests, calls the service and signs
// the response. OCSPResponder gives out this server's OCSP responses. A provider on the same server is reached through TLS like any other.
//
// Messages are verified and parsed from the same bytes, and never serialised again. Refusals are SOAP faults with HTTP status 200 and
// X-Road 7.8's codes; their cause goes to the log under the fault's detail.
package proxy

import (
	"crypto/tls"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/transport"
)

// Ports between security servers.
const (
	DefaultServerPort = 5500 // messages, mutual TLS
	DefaultOCSPPort   = 5577 // OCSP responses, plain HTTP
)

// proxyVersion is the X-Road version whose protocol is spoken; peers may demand a least one.
const proxyVersion = "7.8.0"

// digest is what this server signs with: X-Road's default.
var digest = signature.SHA512

// Time-outs and limits that every door shares.
const (
	connectTimeout  = 30 * time.Second // TCP and TLS handshake with another server
	messageTimeout  = 30 * time.Second // until an information system has delivered its SOAP message
	stallTimeout    = 60 * time.Second // without a byte on a stream
	answerTimeout   = 5 * time.Minute  // until the other server begins to answer
	serviceTimeout  = 60 * time.Second // for a service without a setting
	idleTimeout     = 90 * time.Second // of kept connections, at the listening side
	poolTimeout     = 45 * time.Second // of kept connections, at the calling side: shorter, so that the listener never wins the race
	maxHeaderBytes  = 64 << 10
	maxExchanges    = 2000 // at a time, at each door
	maxIdlePerPeer  = 32
	verifyAgain     = time.Minute // a kept connection's peer is verified again after this
	maxOCSPAnswer   = 1 << 20
	maxCertificates = 8 // of a chain
)

// Config is what the proxies need. All ports are required.
type Config struct {
	Server      func() identifier.SecurityServerID // of this server; zero before it is initialized
	Snapshot    func() *globalconf.Snapshot        // nil before the first one
	Clients     Clients
	Services    Services
	Credentials Credentials
	MessageLog  MessageLog
	InternalTLS func() (*tls.Certificate, error) // the server's internal TLS certificate: 8443, and shown to services
	ServerPort  int                              // of the other servers; 0 means DefaultServerPort
	OCSPPort    int                              // of the other servers; 0 means DefaultOCSPPort
	Limits      transport.Limits                 // the zero value means transport.DefaultLimits
	Now         func() time.Time
	Rand        io.Reader
	Log         *zap.Logger
}

func (c Config) withDefaults() Config {
	if c.ServerPort == 0 {
		c.ServerPort = DefaultServerPort
	}
	if c.OCSPPort == 0 {
		c.OCSPPort = DefaultOCSPPort
	}
	if c.Limits == (transport.Limits{}) {
		c.Limits = transport.DefaultLimits
	}
	return c
}

// snapshot gives the configuration when it is there and valid, without the federated instances that have expired.
func (c Config) snapshot() (*globalconf.Snapshot, error) {
	s := c.Snapshot()
	if s == nil {
		return nil, fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
	}
	now := c.Now()
	return s.At(now), s.Valid(now)
}
