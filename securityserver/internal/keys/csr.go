package keys

import (
	"context"
	"slices"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Format is how a request is written into a file.
type Format string

// The formats.
const (
	PEM Format = "PEM"
	DER Format = "DER"
)

// RequestSpec says what a certificate signing request is to contain (UC SS_29).
type RequestSpec struct {
	Usage     certificate.Usage
	Authority string              // name of an approved certification service
	Member    identifier.ClientID // for signing; its member part counts
	Format    Format              // of the file; for the audit record only
	Fields    map[string]string   // values of the profile's fields; those of read-only fields are ignored
}

// Encode writes the request as a file.
func (r Request) Encode(f Format) []byte {
	if f == DER {
		return r.DER
	}
	return certificate.EncodeRequestPEM(r.DER)
}

// Authorities gives the approved certification services of the own instance, top CAs first of each service. With a usage, those that are for
// authentication only are left out for signing.
func (k *Keys) Authorities(usage certificate.Usage) ([]*certificate.Authority, error) {
	trust, _, err := k.trust()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(trust.Authorities), func(a *certificate.Authority) bool {
		return usage == certificate.Signing && a.Root().AuthenticationOnly
	}), nil
}

func (k *Keys) authority(name string, usage certificate.Usage) (*certificate.Authority, *globalconf.Snapshot, error) {
	trust, snapshot, err := k.trust()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range trust.Authorities {
		if a.Top != nil || a.Name != name {
			continue
		}
		if usage == certificate.Signing && a.AuthenticationOnly {
			return nil, nil, fault.New(fault.Invalid, "wrong_key_usage", "Certification service '%s' issues authentication certificates only", name).With(name)
		}
		return a, snapshot, nil
	}
	return nil, nil, fault.New(fault.NotFound, "certificate_authority_not_found", "Certification service '%s' not found", name).With(name)
}

// Fields are the subject fields of a request to a certification service, filled with what the server knows. member is ignored for
// authentication. Faults: certificate_authority_not_found, wrong_key_usage, missing_member_id.
func (k *Keys) Fields(ctx context.Context, authority string, usage certificate.Usage, member identifier.ClientID) ([]certificate.Field, error) {
	a, snapshot, err := k.authority(authority, usage)
	if err != nil {
		return nil, err
	}
	v, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	if usage == certificate.Authentication {
		member = v.server.Owner()
	}
	if member.IsZero() {
		return nil, fault.New(fault.Invalid, "missing_member_id", "A signing certificate needs a member")
	}
	name, _ := snapshot.MemberName(member.Member())
	subject := certificate.Subject{Instance: member.Instance(), MemberClass: member.MemberClass(), MemberCode: member.MemberCode(), MemberName: name,
		ServerCode: v.server.ServerCode(), ServerOwner: v.server.Owner()}
	if address, ok := snapshot.Address(v.server); ok {
		subject.DNSName = address
	}
	if usage == certificate.Authentication {
		return a.Profile.AuthenticationFields(subject), nil
	}
	return a.Profile.SigningFields(subject), nil
}

// GenerateRequest makes a certificate signing request for a key (UC SS_29). The key takes the request's usage. Faults: key_not_found,
// action_not_possible (token logged out), wrong_key_usage, client_not_found, certificate_authority_not_found, invalid_dn_parameter.
func (k *Keys) GenerateRequest(ctx context.Context, keyID string, spec RequestSpec) (Request, error) {
	v, err := k.load(ctx)
	if err != nil {
		return Request{}, err
	}
	t, key, err := findKey(v.tokens, keyID)
	if err != nil {
		return Request{}, err
	}
	putKey(ctx, t, key)
	r, err := k.request(ctx, v, key, spec)
	if err != nil {
		return Request{}, err
	}
	return r, k.config.Store.Update(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		if t, key, err = findKey(tokens, keyID); err != nil {
			return err
		}
		if err := usable(key, spec.Usage); err != nil {
			return err
		}
		key.Usage = spec.Usage
		if err := tx.SaveKey(key); err != nil {
			return err
		}
		if err := tx.AddRequest(r); err != nil {
			return err
		}
		putKey(ctx, t, key)
		return tx.Audit(ctx)
	})
}

