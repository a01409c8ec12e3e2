package request

import (
	"bytes"
	"strings"

	"github.com/ristmik/ristmik/pkg/identifier"
)

// checkRequest checks what a verified request says: instance, sender, signer, and the values of its type.
func (v *Verifier) checkRequest(p *parcel, r *Request) error {
	if !r.Server.Valid() {
		return refuse("invalid_client_identifier", "The management request contains an invalid identifier.")
	}
	header := p.message.Header
	here := r.Server.Instance() == v.Instance && header.Client.Instance() == v.Instance && header.Service.Provider() == v.Provider &&
		(r.Client.IsZero() || r.Client.Instance() == v.Instance)
	if !here {
		return refuse("invalid_request", "Invalid management service address. Contact central server administrator")
	}
	if r.Server.Owner() != header.Client {
		return refuse("invalid_request",
			"The security server owner identifier in the request (%s) and the service client identifier (%s) in the SOAP header do not match",
			r.Server.Owner(), header.Client)
	}
	if r.Type == AuthCertReg && !bytes.Equal(r.AuthCertificate, p.parts[3].Body) {
		return refuse("cert_validation", "Authentication certificates do not match.")
	}
	if err := checkSubject(p, r); err != nil {
		return err
	}
	return checkValues(r)
}

// checkValues looks at what the type holds besides identifiers and certificates (PR-MSERV).
func checkValues(r *Request) error {
	switch r.Type {
	case AuthCertReg, AddressChange:
		if !identifier.ValidAddress(r.Address) {
			return refuse("invalid_request", "Invalid server address")
		}
	case ClientReg, ClientRename:
		if !r.Client.IsSubsystem() && (r.SubsystemName != "" || r.Type == ClientRename) {
			return refuse("invalid_request", "Only name of subsystem can be changed")
		}
		if r.Type == ClientRename && strings.TrimSpace(r.SubsystemName) == "" {
			return refuse("invalid_request", "Invalid subsystem name")
		}
	default: // the others hold identifiers and free text
	}
	return nil
}

// checkSubject compares the member that the signing certificate names with the one that must have signed.
func checkSubject(p *parcel, r *Request) error {
	var must identifier.ClientID
	text := "Subject identifier (%s) in certificate does not match client's member identifier (%s) in request"
	switch p.kind.signer {
	case ofClient:
		must = r.Client.Member()
	case owner:
		must = r.Server.Owner()
		text = "Subject identifier (%s) in certificate does not match security server owner identifier (%s) in request"
	default:
		return nil
	}
	if p.member != must {
		return refuse("invalid_request", text, p.member, must)
	}
	return nil
}
