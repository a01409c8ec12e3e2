package management

import (
	"context"
	"crypto/x509"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/request"
)

// The beginnings of what an administrator reads.
const (
	newServerFailed      = "Failed to add new owned server request: "                  // UC MEMBER_12
	newCertificateFailed = "Failed to add authentication certificate adding request: " // UC MEMBER_23
	importFailed         = "Failed to import authentication certificate: "
	wrongFormat          = "Incorrect file format. Only PEM and DER files allowed." // UC MEMBER_12 6a, 23 4a
	notForAuthentication = "This certificate cannot be used for authentication."    // UC MEMBER_12 6b
)

// authCertReg registers an authentication certificate, and its server if that is new.
func authCertReg() behaviour {
	b := behaviour{
		look: func(ctx context.Context, tx Tx, in *submission) error {
			server, err := tx.Server(in.Server)
			if server == nil {
				in.newServer = true
			}
			if !in.newServer {
				audit.SetEvent(ctx, "Add authentication certificate for security server")
			}
			return err
		},
		check:   checkAuthCertReg,
		subject: func(in *submission) string { return hashOf(in.AuthCertificate) },
		duplicate: func(in *submission, pending *Record) error {
			return fault.New(fault.Conflict, "management_request_exists", "%sCertificate is already submitted for registration with request '%d'",
				in.authCertPrefix(), pending.ID).With(idText(pending.ID))
		},
		approve: approveAuthCert,
		ready: func(s *Service, tx Tx, in *submission) (bool, error) {
			if !s.settings.AutoApprove.AuthCertReg {
				return false, nil
			}
			owner, err := tx.Client(in.Server.Owner())
			return owner != nil, err
		},
	}
	b.needs.certificate, b.needs.address = true, true
	return b
}

// authCertPrefix is how refusals begin: security servers get the bare sentence (UC MEMBER_28).
func (in *submission) authCertPrefix() string {
	switch {
	case in.origin == SecurityServer:
		return ""
	case in.newServer:
		return newServerFailed
	}
	return newCertificateFailed
}

func checkAuthCertReg(tx Tx, in *submission) error {
	parsed, err := authCertificate(in.AuthCertificate)
	if err != nil {
		return err
	}
	in.AuthCertificate = parsed.Raw
	if in.origin == Center {
		if owner, err := tx.Client(in.Server.Owner()); err != nil {
			return err
		} else if owner == nil {
			return fault.New(fault.NotFound, "management_request_server_owner_not_found", "%sMember '%s' not found", in.authCertPrefix(), in.Server.Owner()).
				With(in.Server.Owner().Short())
		}
		if err := verifyIssued(tx, in.Server.Instance(), parsed); err != nil {
			return err
		}
	}
	if known, err := tx.Certificate(hashOf(parsed.Raw)); err != nil {
		return err
	} else if known != nil {
		sentence := "Certificate is already registered, request id '%d'"
		if in.origin == Center {
			sentence = in.authCertPrefix() + "Certificate is already submitted for registration with request '%d'"
		}
		return fault.New(fault.Conflict, "management_request_security_server_exists", sentence, known.RequestID).With(idText(known.RequestID))
	}
	if !in.newServer {
		return nil
	}
	// The certificate's own duplicate comes before the server's (UC MEMBER_12 8, 9).
	if pending, err := tx.Pending(in.Type, hashOf(parsed.Raw)); err != nil || pending != nil && pending.Requests[0].Origin == in.origin {
		return err
	}
	if server, err := tx.Server(in.Server); err != nil {
		return err
	} else if server != nil {
		return fault.New(fault.Conflict, "security_server_exists", newServerFailed+"Server with owner class '%s', owner code '%s' and server code '%s' already exists.",
			in.Server.Owner().MemberClass(), in.Server.Owner().MemberCode(), in.Server.ServerCode()).With(in.Server.Short())
	}
	return nil
}

