package client

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// maxInput is the longest input of a form field (UC MEMBER_54).
const maxInput = 255

// Addition is a client that an administrator enters. The instance is always this server's.
type Addition struct {
	MemberClass, MemberCode, SubsystemCode, SubsystemName string
	Connection                                            Connection
	IgnoreWarnings                                        bool
}

// Parse trims the input, asks for the mandatory fields and bounds every one (UC MEMBER_54); the fault is Invalid validation_failure.
func (a *Addition) Parse() error {
	for _, f := range []struct {
		label, key string
		value      *string
		mandatory  bool
	}{
		{"member class", "memberClass", &a.MemberClass, true}, {"member code", "memberCode", &a.MemberCode, true},
		{"subsystem code", "subsystemCode", &a.SubsystemCode, false}, {"subsystem name", "subsystemName", &a.SubsystemName, false},
	} {
		*f.value = strings.TrimSpace(*f.value)
		constraint, message := "", ""
		switch {
		case *f.value == "" && f.mandatory:
			constraint, message = "NotBlank", "Missing parameter: '"+f.label+"'"
		case utf8.RuneCountInString(*f.value) > maxInput:
			constraint, message = "Size", "Parameter "+f.label+" input exceeds 255 characters"
		case *f.value != "" && f.key != "subsystemName" && identifier.Part(*f.value) != "":
			constraint, message = identifier.Part(*f.value), "Parameter "+f.label+" contains invalid characters"
		}
		if constraint != "" {
			invalid := fault.New(fault.Invalid, "validation_failure", "%s", message)
			invalid.Fields = map[string][]string{"clientAddDto.client." + f.key: {constraint}}
			return invalid
		}
	}
	return nil
}

// Add saves a client (UC MEMBER_47). It is registered at once when the global configuration lists it under this server already, otherwise
// saved. Faults, in this order: validation_failure, invalid_member_class, client_already_exists, additional_member_already_exists,
// and the warning unregistered_member.
func (s *Service) Add(ctx context.Context, a Addition) (Client, error) {
	if err := a.Parse(); err != nil {
		return Client{}, err
	}
	snapshot, err := s.snapshot()
	if err != nil {
		return Client{}, err
	}
	id, err := identifier.NewMember(snapshot.Instance(), a.MemberClass, a.MemberCode)
	if err != nil {
		return Client{}, err
	}
	if a.SubsystemCode != "" {
		if id, err = id.Subsystem(a.SubsystemCode); err != nil {
			return Client{}, err
		}
	}
	added := Client{ID: id, Status: Saved, Connection: a.Connection}
	audit.Put(ctx, "clientIdentifier", id)
	audit.Put(ctx, "isAuthentication", a.Connection.Audit())
	if !slices.Contains(snapshot.MemberClasses(snapshot.Instance()), a.MemberClass) {
		return Client{}, fault.New(fault.Invalid, "invalid_member_class", "Invalid member class: %s", a.MemberClass).With(a.MemberClass)
	}
	if known, _ := snapshot.SubsystemName(id); id.IsSubsystem() && a.SubsystemName != known {
		added.PendingName = a.SubsystemName
	}
	err = s.config.Store.Update(ctx, func(tx Tx) error {
		server, err := ownServer(tx)
		if err != nil {
			return err
		}
		if err := mayAdd(tx, id); err != nil {
			return err
		}
		if _, known := snapshot.MemberName(id.Member()); !known && !a.IgnoreWarnings {
			return unregisteredMember(id.Member())
		}
		if snapshot.Lists(server, id) {
			if added.Status, err = Saved.Next(Listed); err != nil {
				return err
			}
		}
		if err := tx.AddClient(added); err != nil {
			return err
		}
		putClient(ctx, added)
		return tx.Audit(ctx)
	})
	return added, err
}

func mayAdd(tx Tx, id identifier.ClientID) error {
	all, err := tx.Clients()
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.ID == id {
			return fault.New(fault.Conflict, "client_already_exists", "Client already exists").With(id.Encoded())
		}
	}
	for _, c := range all {
		if !id.IsSubsystem() && !c.ID.IsSubsystem() && !c.Owner {
			return fault.New(fault.Conflict, "additional_member_already_exists",
				"This server already has a member besides its owner: %s", c.ID.Encoded()).With(c.ID.Encoded())
		}
	}
	return nil
}

