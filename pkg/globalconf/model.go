package globalconf

import (
	"time"

	"github.com/ristmik/ristmik/pkg/identifier"
)

// The versions of the configuration that this package writes and reads.
const (
	MinVersion = 2
	MaxVersion = 6
)

// SharedParameters is the part that members of this and of federated instances see (PR-GCONF, shared-params).
type SharedParameters struct {
	InstanceIdentifier string
	Sources            []Source // where the configuration is published; written and demanded from version 3 on
	ApprovedCAs        []ApprovedCA
	ApprovedTSAs       []ApprovedTSA
	Members            []Member
	SecurityServers    []SecurityServer
	GlobalGroups       []GlobalGroup
	GlobalSettings     GlobalSettings
}

// Source is one central server that publishes the configuration: its address, and the certificates (DER) of the keys that sign its
// internal and its external directory.
type Source struct {
	Address              string
	InternalCertificates [][]byte
	ExternalCertificates [][]byte
}

// ApprovedCA is an approved certification service: its top CA, intermediate CAs and the profile of the certificates they issue.
type ApprovedCA struct {
	Name               string
	AuthenticationOnly bool // its certificates authenticate servers and sign no messages
	TopCA              CA
	IntermediateCAs    []CA
	CertificateProfile string      // Java class name of the profile
	DefaultCSRFormat   string      // PEM, DER or "" for unsaid; version 6
	ACME               *ACMEServer // nil for none; version 3 on
}

// CA is the certificate (DER) of a certification authority with its OCSP responders.
type CA struct {
	Certificate []byte
	Responders  []Responder
}

// Responder is an OCSP responder. Certificate (DER) may be nil. CostType is FREE, PAID, UNDEFINED or "" for unsaid; version 6.
type Responder struct {
	URL         string
	Certificate []byte
	CostType    string
}

// ACMEServer says how certificates may be had automatically. The profile ids are written from version 4 on; "" for none.
type ACMEServer struct {
	DirectoryURL            string
	IPAddress               string
	AuthenticationProfileID string
	SigningProfileID        string
}

// ApprovedTSA is an approved time-stamping authority. CostType as in Responder.
type ApprovedTSA struct {
	Name        string
	URL         string
	Certificate []byte // DER
	CostType    string
}

// MemberClass is a member class with its description.
type MemberClass struct{ Code, Description string }

// Member is a member with its subsystems.
type Member struct {
	ID               identifier.ClientID
	ClassDescription string
	Name             string
	Subsystems       []Subsystem
}

// Subsystem is a subsystem of the member that holds it. Name is written from version 5 on; "" for none.
type Subsystem struct {
	ID   identifier.ClientID
	Name string
}

// SecurityServer is a registered security server. A writer fills AuthCertificates; a reader finds AuthCertHashes only.
type SecurityServer struct {
	ID               identifier.SecurityServerID
	Address          string                // DNS name or IP address; "" for none, then nothing can be sent to it
	AuthCertificates [][]byte              // DER; written as hashes: SHA-1 in version 2, SHA-256 from 3 on
	AuthCertHashes   [][]byte              // as read; written too, where their length suits the version
	Clients          []identifier.ClientID // registered clients that are not disabled; the owner need not be among them
	Maintenance      *string               // nil: in service; else in maintenance, with the message for its clients or ""
}

// GlobalGroup is a global group; its members may be of other instances.
type GlobalGroup struct {
	Code        string
	Description string
	Members     []identifier.ClientID
}

// GlobalSettings are the member classes and the greatest age of an OCSP response (whole seconds).
type GlobalSettings struct {
	MemberClasses []MemberClass
	OCSPFreshness time.Duration
}

// PrivateParameters is the part that only the instance's own members see (PR-GCONF, private-params).
type PrivateParameters struct {
	InstanceIdentifier   string
	Anchors              []Anchor // of federated instances
	ManagementService    ManagementService
	TimeStampingInterval time.Duration // whole seconds
}

// ManagementService says how security servers reach the management services.
type ManagementService struct {
	AuthCertRegAddress     string              // URL of the registration service for authentication certificates
	AuthCertRegCertificate []byte              // DER of its TLS certificate; nil for none
	Provider               identifier.ClientID // who provides the other management services, as X-Road services
}
