package setup

import (
	"context"
	"slices"
	"strings"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

// Status is how far initialization has come.
type Status struct {
	Anchor, Code, Owner, Token bool
}

func (s Status) complete() bool { return s.Code && s.Owner && s.Token }

// Initial is what an administrator enters to initialize the server. What is there already must be left empty.
type Initial struct {
	OwnerClass, OwnerCode, ServerCode, PIN string
	IgnoreWarnings                         bool
}

// Status tells how far initialization has come.
func (s *Setup) Status(ctx context.Context) (Status, error) {
	var status Status
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		status, err = readStatus(tx)
		return err
	})
	return status, err
}

func readStatus(tx Tx) (Status, error) {
	_, anchor, err := tx.Anchor()
	if err != nil {
		return Status{}, err
	}
	owner, code, err := tx.Identity()
	if err != nil {
		return Status{}, err
	}
	tokens, err := tx.Tokens()
	return Status{Anchor: anchor, Code: code != "", Owner: !owner.IsZero(), Token: len(tokens) > 0}, err
}

// Initialize creates what is missing: the owner as a saved client with connection type HTTPS, the server code, the software token. Refusals in
// this order: anchor_not_found, server_already_fully_initialized, invalid_init_params, global_conf_outdated, token_weak_pin and
// token_invalid_characters, and the warnings of X-Road 7.
func (s *Setup) Initialize(ctx context.Context, in Initial) error {
	for _, p := range []*string{&in.OwnerClass, &in.OwnerCode, &in.ServerCode} {
		*p = strings.TrimSpace(*p)
	}
	status, err := s.Status(ctx)
	if err != nil {
		return err
	}
	if err := checkInitial(status, in); err != nil {
		return err
	}
	snapshot := s.config.Conf.Current()
	if snapshot == nil {
		return fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
	}
	if err := snapshot.Valid(s.config.Now()); err != nil {
		return err
	}
	var softToken keys.Token
	if !status.Token {
		if softToken, err = keys.NewSoftToken(s.config.Rand, in.PIN); err != nil { // slow on purpose: outside the transaction
			return err
		}
	}
	err = s.config.Store.Update(ctx, func(tx Tx) error {
		now, err := readStatus(tx)
		if err != nil {
			return err
		}
		if err := checkInitial(now, in); err != nil {
			return err
		}
		if err := s.identity(ctx, tx, snapshot, in, now); err != nil {
			return err
		}
		if !now.Token {
			if err := tx.AddToken(softToken); err != nil {
				return err
			}
		}
		return tx.Audit(ctx)
	})
	if err == nil && s.config.Initialized != nil {
		s.config.Initialized(ctx)
	}
	return err
}

// identity saves the owner and the server code.
func (s *Setup) identity(ctx context.Context, tx Tx, snapshot *globalconf.Snapshot, in Initial, status Status) error {
	owner, code, err := tx.Identity()
	if err != nil {
		return err
	}
	if !status.Owner {
		if owner, err = identifier.NewMember(snapshot.Instance(), in.OwnerClass, in.OwnerCode); err != nil {
			return err
		}
	}
	if !status.Code {
		code = in.ServerCode
	}
	audit.Put(ctx, "ownerIdentifier", owner)
	audit.Put(ctx, "serverCode", code)
	if err := initialWarnings(snapshot, in, owner, code, status); err != nil {
		return err
	}
	if !status.Owner {
		if err := tx.AddClient(client.Client{ID: owner, Status: client.Saved, Connection: client.HTTPS}); err != nil {
			return err
		}
		if err := tx.SetOwner(owner); err != nil {
			return err
		}
	}
	if !status.Code {
		return tx.SetServerCode(code)
	}
	return nil
}

func initialWarnings(snapshot *globalconf.Snapshot, in Initial, owner identifier.ClientID, code string, status Status) error {
	if in.IgnoreWarnings {
		return nil
	}
	server, err := identifier.NewSecurityServer(owner, code)
	if err != nil {
		return err
	}
	f := fault.New(fault.Invalid, "warnings_detected", "Initialization needs to be confirmed")
	if _, known := snapshot.MemberName(owner); !known {
		f.Message = "The person/organisation '" + owner.Encoded() + "' is not registered as X-Road member"
		f.Warnings = append(f.Warnings, fault.Warning{Code: "init_unregistered_member", Metadata: []string{owner.Short()}})
	}
	if snapshot.HasServer(server) {
		f.Warnings = append(f.Warnings, fault.Warning{Code: "init_server_id_exists", Metadata: []string{server.Short()}})
	}
	for _, have := range []struct {
		exists bool
		code   string
	}{{status.Code, "init_servercode_exists"}, {status.Owner, "init_server_owner_exists"}, {status.Token, "init_software_token_initialized"}} {
		if have.exists {
			f.Warnings = append(f.Warnings, fault.Warning{Code: have.code})
		}
	}
	if len(f.Warnings) == 0 {
		return nil
	}
	return f
}

