package client

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// Rename names a subsystem. The name of a saved one is remembered and goes to the central server with its registration; that of a registered
// one is sent at once, and pending until the global configuration shows it.
//
// Refusals in this order: validation_failure, client_not_found, global_conf_outdated, action_not_possible, invalid_client_name when the global
// configuration has that name already, client_rename_already_submitted, "Failed to send rename request: X", after which nothing is pending.
func (s *Service) Rename(ctx context.Context, id identifier.ClientID, name string) error {
	name = strings.TrimSpace(name)
	audit.Put(ctx, "clientIdentifier", id)
	audit.Put(ctx, "memberSubsystemName", name)
	if err := parseName(name); err != nil {
		return err
	}
	e := renaming(name)
	remembered := false
	err := s.config.Store.Update(ctx, func(tx Tx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		if remembered = c.Status == Saved; !remembered {
			return nil // nothing is written: the errand looks at everything itself
		}
		snapshot, err := s.snapshot()
		if err != nil {
			return err
		}
		if err := e.allowed(c, snapshot); err != nil {
			return err
		}
		c.PendingName = name
		if err := tx.SaveClient(c); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
	if err != nil || remembered {
		return err
	}
	return s.run(ctx, id, e, nil)
}

func parseName(name string) error {
	var constraint, message string
	switch {
	case name == "":
		constraint, message = "NotBlank", "Missing parameter: 'subsystem name'"
	case utf8.RuneCountInString(name) > maxInput:
		constraint, message = "Size", "Parameter subsystem name input exceeds 255 characters"
	default:
		return nil
	}
	invalid := fault.New(fault.Invalid, "validation_failure", "%s", message)
	invalid.Fields = map[string][]string{"clientNameDto.clientName": {constraint}}
	return invalid
}

// renaming is the errand of a registered subsystem's new name.
func renaming(name string) errand {
	return errand{kind: request.ClientRename, event: Rename, what: "rename",
		before: func(c Client, snapshot *globalconf.Snapshot) error {
			if !c.ID.IsSubsystem() || snapshot.Version() < 5 {
				return fault.New(fault.Conflict, "action_not_possible", "Only subsystems have names of their own")
			}
			if known, ok := snapshot.SubsystemName(c.ID); ok && known == name {
				return fault.New(fault.Conflict, "invalid_client_name", "The subsystem has the name '%s' already", name).With(name)
			}
			return nil
		},
		after: func(c Client, _ *globalconf.Snapshot) error {
			if c.Submitted {
				return fault.New(fault.Conflict, "client_rename_already_submitted", "The name '%s' has already been submitted", c.PendingName).With(c.PendingName)
			}
			return nil
		},
		send: func(ctx context.Context, sender Sender, server identifier.SecurityServerID, c Client) (int64, error) {
			return sender.RenameClient(ctx, server, c.ID, name)
		},
		taken: func(c *Client, snapshot *globalconf.Snapshot) { c.submit(name, snapshot) }}
}

// submit makes a name pending that the central server has taken.
func (c *Client) submit(name string, snapshot *globalconf.Snapshot) {
	c.PendingName, c.Submitted = name, true
	c.Replaced, _ = snapshot.SubsystemName(c.ID)
}

// settled reports that a pending name is pending no more: the configuration shows it, or some third one, or the client has just been registered
// with whatever name the central server gave it.
func (c *Client) settled(known string, before Status) bool {
	registered := c.Status == Registered && (before == Saved || before == RegistrationInProgress)
	return known == c.PendingName || c.Submitted && known != c.Replaced || registered
}

var ownership = errand{kind: request.OwnerChange, event: MakeOwner, what: "owner change",
	before: func(c Client, _ *globalconf.Snapshot) error {
		if c.Owner {
			return fault.New(fault.Invalid, "member_already_owner", "The member owns this security server already").With(c.ID.Encoded())
		}
		return nil
	},
	send: func(ctx context.Context, sender Sender, server identifier.SecurityServerID, c Client) (int64, error) {
		return sender.ChangeOwner(ctx, server, c.ID)
	}}

// MakeOwner asks the central server to give this security server to a registered member. Nothing changes here until the global configuration
// shows the server under its new owner.
//
// Refusals in this order: action_not_possible for a subsystem, client_not_found, global_conf_outdated, member_already_owner,
// action_not_possible, "Failed to send owner change request: X".
func (s *Service) MakeOwner(ctx context.Context, id identifier.ClientID) error {
	if id.IsSubsystem() {
		audit.Put(ctx, "clientIdentifier", id)
		return fault.New(fault.Conflict, "action_not_possible", "Only a member can own a security server")
	}
	return s.run(ctx, id, ownership, nil)
}
