package client

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// errand is one kind of management request about a client.
type errand struct {
	kind     request.Type
	event    Event
	what     string // "registration": for "Failed to send registration request: X"
	newState bool   // the audit record shows the state after the change, as X-Road's does for Register only
	// check are the refusals of this errand besides the state machine, before and after it.
	before, after func(c Client, snapshot *globalconf.Snapshot) error
	send          func(ctx context.Context, sender Sender, server identifier.SecurityServerID, c Client) (int64, error)
	taken         func(c *Client, snapshot *globalconf.Snapshot) // what changes besides the state once the request was taken; nil for nothing
}

var registration = errand{kind: request.ClientReg, event: Register, what: "registration", newState: true,
	before: func(c Client, snapshot *globalconf.Snapshot) error {
		switch {
		case c.ID.Instance() != snapshot.Instance():
			return fault.New(fault.Invalid, "invalid_instance_identifier", "Invalid instance identifier: %s", c.ID.Instance()).With(c.ID.Instance())
		case !slices.Contains(snapshot.MemberClasses(snapshot.Instance()), c.ID.MemberClass()):
			return fault.New(fault.Invalid, "invalid_member_class", "Invalid member class: %s", c.ID.MemberClass()).With(c.ID.MemberClass())
		case c.Owner:
			return fault.New(fault.Invalid, "cannot_register_owner", "The owner of the security server cannot be registered as its client")
		}
		return nil
	},
	send: func(ctx context.Context, sender Sender, server identifier.SecurityServerID, c Client) (int64, error) {
		return sender.RegisterClient(ctx, server, c.ID, c.PendingName)
	},
	taken: func(c *Client, snapshot *globalconf.Snapshot) {
		if c.PendingName != "" {
			c.submit(c.PendingName, snapshot)
		}
	}}

var deletion = errand{kind: request.ClientDeletion, event: Unregister, what: "deletion",
	after: func(c Client, _ *globalconf.Snapshot) error {
		if c.Owner {
			return fault.New(fault.Conflict, "cannot_unregister_owner", "The owner of the security server cannot be unregistered")
		}
		return nil
	},
	send: func(ctx context.Context, sender Sender, server identifier.SecurityServerID, c Client) (int64, error) {
		return sender.DeleteClient(ctx, server, c.ID)
	}}

var disabling = errand{kind: request.ClientDisable, event: Disable, what: "disabling",
	after: func(c Client, snapshot *globalconf.Snapshot) error {
		if private := snapshot.Private(); private != nil && private.ManagementService.Provider == c.ID {
			return fault.New(fault.Conflict, "forbidden_disable_management_service_client", "The management services' provider cannot be disabled")
		}
		return nil
	},
	send: func(ctx context.Context, sender Sender, server identifier.SecurityServerID, c Client) (int64, error) {
		return sender.DisableClient(ctx, server, c.ID)
	}}

var enabling = errand{kind: request.ClientEnable, event: Enable, what: "enabling",
	send: func(ctx context.Context, sender Sender, server identifier.SecurityServerID, c Client) (int64, error) {
		return sender.EnableClient(ctx, server, c.ID)
	}}

// Register sends the registration request of a saved client (UC MEMBER_48). A subsystem that the global configuration does not know needs the
// administrator's consent (2a): without it the fault is the warning new_subsystem and nothing is sent.
//
// Refusals in this order: client_not_found, global_conf_outdated, invalid_instance_identifier, invalid_member_class, cannot_register_owner,
// action_not_possible, and "Failed to send registration request: X", after which the state is unchanged.
func (s *Service) Register(ctx context.Context, id identifier.ClientID, consent bool) error {
	return s.run(ctx, id, registration, func(c Client, snapshot *globalconf.Snapshot) error {
		if consent || !id.IsSubsystem() || snapshot.HasSubsystem(id) {
			return nil
		}
		warning := fault.New(fault.Invalid, "warnings_detected", "New subsystem '%s' will be submitted for registration for member '%s'.",
			id.SubsystemCode(), id.Member().Encoded())
		warning.Warnings = []fault.Warning{{Code: "new_subsystem", Metadata: []string{id.SubsystemCode(), id.Member().Encoded()}}}
		return warning
	})
}

