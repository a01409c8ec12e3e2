package ownserver

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// maxMessage is the longest message of the maintenance mode, in characters.
const maxMessage = 255

// errand is one request for a change.
type errand struct {
	kind    request.Type
	subject Subject
	value   string // what is requested
	what    string // "address change": for "Failed to send address change request: X"
	pending string // code of the refusal while a change of the subject is pending
	// check are the refusals besides; is is what the configuration shows.
	check func(snapshot *globalconf.Snapshot, server identifier.SecurityServerID, is string) error
	send  func(ctx context.Context, server identifier.SecurityServerID) (int64, error)
}

// ChangeAddress asks the central server to publish another address of this server.
//
// Refusals in this order: validation_failure, server_not_initialized, global_conf_outdated, same_address_change_request,
// address_change_request_already_submitted, "Failed to send address change request: X", after which nothing is pending.
func (s *Service) ChangeAddress(ctx context.Context, address string) error {
	audit.Put(ctx, "address", address)
	address, err := validAddress(address)
	if err != nil {
		return err
	}
	audit.Put(ctx, "address", address)
	return s.run(ctx, errand{kind: request.AddressChange, subject: Address, value: address, what: "address change",
		pending: "address_change_request_already_submitted",
		check: func(_ *globalconf.Snapshot, _ identifier.SecurityServerID, is string) error {
			if is == address {
				return fault.New(fault.Conflict, "same_address_change_request", "The security server has the address '%s' already", address).With(address)
			}
			return nil
		},
		send: func(ctx context.Context, server identifier.SecurityServerID) (int64, error) {
			return s.config.Sender.ChangeAddress(ctx, server, address)
		}})
}

const changePending = "maintenance_mode_change_request_already_submitted"

// EnableMaintenance asks the central server to tell everybody that this server is in maintenance. message may be "".
//
// Refusals in this order: validation_failure, server_not_initialized, global_conf_outdated,
// forbidden_enable_maintenance_mode_for_management_service, already_enabled_maintenance_mode,
// maintenance_mode_change_request_already_submitted, "Failed to send maintenance mode request: X", after which nothing is pending.
func (s *Service) EnableMaintenance(ctx context.Context, message string) error {
	message = strings.TrimSpace(message)
	audit.Put(ctx, "message", message)
	if utf8.RuneCountInString(message) > maxMessage || strings.ContainsFunc(message, unicode.IsControl) {
		invalid := fault.New(fault.Invalid, "validation_failure", "Invalid maintenance mode message")
		invalid.Fields = map[string][]string{"maintenanceModeMessageDto.message": {"Size"}}
		return invalid
	}
	return s.run(ctx, errand{kind: request.MaintenanceModeEnable, subject: Maintenance, value: Enabled, what: "maintenance mode", pending: changePending,
		check: func(snapshot *globalconf.Snapshot, server identifier.SecurityServerID, is string) error {
			switch {
			case hosts(snapshot, server):
				return fault.New(fault.Conflict, "forbidden_enable_maintenance_mode_for_management_service",
					"The security server of the management services cannot be put into maintenance mode")
			case is == Enabled:
				return fault.New(fault.Conflict, "already_enabled_maintenance_mode", "Maintenance mode is already enabled")
			}
			return nil
		},
		send: func(ctx context.Context, server identifier.SecurityServerID) (int64, error) {
			return s.config.Sender.EnableMaintenance(ctx, server, message)
		}})
}

// DisableMaintenance undoes EnableMaintenance. Refusals: server_not_initialized, global_conf_outdated, already_disabled_maintenance_mode,
// maintenance_mode_change_request_already_submitted, "Failed to send maintenance mode request: X".
func (s *Service) DisableMaintenance(ctx context.Context) error {
	return s.run(ctx, errand{kind: request.MaintenanceModeDisable, subject: Maintenance, value: Disabled, what: "maintenance mode", pending: changePending,
		check: func(_ *globalconf.Snapshot, _ identifier.SecurityServerID, is string) error {
			if is == Disabled {
				return fault.New(fault.Conflict, "already_disabled_maintenance_mode", "Maintenance mode is already disabled")
			}
			return nil
		},
		send: s.config.Sender.DisableMaintenance})
}

// run is the life of a request: intent, sending, outcome.
func (s *Service) run(ctx context.Context, e errand) error {
	var intent submission.Submission
	var afterUnknown bool
	var replaced string
	err := s.config.Store.Update(ctx, func(tx Tx) error {
		server, err := tx.ServerID()
		if err != nil {
			return err
		}
		if replaced, err = s.allowed(tx, e, server); err != nil {
			return err
		}
		last, found, err := tx.LastSubmission(identifier.ClientID{}, "", e.subject.kinds()...)
		if err != nil {
			return err
		}
		afterUnknown = found && last.Kind == e.kind && last.Outcome == submission.Unknown
		if intent, err = submission.New(s.config.Rand, e.kind, server); err != nil {
			return err
		}
		intent.ID, err = tx.AddSubmission(intent)
		return err
	})
	if err != nil {
		return err
	}
	requestID, sendErr := e.send(submission.WithMessageID(ctx, intent.MessageID), intent.Server)
	intent.Resolve(requestID, sendErr, afterUnknown, s.config.Now())
	if err := s.settle(ctx, e, replaced, intent); err != nil {
		return fmt.Errorf("keeping the outcome of a request: %w", err)
	}
	if intent.Outcome != submission.Sent {
		s.config.Log.Warn("management request was not taken", zap.Stringer("submission", intent), zap.Error(sendErr))
		return submission.Refusal(e.what, sendErr)
	}
	return nil
}

// allowed gives what the configuration shows of the subject now.
func (s *Service) allowed(tx Tx, e errand, server identifier.SecurityServerID) (string, error) {
	if server.IsZero() {
		return "", fault.New(fault.Conflict, "server_not_initialized", "The security server is not initialized")
	}
	snapshot := s.config.Conf.Current()
	if snapshot == nil {
		return "", fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
	}
	if err := snapshot.Valid(s.config.Now()); err != nil {
		return "", err
	}
	is := e.subject.shown(snapshot, server)
	if err := e.check(snapshot, server, is); err != nil {
		return "", err
	}
	pending, err := tx.PendingChange(e.subject)
	if err == nil && pending != nil {
		err = fault.New(fault.Conflict, e.pending, "A change to '%s' has already been submitted", pending.Requested).With(pending.Requested)
	}
	return is, err
}

// settle keeps the outcome. The caller may have gone by now; the outcome is kept all the same.
func (s *Service) settle(ctx context.Context, e errand, replaced string, intent submission.Submission) error {
	return s.config.Store.Update(context.WithoutCancel(ctx), func(tx Tx) error {
		if err := tx.FinishSubmission(intent); err != nil || intent.Outcome != submission.Sent {
			return err
		}
		change := Change{Subject: e.subject, Requested: e.value, Replaced: replaced, RequestedAt: s.config.Now().UTC()}
		if err := tx.SavePendingChange(change); err != nil {
			return err
		}
		if intent.RequestID != 0 {
			audit.Put(ctx, "managementRequestId", intent.RequestID)
		}
		return tx.Audit(ctx)
	})
}