// GenerateKeyAndRequest makes both or neither.
func (k *Keys) GenerateKeyAndRequest(ctx context.Context, tokenID, label string, spec RequestSpec) (Key, Request, error) {
	t, key, err := k.generate(ctx, tokenID, label)
	if err != nil {
		return Key{}, Request{}, err
	}
	putNewKey(ctx, t, key)
	v, err := k.load(ctx)
	if err != nil {
		return Key{}, Request{}, err
	}
	r, err := k.request(ctx, v, key, spec)
	if err != nil {
		return Key{}, Request{}, err
	}
	key.Usage = spec.Usage
	err = k.config.Store.Update(ctx, func(tx Tx) error {
		if err := tx.AddKey(key); err != nil {
			return err
		}
		if err := tx.AddRequest(r); err != nil {
			return err
		}
		putNewKey(ctx, t, key)
		return tx.Audit(ctx)
	})
	key.Requests = []Request{r}
	return key, r, err
}

func usable(key Key, usage certificate.Usage) error {
	if key.Usage != "" && key.Usage != usage {
		return fault.New(fault.Invalid, "wrong_key_usage", "The key is for %s", key.Usage).With(string(key.Usage))
	}
	return nil
}

// request builds and signs one request.
func (k *Keys) request(ctx context.Context, v *view, key Key, spec RequestSpec) (Request, error) {
	if spec.Usage != certificate.Authentication && spec.Usage != certificate.Signing {
		return Request{}, fault.New(fault.Invalid, "wrong_key_usage", "Unknown key usage '%s'", spec.Usage)
	}
	if err := usable(key, spec.Usage); err != nil {
		return Request{}, err
	}
	member := identifier.ClientID{}
	if spec.Usage == certificate.Signing {
		if spec.Member.IsZero() {
			return Request{}, fault.New(fault.Invalid, "missing_member_id", "A signing certificate needs a member")
		}
		member = spec.Member.Member()
		if err := k.isLocal(ctx, member); err != nil {
			return Request{}, err
		}
	}
	a, _, err := k.authority(spec.Authority, spec.Usage)
	if err != nil {
		return Request{}, err
	}
	fields, err := k.Fields(ctx, spec.Authority, spec.Usage, member)
	if err != nil {
		return Request{}, err
	}
	entered := map[string]string{}
	for id, value := range spec.Fields {
		if !slices.ContainsFunc(fields, func(f certificate.Field) bool { return f.ID == id && f.ReadOnly }) {
			entered[id] = value
		}
	}
	values, err := certificate.ResolveFields(fields, entered)
	if err != nil {
		return Request{}, err
	}
	signer, err := k.signer(key)
	if err != nil {
		return Request{}, err
	}
	der, err := certificate.CreateRequest(k.config.Rand, signer, spec.Usage, values)
	if err != nil {
		return Request{}, err
	}
	id, err := k.newID()
	if err != nil {
		return Request{}, err
	}
	putRequest(ctx, member, spec, values)
	return Request{ID: id, KeyID: key.ID, Member: member, Profile: a.Profile.Class(), DER: der}, nil
}

func putRequest(ctx context.Context, member identifier.ClientID, spec RequestSpec, values []certificate.FieldValue) {
	subject := ""
	for i, f := range values {
		if i > 0 {
			subject += ", "
		}
		subject += f.ID + "=" + f.Value
	}
	audit.Put(ctx, "keyUsage", string(spec.Usage))
	if !member.IsZero() {
		audit.Put(ctx, "clientIdentifier", member)
	}
	audit.Put(ctx, "subjectName", subject)
	audit.Put(ctx, "certificationServiceName", spec.Authority)
	audit.Put(ctx, "csrFormat", string(spec.Format))
}

// isLocal asks that the member is a client here, or has a subsystem that is one: Invalid client_not_found.
func (k *Keys) isLocal(ctx context.Context, member identifier.ClientID) error {
	return k.config.Store.View(ctx, func(tx Tx) error { return localMember(tx, member) })
}

func localMember(tx Tx, member identifier.ClientID) error {
	ids, err := tx.ClientIDs()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(ids, func(id identifier.ClientID) bool { return id.Member() == member.Member() }) {
		return nil
	}
	return fault.New(fault.Invalid, "client_not_found", "Client '%s' not found", member.Encoded()).With(member.Encoded())
}

// Request finds a request; NotFound key_not_found or csr_not_found.
func (k *Keys) Request(ctx context.Context, keyID, id string) (Request, error) {
	v, err := k.load(ctx)
	if err != nil {
		return Request{}, err
	}
	_, _, r, err := findRequest(v.tokens, keyID, id)
	return r, err
}

// DeleteRequest forgets a request (UC SS_39).
func (k *Keys) DeleteRequest(ctx context.Context, keyID, id string) error {
	return k.config.Store.Update(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		t, key, r, err := findRequest(tokens, keyID, id)
		if err != nil {
			return err
		}
		putKey(ctx, t, key)
		audit.Put(ctx, "csrId", r.ID)
		if err := tx.DeleteRequest(r.ID); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}