// CheckFile refuses a file that holds no authentication certificate in PEM or DER: what the form of UC MEMBER_12 is asked first (step 6). Fault:
// management_request_invalid_auth_certificate.
func CheckFile(file []byte) error {
	_, err := authCertificate(file)
	return err
}

// authCertificate reads a PEM or DER file and refuses what is not an authentication certificate (UC MEMBER_12 6).
func authCertificate(file []byte) (*x509.Certificate, error) {
	parsed, err := certificate.ParseFile(file)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "management_request_invalid_auth_certificate", importFailed+wrongFormat).With(wrongFormat)
	}
	if !certificate.IsAuthentication(parsed) {
		return nil, fault.New(fault.Invalid, "management_request_invalid_auth_certificate", importFailed+notForAuthentication).With(notForAuthentication)
	}
	return parsed, nil
}

// verifyIssued refuses a certificate of an unknown issuer, a forged one, and one that is not valid now.
func verifyIssued(tx Tx, instance string, c *x509.Certificate) error {
	services, err := tx.CertificationServices()
	if err != nil {
		return err
	}
	approved, err := trust.Build(instance, services)
	if err != nil {
		return err
	}
	if err := approved.VerifyIssued(c, tx.Now()); err != nil {
		return fault.Wrap(err, fault.Invalid, "management_request_invalid_auth_certificate", "%s%s", importFailed, fault.From(err).Message).
			With(fault.From(err).Message)
	}
	return nil
}

// approveAuthCert saves the server, if it is new, and the certificate (UC MEMBER_36).
func approveAuthCert(ctx context.Context, tx Tx, approved *Record, pair []Record) error {
	if err := ensureMember(ctx, tx, approved.Server.Owner()); err != nil {
		return err
	}
	address, source := addressOf(approved, pair), approved.ID
	for _, r := range pair {
		if r.Origin == SecurityServer {
			source = r.ID
		}
	}
	server, err := tx.Server(approved.Server)
	switch {
	case err != nil:
		return err
	case server == nil:
		err = tx.AddServer(approved.Server, address)
	case address != "":
		err = tx.SetServerAddress(approved.Server, address)
	}
	if err != nil {
		return err
	}
	if err := tx.AddCertificate(approved.Server, approved.Certificate, source); err != nil {
		return err
	}
	if err := tx.EnsureGroup(registry.OwnersGroup, registry.OwnersGroupDescription); err != nil {
		return err
	}
	return tx.AddToGroup(registry.OwnersGroup, approved.Server.Owner())
}

// addressOf is the address of the approved request, or else of its complement: the form in the central server asks for none.
func addressOf(approved *Record, pair []Record) string {
	address := approved.Address
	for _, r := range pair {
		if address == "" {
			address = r.Address
		}
	}
	return address
}

// authCertDeletion takes a certificate off a server (UC MEMBER_24, 29).
func authCertDeletion() behaviour {
	b := behaviour{
		check: func(_ Tx, in *submission) error {
			parsed, err := certificate.ParseFile(in.AuthCertificate)
			if err != nil {
				return fault.Wrap(err, fault.Invalid, "management_request_invalid_auth_certificate", "Authentication certificate cannot be read")
			}
			in.AuthCertificate = parsed.Raw
			return nil
		},
		execute: func(tx Tx, in *submission, id int64) error {
			hash := hashOf(in.AuthCertificate)
			revoked, err := revokeWaiting(tx, request.AuthCertReg, hash, in.origin, in.Server, id)
			if err != nil {
				return err
			}
			known, err := tx.Certificate(hash)
			switch {
			case err != nil:
				return err
			case known != nil && known.Server == in.Server:
				return tx.RemoveCertificate(known.ID)
			case !revoked && in.origin == Center:
				return fault.New(fault.Conflict, "management_request_invalid_auth_certificate",
					"Authentication certificate is not registered for security server '%s'", in.Server)
			}
			return nil // a security server may ask for what is already so (UC MEMBER_29 7a)
		},
	}
	b.needs.certificate = true
	return b
}
