package proxy

import (
	"context"
	"time"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
)

// ConnectionType is how the information systems of a client must connect to the client proxy.
type ConnectionType string

// The connection types, as the REST API spells them.
const (
	HTTP        ConnectionType = "HTTP"          // anything goes
	HTTPSNoAuth ConnectionType = "HTTPS_NO_AUTH" // TLS, no certificate asked
	HTTPS       ConnectionType = "HTTPS"         // TLS with one of the client's internal certificates
)

// Client is what the proxy needs to know of a client of this server.
type Client struct {
	ID           identifier.ClientID
	Connection   ConnectionType
	Certificates [][]byte // DER of the internal TLS certificates of the client's information systems
}

// Clients tells who may exchange messages here.
type Clients interface {
	// Registered gives the client when it is in state registered; false means it is unknown here or in any other state. The owner of the
	// server is a client too.
	Registered(ctx context.Context, id identifier.ClientID) (Client, bool, error)
}

// Service is how a service of a client of this server is reached.
type Service struct {
	URL       string        // "" when no address was given
	Timeout   time.Duration // for the whole call; 0 means 60 seconds
	VerifyTLS bool          // an https service must show one of the provider's internal TLS certificates
	REST      bool
	Disabled  bool
	Notice    string // shown when the service is disabled
}

// Services tells which services there are and who may call them.
type Services interface {
	// Service gives the address of a service; false means that there is no such service.
	Service(ctx context.Context, id identifier.ServiceID) (Service, bool, error)
	// Allowed reports whether the client has an access right to the service, by itself or through a group.
	Allowed(ctx context.Context, client identifier.ClientID, service identifier.ServiceID) (bool, error)
}

// Credentials gives the keys of this server. An error means that no usable key is there; it is shown to nobody but the log unless it is a fault.
type Credentials interface {
	Signing(ctx context.Context, member identifier.ClientID) (signature.Credential, error)
	Authentication(ctx context.Context) (signature.Credential, error)
	// OCSPBySHA1 gives a fresh OCSP response for a certificate of this server; hash is its SHA-1 in lower-case hexadecimal digits.
	OCSPBySHA1(hash string) ([]byte, bool)
}

// MessageLog keeps signed messages. Append returns when the record is safely stored.
type MessageLog interface {
	Append(ctx context.Context, record messagelog.Record) error
}