// checkInitial asks for exactly what is missing.
func checkInitial(status Status, in Initial) error {
	if !status.Anchor {
		return fault.New(fault.Conflict, "anchor_not_found", "There is no configuration anchor yet")
	}
	if status.complete() {
		return fault.New(fault.Conflict, "server_already_fully_initialized", "The server is fully initialized already")
	}
	var problems []string
	invalidParts := map[string][]string{}
	for _, p := range []struct {
		value, missing, exists, field string
		have                          bool
	}{
		{in.ServerCode, "server_code_not_provided", "server_code_exists", "initialServerConfDto.securityServerCode", status.Code},
		{in.OwnerClass, "member_class_not_provided", "member_class_exists", "initialServerConfDto.ownerMemberClass", status.Owner},
		{in.OwnerCode, "member_code_not_provided", "member_code_exists", "initialServerConfDto.ownerMemberCode", status.Owner},
		{in.PIN, "pin_not_provided", "pin_exists", "", status.Token},
	} {
		switch {
		case p.have && p.value != "":
			problems = append(problems, p.exists)
		case !p.have && p.value == "":
			problems = append(problems, p.missing)
		case p.value != "" && p.field != "" && identifier.Part(p.value) != "":
			invalidParts[p.field] = []string{identifier.Part(p.value)}
		}
	}
	if len(problems) > 0 {
		return fault.New(fault.Invalid, "invalid_init_params", "Invalid initialization parameters").With(problems...)
	}
	if len(invalidParts) > 0 {
		f := fault.New(fault.Invalid, "validation_failure", "Invalid initialization parameters")
		f.Fields = invalidParts
		return f
	}
	return nil
}

// ApprovedTimestamping are the time-stamping services of the global configuration.
func (s *Setup) ApprovedTimestamping() []Timestamping {
	snapshot := s.config.Conf.Current()
	if snapshot == nil {
		return nil
	}
	var list []Timestamping
	for _, a := range snapshot.TimestampingAuthorities() {
		cost := a.CostType
		if cost == "" {
			cost = "UNDEFINED"
		}
		list = append(list, Timestamping{Name: a.Name, URL: a.URL, CostType: cost})
	}
	return list
}

// Timestamping are the configured ones.
func (s *Setup) Timestamping(ctx context.Context) ([]Timestamping, error) {
	var list []Timestamping
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		list, err = tx.Timestamping()
		return err
	})
	return list, err
}

// AddTimestamping configures an approved time-stamping service. Faults: timestamping_service_not_found,
// timestamping_service_already_configured.
func (s *Setup) AddTimestamping(ctx context.Context, t Timestamping) (Timestamping, error) {
	putTimestamping(ctx, t)
	approved := s.ApprovedTimestamping()
	at := slices.IndexFunc(approved, func(a Timestamping) bool { return a.Name == t.Name && a.URL == t.URL })
	if at < 0 {
		return t, noTimestamping(t)
	}
	t = approved[at]
	audit.Put(ctx, "tspCostType", t.CostType)
	return t, s.config.Store.Update(ctx, func(tx Tx) error {
		have, err := tx.Timestamping()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(have, func(h Timestamping) bool { return h.URL == t.URL }) {
			return fault.New(fault.Conflict, "timestamping_service_already_configured", "Time-stamping service '%s' is configured already", t.Name).With(t.Name)
		}
		if err := tx.AddTimestamping(t); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

// DeleteTimestamping removes a configured time-stamping service; NotFound timestamping_service_not_found.
func (s *Setup) DeleteTimestamping(ctx context.Context, t Timestamping) error {
	putTimestamping(ctx, t)
	return s.config.Store.Update(ctx, func(tx Tx) error {
		have, err := tx.Timestamping()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(have, func(h Timestamping) bool { return h.Name == t.Name && h.URL == t.URL })
		if at < 0 {
			return noTimestamping(t)
		}
		if err := tx.DeleteTimestamping(have[at]); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

func noTimestamping(t Timestamping) error {
	return fault.New(fault.NotFound, "timestamping_service_not_found", "Time-stamping service '%s' not found", t.Name).With(t.Name)
}

func putTimestamping(ctx context.Context, t Timestamping) {
	audit.Put(ctx, "tspName", t.Name)
	audit.Put(ctx, "tspUrl", t.URL)
}
