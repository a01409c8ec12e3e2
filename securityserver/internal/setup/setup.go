// Package setup makes a security server of an empty database: the configuration anchor, the owner, the server code and the software token
// (UC SS_01), and keeps what the whole server has once: the anchor and the time-stamping services.
package setup

import (
	"context"
	"io"
	"time"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

// Anchor is the configuration anchor as it was uploaded.
type Anchor struct {
	Instance    string
	File        []byte
	Hash        string // SHA-224, AA:BB:…
	GeneratedAt time.Time
}

// Timestamping is a time-stamping service that the administrator chose among the approved ones.
type Timestamping struct {
	Name, URL, CostType string
}

// Conf gives the newest global configuration, nil before the first.
type Conf interface {
	Current() *globalconf.Snapshot
}

// ServerRows are the server configuration in a transaction.
type ServerRows interface {
	// Anchor gives the anchor; ok is false before the first upload.
	Anchor() (a Anchor, ok bool, err error)
	SaveAnchor(a Anchor) error
	// Identity is what is known of this server; each may be zero.
	Identity() (owner identifier.ClientID, code string, err error)
	SetOwner(id identifier.ClientID) error
	SetServerCode(code string) error
}

// OtherRows are what initialization and the system settings touch besides.
type OtherRows interface {
	AddClient(c client.Client) error
	Tokens() ([]keys.Token, error)
	AddToken(t keys.Token) error
	Timestamping() ([]Timestamping, error)
	AddTimestamping(t Timestamping) error
	DeleteTimestamping(t Timestamping) error
}

// Tx is one transaction.
type Tx interface {
	ServerRows
	OtherRows
	Audit(ctx context.Context) error
}

// Store runs transactions.
type Store interface {
	View(ctx context.Context, fn func(tx Tx) error) error
	Update(ctx context.Context, fn func(tx Tx) error) error
}

// Config is what Setup needs.
type Config struct {
	Store Store
	Conf  Conf
	// Download gets and verifies the configuration that an anchor points to, and keeps it on disk.
	Download func(ctx context.Context, anchor *globalconf.Anchor) (*globalconf.Snapshot, error)
	// AnchorChanged is called after an anchor was saved, nil for nothing.
	AnchorChanged func(ctx context.Context)
	// Initialized is called once the server has its token, nil for nothing.
	Initialized func(ctx context.Context)
	Now         func() time.Time
	Rand        io.Reader
}

// Setup is all of it. It is safe for concurrent use.
type Setup struct{ config Config }

// New makes a Setup.
func New(config Config) *Setup { return &Setup{config} }

// Anchor gives the anchor; NotFound anchor_not_found before the first upload.
func (s *Setup) Anchor(ctx context.Context) (Anchor, error) {
	var a Anchor
	err := s.config.Store.View(ctx, func(tx Tx) error {
		found, ok, err := tx.Anchor()
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "anchor_not_found", "Configuration anchor is missing")
		}
		a = found
		return err
	})
	return a, err
}

// Source is the anchor for the configuration client: nil before the first upload.
func (s *Setup) Source(ctx context.Context) (*globalconf.Anchor, error) {
	a, err := s.Anchor(ctx)
	if fault.CodeOf(err) == "anchor_not_found" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return globalconf.ParseAnchor(a.File)
}

// Identity is this server; zero before initialization.
func (s *Setup) Identity(ctx context.Context) (identifier.SecurityServerID, error) {
	var owner identifier.ClientID
	var code string
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		owner, code, err = tx.Identity()
		return err
	})
	if err != nil || owner.IsZero() || code == "" {
		return identifier.SecurityServerID{}, err
	}
	return identifier.NewSecurityServer(owner, code)
}

// Preview reads an anchor file and stores nothing. With check, an anchor of another instance than this server's is refused:
// internal_anchor_upload_invalid_instance_id. A file that is no anchor is malformed_anchor.
func (s *Setup) Preview(ctx context.Context, file []byte, check bool) (Anchor, error) {
	parsed, err := globalconf.ParseAnchor(file)
	if err != nil {
		return Anchor{}, fault.Wrap(err, fault.Invalid, "malformed_anchor", "The file is not a configuration anchor")
	}
	a := Anchor{Instance: parsed.Instance, File: file, Hash: globalconf.AnchorHash(file), GeneratedAt: parsed.GeneratedAt.UTC()}
	if !check {
		return a, nil
	}
	have, err := s.Anchor(ctx)
	switch {
	case fault.CodeOf(err) == "anchor_not_found":
		return a, nil
	case err != nil:
		return Anchor{}, err
	case have.Instance != a.Instance:
		return Anchor{}, fault.New(fault.Invalid, "internal_anchor_upload_invalid_instance_id", "The anchor is of instance %s, this server of %s",
			a.Instance, have.Instance)
	}
	return a, nil
}

// Upload takes the first anchor, after the configuration behind it was downloaded and verified. Faults: anchor_already_exists,
// malformed_anchor, conf_download_failed.
func (s *Setup) Upload(ctx context.Context, file []byte) error {
	return s.upload(ctx, file, func(_ Anchor, exists bool) error {
		if exists {
			return fault.New(fault.Conflict, "anchor_already_exists", "There is a configuration anchor already")
		}
		return nil
	})
}

// Replace takes a newer anchor of the same instance. Faults as Upload, and anchor_not_found, internal_anchor_upload_invalid_instance_id.
func (s *Setup) Replace(ctx context.Context, file []byte) error {
	if _, err := s.Preview(ctx, file, true); err != nil {
		return err
	}
	return s.upload(ctx, file, func(_ Anchor, exists bool) error {
		if !exists {
			return fault.New(fault.Conflict, "anchor_not_found", "There is no configuration anchor yet")
		}
		return nil
	})
}

func (s *Setup) upload(ctx context.Context, file []byte, allowed func(Anchor, bool) error) error {
	check := func(tx Tx) error {
		have, ok, err := tx.Anchor()
		if err != nil {
			return err
		}
		return allowed(have, ok)
	}
	if err := s.config.Store.View(ctx, check); err != nil {
		return err
	}
	a, err := s.Preview(ctx, file, false)
	if err != nil {
		return err
	}
	audit.Put(ctx, "anchorFileHash", a.Hash)
	audit.Put(ctx, "anchorFileHashAlgorithm", "SHA-224")
	audit.Put(ctx, "generatedAt", a.GeneratedAt)
	parsed, err := globalconf.ParseAnchor(file)
	if err != nil {
		return err
	}
	if _, err := s.config.Download(ctx, parsed); err != nil {
		return fault.Wrap(err, fault.Invalid, "conf_download_failed", "Downloading the global configuration failed: %s", fault.From(err).Message)
	}
	err = s.config.Store.Update(ctx, func(tx Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		if err := tx.SaveAnchor(a); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
	if err == nil && s.config.AnchorChanged != nil {
		s.config.AnchorChanged(ctx)
	}
	return err
}
