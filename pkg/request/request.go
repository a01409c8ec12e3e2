// Package request holds the management requests, by which a security server asks the central server to register and to forget
// authentication certificates and clients, and to change its owner, address, names and maintenance mode: building them, sealing them with the
// keys that must agree, and opening them.
//
// The types are rows of one table, which says how a request travels, who signs it and what its body holds. Opening verifies the bytes of the
// SOAP part and then reads the body from these same bytes; nothing in between is serialised.
package request

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// Type is a service code of the management services.
type Type string

// The eleven service codes of PR-MSERV.
const (
	AuthCertReg            Type = "authCertReg"
	AuthCertDeletion       Type = "authCertDeletion"
	ClientReg              Type = "clientReg"
	ClientDeletion         Type = "clientDeletion"
	OwnerChange            Type = "ownerChange"
	AddressChange          Type = "addressChange"
	ClientDisable          Type = "clientDisable"
	ClientEnable           Type = "clientEnable"
	ClientRename           Type = "clientRename"
	MaintenanceModeEnable  Type = "maintenanceModeEnable"
	MaintenanceModeDisable Type = "maintenanceModeDisable"
)

// shape is how a request travels.
type shape int

const (
	plain  shape = iota // the SOAP message alone
	signed              // four parts: SOAP, signature, signing certificate, OCSP response
	twice               // six parts: SOAP, authentication key's signature, owner's signature, both certificates, OCSP response
)

// signer is whose signing certificate a sealed request carries.
type signer int

const (
	nobody   signer = iota
	owner           // the owner of the security server
	ofClient        // the member that is, or has, the client of the body
)

type kind struct {
	name   Type
	shape  shape
	signer signer
	java   string // how X-Road's texts name the type
	body   []field
}

// kinds is the table of PR-MSERV 2.
var kinds = []kind{
	{AuthCertReg, twice, owner, "AUTH_CERT_REGISTRATION_REQUEST", []field{serverField, addressField, authCertField, dryRunField}},
	{AuthCertDeletion, plain, nobody, "AUTH_CERT_DELETION_REQUEST", []field{serverField, authCertField}},
	{ClientReg, signed, ofClient, "CLIENT_REGISTRATION_REQUEST", []field{serverField, clientField, subsystemNameField}},
	{ClientDeletion, plain, nobody, "CLIENT_DELETION_REQUEST", []field{serverField, clientField}},
	{OwnerChange, signed, ofClient, "OWNER_CHANGE_REQUEST", []field{serverField, clientField}},
	{AddressChange, signed, owner, "ADDRESS_CHANGE_REQUEST", []field{serverField, addressField}},
	{ClientDisable, signed, ofClient, "CLIENT_DISABLE_REQUEST", []field{serverField, clientField}},
	{ClientEnable, signed, ofClient, "CLIENT_ENABLE_REQUEST", []field{serverField, clientField}},
	{ClientRename, signed, ofClient, "CLIENT_RENAME_REQUEST", []field{serverField, clientField, newNameField}},
	{MaintenanceModeEnable, signed, owner, "MAINTENANCE_MODE_ENABLE_REQUEST", []field{serverField, messageField}},
	{MaintenanceModeDisable, signed, owner, "MAINTENANCE_MODE_DISABLE_REQUEST", []field{serverField}},
}

// kindOf finds the row; case does not matter, as at X-Road's central server.
func kindOf(name string) (kind, bool) {
	for _, k := range kinds {
		if strings.EqualFold(string(k.name), name) {
			return k, true
		}
	}
	return kind{}, false
}

// Direct reports whether the request goes straight to the registration service of the central server; the others travel as X-Road messages to
// its management service.
func (t Type) Direct() bool { return t == AuthCertReg }

// Request is one management request. Which of Client, Address, AuthCertificate, SubsystemName and Message it holds depends on its type.
type Request struct {
	Type            Type
	Sender          identifier.ClientID         // client of the SOAP header: the owner of the security server
	ID              string                      // of the message, a random UUID
	Server          identifier.SecurityServerID // the security server the request speaks of
	Client          identifier.ClientID         // the client to register, rename, disable, enable, delete; ownerChange: the new owner
	Address         string                      // authCertReg, addressChange: DNS name or IP address of the server
	AuthCertificate []byte                      // DER
	SubsystemName   string                      // clientReg: the name to give to the subsystem, "" for none; clientRename: the new name
	Message         string                      // maintenanceModeEnable: for those who call in the meantime, "" for none
	DryRun          bool                        // authCertReg of X-Road 7.8: check everything, store nothing, answer request id 0
}

// BuildSOAP writes the SOAP message, without any white space and with the prefixes and declarations of X-Road's own requests. provider is the
// subsystem that offers the management services.
func BuildSOAP(r *Request, provider identifier.ClientID) ([]byte, error) {
	k, ok := kindOf(string(r.Type))
	if !ok {
		return nil, fmt.Errorf("building a management request: type %q is not known", r.Type)
	}
	if r.Sender.IsZero() || r.Server.IsZero() || provider.IsZero() || r.ID == "" {
		return nil, errors.New("building a management request: sender, server, provider and id are needed")
	}
	service, err := identifier.NewService(provider, string(k.name), "")
	if err != nil {
		return nil, fmt.Errorf("building a management request: %w", err)
	}
	b := []byte(`<?xml version="1.0" encoding="utf-8" ?><SOAP-ENV:Envelope xmlns:SOAP-ENV="` + soap.EnvelopeNamespace +
		`" xmlns:id="` + identifier.Namespace + `" xmlns:xroad="` + soap.Namespace + `"><SOAP-ENV:Header xmlns:ns4="` +
		soap.RepresentationNamespace + `">`)
	b = r.Sender.AppendXML(b, "xroad:client")
	b = service.AppendXML(b, "xroad:service")
	b = xmlsafe.AppendElement(b, "xroad:id", r.ID)
	b = xmlsafe.AppendElement(b, "xroad:protocolVersion", soap.ProtocolVersion)
	b = append(b, `</SOAP-ENV:Header><SOAP-ENV:Body><xroad:`+k.name+`>`...)
	for _, f := range k.body {
		if b, err = f.write(b, r); err != nil {
			return nil, fmt.Errorf("building %s: %w", k.name, err)
		}
	}
	return append(b, `</xroad:`+k.name+`></SOAP-ENV:Body></SOAP-ENV:Envelope>`...), nil
}
