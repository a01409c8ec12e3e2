package client

import (
	"context"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// Reconcile brings the states in line with a global configuration, in one transaction. An expired configuration changes nothing. When the
// configuration knows this server under another of its member clients, that one becomes the owner first, and the clients are compared under
// the new identifier.
func (s *Service) Reconcile(ctx context.Context, snapshot *globalconf.Snapshot) error {
	if err := snapshot.Valid(s.config.Now()); err != nil {
		return err
	}
	return s.config.Store.Update(ctx, func(tx Tx) error {
		server, err := tx.ServerID()
		if err != nil || server.IsZero() {
			return err
		}
		clients, err := tx.Clients()
		if err != nil {
			return err
		}
		if !snapshot.HasServer(server) {
			if server, err = s.newOwner(tx, snapshot, server, clients); err != nil {
				return err
			}
		}
		for _, c := range clients {
			if err := s.observe(tx, snapshot, server, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// newOwner looks for a local member under which the configuration knows this server's authentication certificate.
func (s *Service) newOwner(tx Tx, snapshot *globalconf.Snapshot, server identifier.SecurityServerID, clients []Client) (identifier.SecurityServerID, error) {
	certificates, err := tx.AuthenticationCertificates()
	if err != nil {
		return server, err
	}
	for _, c := range clients {
		if c.ID.IsSubsystem() || c.Owner {
			continue
		}
		candidate, err := identifier.NewSecurityServer(c.ID, server.ServerCode())
		if err != nil {
			return server, err
		}
		for _, der := range certificates {
			if holder, ok := snapshot.ServerByAuthCertificate(der); ok && holder == candidate {
				s.config.Log.Info("the security server has a new owner", zap.Stringer("before", server), zap.Stringer("now", candidate))
				return candidate, tx.SetOwner(c.ID)
			}
		}
	}
	return server, nil
}

// observe applies what the configuration shows of one client. A request whose outcome was unknown counts as taken when the configuration
// shows what it asked for.
func (s *Service) observe(tx Tx, snapshot *globalconf.Snapshot, server identifier.SecurityServerID, c Client) error {
	event := NotListed
	if snapshot.Lists(server, c.ID) {
		event = Listed
	}
	before := c.Status
	last, found, err := tx.LastSubmission(c.ID, "")
	if err != nil {
		return err
	}
	if taken, ok := proves[evidence{last.Kind, before, event}]; ok && found && last.Unresolved() {
		if c.Status, err = c.Status.Next(taken); err != nil {
			return err
		}
		if last.Outcome == submission.Unknown {
			last.Outcome, last.Reason = submission.Sent, "shown by the global configuration"
			if err := tx.FinishSubmission(last); err != nil {
				return err
			}
		}
	}
	if c.Status, err = c.Status.Next(event); err != nil {
		return err
	}
	if event == Listed && (c.Status == DeletionInProgress || c.Status == Disabled || c.Status == DisablingInProgress) {
		s.config.Log.Debug("the global configuration lists a client that left", zap.Stringer("client", c.ID), zap.Stringer("status", c.Status))
	}
	if known, ok := snapshot.SubsystemName(c.ID); ok && c.PendingName != "" && c.settled(known, before) {
		c.PendingName, c.Submitted, c.Replaced = "", false, ""
	} else if c.Status == before {
		return nil
	}
	return tx.SaveClient(c)
}

type evidence struct {
	kind   request.Type
	before Status
	event  Event
}

// proves says which observation shows that a request of unknown outcome was taken, and as which event it then counts. A client that was not
// listed before proves nothing by not being listed.
var proves = map[evidence]Event{
	{request.ClientReg, Saved, Listed}:              Register,
	{request.ClientEnable, Disabled, Listed}:        Enable,
	{request.ClientDeletion, Registered, NotListed}: Unregister,
	{request.ClientDisable, Registered, NotListed}:  Disable,
}
