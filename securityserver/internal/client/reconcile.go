package client

import (
	"context"
	"slices"

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
	// Most configurations change nothing here, and that is found out without writing.
	if differs, err := s.differs(ctx, snapshot); err != nil || !differs {
		return err
	}
	return s.config.Store.Update(ctx, func(tx Tx) error {
		l := local{}
		if err := l.read(tx); err != nil || l.server.IsZero() {
			return err
		}
		var err error
		if l.clients, err = tx.Clients(); err != nil {
			return err
		}
		if !snapshot.HasServer(l.server) {
			if l.server, err = s.newOwner(tx, snapshot, l.server, l.clients); err != nil {
				return err
			}
		}
		for _, c := range l.clients {
			if err := s.apply(tx, l, snapshot, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// local is what this server knows when a configuration comes.
type local struct {
	server     identifier.SecurityServerID
	clients    []Client
	unresolved map[identifier.ClientID]submission.Submission
}

// differs compares in memory. It may be behind another server by a moment; the next round then sees it.
func (s *Service) differs(ctx context.Context, snapshot *globalconf.Snapshot) (bool, error) {
	v, err := s.load(ctx)
	if err != nil {
		return false, err
	}
	l := local{clients: v.all}
	if err := s.config.Store.View(ctx, l.read); err != nil || l.server.IsZero() {
		return false, err
	}
	return !snapshot.HasServer(l.server) || slices.ContainsFunc(l.clients, func(c Client) bool {
		seen, err := l.observe(snapshot, c)
		return err != nil || seen.changed
	}), nil
}

// read reads everything but the clients.
func (l *local) read(tx Tx) (err error) {
	if l.server, err = tx.ServerID(); err != nil || l.server.IsZero() {
		return err
	}
	all, err := tx.UnresolvedSubmissions()
	l.unresolved = map[identifier.ClientID]submission.Submission{}
	for _, one := range all {
		if one.CertificateHash == "" {
			l.unresolved[one.Client] = one
		}
	}
	return err
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

// observed is a client after a configuration, and the request that it resolves.
type observed struct {
	client   Client
	resolved submission.Submission // ID 0 for none
	left     bool                  // the configuration lists a client that left
	changed  bool                  // something is to be written
}

// observe says what the configuration shows of one client. A request whose outcome was unknown counts as taken when the configuration shows what
// it asked for.
func (l local) observe(snapshot *globalconf.Snapshot, c Client) (observed, error) {
	event := NotListed
	if snapshot.Lists(l.server, c.ID) {
		event = Listed
	}
	seen := observed{client: c}
	var err error
	last, found := l.unresolved[c.ID]
	if taken, ok := proves[evidence{last.Kind, c.Status, event}]; ok && found {
		if seen.client.Status, err = c.Status.Next(taken); err != nil {
			return seen, err
		}
		if last.Outcome == submission.Unknown {
			last.Outcome, last.Reason = submission.Sent, "shown by the global configuration"
			seen.resolved = last
		}
	}
	if seen.client.Status, err = seen.client.Status.Next(event); err != nil {
		return seen, err
	}
	now := seen.client.Status
	seen.left = event == Listed && (now == DeletionInProgress || now == Disabled || now == DisablingInProgress)
	if known, ok := snapshot.SubsystemName(c.ID); ok && c.PendingName != "" && seen.client.settled(known, c.Status) {
		seen.client.PendingName, seen.client.Submitted, seen.client.Replaced = "", false, ""
	}
	seen.changed = seen.client != c || seen.resolved.ID != 0
	return seen, nil
}

// apply writes what was observed.
func (s *Service) apply(tx Tx, l local, snapshot *globalconf.Snapshot, c Client) error {
	seen, err := l.observe(snapshot, c)
	if err != nil {
		return err
	}
	if seen.left {
		s.config.Log.Debug("the global configuration lists a client that left", zap.Stringer("client", c.ID), zap.Stringer("status", c.Status))
	}
	if seen.resolved.ID != 0 {
		if err := tx.FinishSubmission(seen.resolved); err != nil {
			return err
		}
	}
	if seen.client == c {
		return nil
	}
	return tx.SaveClient(seen.client)
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