// Unregister sends the deletion request (UC MEMBER_52). Refusals: client_not_found, global_conf_outdated, action_not_possible,
// cannot_unregister_owner, "Failed to send deletion request: X".
func (s *Service) Unregister(ctx context.Context, id identifier.ClientID) error {
	return s.run(ctx, id, deletion, nil)
}

// Disable asks the central server to take the client out of the configuration for a while. Refusals: client_not_found,
// global_conf_outdated, action_not_possible, forbidden_disable_management_service_client, "Failed to send disabling request: X".
func (s *Service) Disable(ctx context.Context, id identifier.ClientID) error {
	return s.run(ctx, id, disabling, nil)
}

// Enable undoes Disable.
func (s *Service) Enable(ctx context.Context, id identifier.ClientID) error {
	return s.run(ctx, id, enabling, nil)
}

// run is the life of a request: intent, sending, outcome.
func (s *Service) run(ctx context.Context, id identifier.ClientID, e errand, confirm func(Client, *globalconf.Snapshot) error) error {
	audit.Put(ctx, "clientIdentifier", id)
	var c Client
	var snapshot *globalconf.Snapshot
	var intent submission.Submission
	var afterUnknown bool
	err := s.config.Store.Update(ctx, func(tx Tx) (err error) {
		if c, err = tx.Client(id); err != nil {
			return err
		}
		if snapshot, err = s.snapshot(); err != nil {
			return err
		}
		if err := e.allowed(c, snapshot); err != nil {
			return err
		}
		if confirm != nil {
			if err := confirm(c, snapshot); err != nil {
				return err
			}
		}
		server, err := ownServer(tx)
		if err != nil {
			return err
		}
		last, found, err := tx.LastSubmission(id, "")
		if err != nil {
			return err
		}
		afterUnknown = found && last.Kind == e.kind && last.Outcome == submission.Unknown
		if intent, err = submission.New(s.config.Rand, e.kind, server); err != nil {
			return err
		}
		intent.Client = id
		intent.ID, err = tx.AddSubmission(intent)
		return err
	})
	if err != nil {
		return err
	}
	requestID, sendErr := e.send(submission.WithMessageID(ctx, intent.MessageID), s.config.Sender, intent.Server, c)
	intent.Resolve(requestID, sendErr, afterUnknown, s.config.Now())
	if err := s.settle(ctx, e, c, snapshot, intent); err != nil {
		return err
	}
	if intent.Outcome != submission.Sent {
		s.config.Log.Warn("management request was not taken", zap.Stringer("submission", intent), zap.Error(sendErr))
		return submission.Refusal(e.what, sendErr)
	}
	return nil
}

func (e errand) allowed(c Client, snapshot *globalconf.Snapshot) error {
	if e.before != nil {
		if err := e.before(c, snapshot); err != nil {
			return err
		}
	}
	if _, err := c.Status.Next(e.event); err != nil {
		return err
	}
	if e.after != nil {
		return e.after(c, snapshot)
	}
	return nil
}

// settle keeps the outcome and moves the state. The caller may have gone by now; the outcome is kept all the same. A state that a new
// configuration has moved in the meantime stays where it is.
func (s *Service) settle(ctx context.Context, e errand, before Client, snapshot *globalconf.Snapshot, intent submission.Submission) error {
	return wrap("keeping the outcome of a request", s.config.Store.Update(context.WithoutCancel(ctx), func(tx Tx) error {
		if err := tx.FinishSubmission(intent); err != nil {
			return err
		}
		if intent.Outcome != submission.Sent {
			return nil
		}
		c, err := tx.Client(before.ID)
		if err != nil {
			return err
		}
		if next, err := c.Status.Next(e.event); err == nil && c.Status == before.Status {
			c.Status = next
			if e.taken != nil {
				e.taken(&c, snapshot)
			}
			if err := tx.SaveClient(c); err != nil {
				return err
			}
		}
		if !e.newState {
			c.Status = before.Status
		}
		putClient(ctx, c)
		if intent.RequestID != 0 {
			audit.Put(ctx, "managementRequestId", intent.RequestID)
		}
		return tx.Audit(ctx)
	}))
}