func unregisteredMember(member identifier.ClientID) error {
	warning := fault.New(fault.Invalid, "warnings_detected", "The person/organisation '%s' is not registered as X-Road member", member.Encoded())
	warning.Warnings = []fault.Warning{{Code: "unregistered_member", Metadata: []string{member.Short()}}}
	return warning
}

// SetConnection changes how the client's information systems connect (UC MEMBER_49), in any state.
func (s *Service) SetConnection(ctx context.Context, id identifier.ClientID, connection Connection) (Client, error) {
	audit.Put(ctx, "clientIdentifier", id)
	audit.Put(ctx, "isAuthentication", connection.Audit())
	var c Client
	err := s.config.Store.Update(ctx, func(tx Tx) (err error) {
		if c, err = tx.Client(id); err != nil {
			return err
		}
		c.Connection = connection
		if err := tx.SaveClient(c); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
	return c, err
}

// Delete removes a client with all that belongs to it (UC MEMBER_53). Faults: client_not_found, cannot_delete_owner, action_not_possible.
func (s *Service) Delete(ctx context.Context, id identifier.ClientID) error {
	audit.Put(ctx, "clientIdentifier", id)
	return s.config.Store.Update(ctx, func(tx Tx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		if c.Owner {
			return fault.New(fault.Conflict, "cannot_delete_owner", "The owner of the security server cannot be deleted")
		}
		if _, err := c.Status.Next(Delete); err != nil {
			return err
		}
		server, err := ownServer(tx)
		if err != nil {
			return err
		}
		if err := tx.DeleteClient(id); err != nil {
			return err
		}
		if !s.elsewhere(server, id) {
			if err := tx.DeleteSubject(id); err != nil {
				return err
			}
		}
		return tx.Audit(ctx)
	})
}

// elsewhere reports whether another server has this client: then rights given to it still mean something. Without a configuration nobody
// knows, and rights are kept.
func (s *Service) elsewhere(own identifier.SecurityServerID, id identifier.ClientID) bool {
	snapshot := s.config.Conf.Current()
	if snapshot == nil {
		return true
	}
	return slices.ContainsFunc(snapshot.ServersOf(id), func(other globalconf.ServerLocation) bool { return other.ID != own })
}

// AddCertificate stores an internal TLS certificate in PEM or DER (UC MEMBER_50). Faults: invalid_certificate, certificate_already_exists.
func (s *Service) AddCertificate(ctx context.Context, id identifier.ClientID, file []byte) (Certificate, error) {
	audit.Put(ctx, "clientIdentifier", id)
	parsed, err := certificate.ParseFile(file)
	if err != nil {
		return Certificate{}, err
	}
	added := Certificate{Hash: strings.ToLower(certificate.SHA256Hex(parsed)), DER: parsed.Raw}
	putCertificate(ctx, added)
	return added, s.config.Store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Client(id); err != nil {
			return err
		}
		if err := tx.AddInternalCertificate(id, added); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

// DeleteCertificate removes an internal TLS certificate (UC MEMBER_51). Faults: client_not_found, certificate_not_found.
func (s *Service) DeleteCertificate(ctx context.Context, id identifier.ClientID, hash string) error {
	audit.Put(ctx, "clientIdentifier", id)
	return s.config.Store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Client(id); err != nil {
			return err
		}
		all, err := tx.InternalCertificates(id)
		if err != nil {
			return err
		}
		c, err := find(all, hash)
		if err != nil {
			return err
		}
		putCertificate(ctx, c)
		if err := tx.DeleteInternalCertificate(id, c.Hash); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

func find(list []Certificate, hash string) (Certificate, error) {
	for _, c := range list {
		if strings.EqualFold(c.Hash, hash) {
			return c, nil
		}
	}
	return Certificate{}, fault.New(fault.NotFound, "certificate_not_found", "Certificate not found").With(hash)
}

func putCertificate(ctx context.Context, c Certificate) {
	if digest, err := hex.DecodeString(c.Hash); err == nil {
		audit.Put(ctx, "certHash", audit.Hash(digest))
		audit.Put(ctx, "certHashAlgorithm", "SHA-256")
	}
}
