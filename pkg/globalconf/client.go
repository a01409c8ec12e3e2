package globalconf

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
)

// ClientConfig is what a Client needs. Directory and Now must be set.
type ClientConfig struct {
	Directory   string           // where the configuration is kept; nothing else may be in it
	HTTP        *http.Client     // nil: NewHTTPClient
	Now         func() time.Time // decides what has expired
	Log         *zap.Logger      // nil: no log
	Rand        io.Reader        // shuffles sources; nil: crypto/rand
	Federations Federations      // which other instances to download
}

// Client keeps the configuration on disk and in memory up to date. It is safe for concurrent use; updates wait for each other.
type Client struct {
	config ClientConfig
	tree   tree

	mu       sync.Mutex
	parts    map[string][]*part // by instance, as last verified or read from disk; nil before the first update
	last     map[string]string  // URL that worked last, by instance
	snapshot *Snapshot
}

// NewClient makes a client. It reads and writes nothing yet.
func NewClient(config ClientConfig) *Client {
	if config.HTTP == nil {
		config.HTTP = NewHTTPClient()
	}
	if config.Log == nil {
		config.Log = zap.NewNop()
	}
	if config.Rand == nil {
		config.Rand = crand.Reader
	}
	return &Client{config: config, tree: tree(config.Directory), last: map[string]string{}}
}

// NewHTTPClient has the times of X-Road's configuration client: ten seconds to connect, thirty for an answer to begin. TLS certificates and
// host names are verified.
func NewHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   2,
		ForceAttemptHTTP2:     true,
	}}
}

// Update downloads the anchor's configuration and that of the allowed federated instances, verifies it, keeps it on disk and returns it
// (PR-GCONF, downloading). The own instance must provide private and shared parameters; conf_verification.missing_private_params says that the
// anchor is one for other instances. When every source fails the error is that of the most telling one — a fault with a code global_conf_* — and
// files and memory are as before, except for parts that could not be written. A federated instance that fails keeps what it had until that expires.
func (c *Client) Update(ctx context.Context, anchor *Anchor) (*Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.config.Now()
	if c.parts == nil {
		c.restore()
	}
	downloaded, err := c.fromAnySource(ctx, anchor, c.accepted(anchor.Instance), now)
	if err != nil {
		return nil, fmt.Errorf("downloading configuration of %s: %w", anchor.Instance, err)
	}
	own := downloaded.parts[anchor.Instance]
	next := map[string][]*part{anchor.Instance: own}
	changed := downloaded.content
	for name, parts := range downloaded.parts {
		next[name] = parts
	}
	c.federate(ctx, privateOf(own), next, changed, now)
	// Everything is put together before anything is written, so that a configuration that contradicts itself replaces nothing.
	snapshot, err := snapshotOf(c.snapshot, anchor.Instance, next, now)
	if err != nil {
		return nil, err
	}
	if err := c.save(anchor.Instance, next, changed); err != nil {
		return nil, err
	}
	if c.snapshot == nil || len(changed) > 0 {
		for _, p := range snapshot.problems {
			c.config.Log.Warn("global configuration", zap.String("problem", p))
		}
	}
	c.parts, c.snapshot = next, snapshot
	return snapshot, nil
}

// restore reads what is on disk. What cannot be read is downloaded again.
func (c *Client) restore() {
	_, parts, _, err := c.tree.load()
	if err != nil {
		c.config.Log.Info("no configuration on disk to start from", zap.Error(err))
		parts = map[string][]*part{}
	}
	c.parts = parts
}

// accepted says which parts of the own instance's directory are taken: all of its own, and shared parameters of allowed instances, which
// configuration proxies put into the same directory.
func (c *Client) accepted(own string) func(Part) bool {
	return func(p Part) bool {
		return p.Instance == own || p.Instance == "" || p.Identifier == SharedParametersID && c.config.Federations.Allows(p.Instance)
	}
}

// federate adds the allowed instances that the private parameters lead to. Of them only shared parameters are taken, and only about themselves.
func (c *Client) federate(ctx context.Context, private *PrivateParameters, next map[string][]*part, changed map[string][]byte, now time.Time) {
	for i := range private.Anchors {
		anchor := &private.Anchors[i]
		if anchor.Instance == private.InstanceIdentifier || !c.config.Federations.Allows(anchor.Instance) {
			continue
		}
		only := func(p Part) bool { return p.Identifier == SharedParametersID && p.Instance == anchor.Instance }
		downloaded, err := c.fromAnySource(ctx, anchor, only, now)
		if err != nil {
			c.config.Log.Warn("configuration of a federated instance cannot be had", zap.String("instance", anchor.Instance), zap.Error(err))
			if _, exists := next[anchor.Instance]; !exists && len(c.parts[anchor.Instance]) > 0 {
				next[anchor.Instance] = c.parts[anchor.Instance]
			}
			continue
		}
		next[anchor.Instance] = downloaded.parts[anchor.Instance]
		for file, data := range downloaded.content {
			changed[file] = data
		}
	}
}

// save brings the disk to what was downloaded.
func (c *Client) save(own string, next map[string][]*part, changed map[string][]byte) error {
	for _, name := range sorted(next) {
		content := map[string][]byte{}
		for file, data := range changed {
			if filepath.Dir(file) == folderName(name) {
				content[filepath.Base(file)] = data
			}
		}
		if err := c.tree.save(name, next[name], content); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(c.config.Directory, instanceFile), []byte(own)); err != nil {
		return saveFailure(err)
	}
	return c.tree.retain(next)
}

// fromAnySource tries the locations of an instance one after the other.
func (c *Client) fromAnySource(ctx context.Context, anchor *Anchor, accept func(Part) bool, now time.Time) (*download, error) {
	var failures []error
	for _, l := range locations(anchor, c.shared(anchor.Instance), c.last[anchor.Instance], c.shuffler()) {
		d, err := c.fromLocation(ctx, l, anchor.Instance, accept, now)
		if err == nil {
			c.last[anchor.Instance] = l.url
			return d, nil
		}
		c.config.Log.Info("configuration source failed", zap.String("url", l.url), zap.Error(err))
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, mostTelling(failures)
}

// mostTelling prefers an error of what was received over one of not reaching a source.
func mostTelling(failures []error) error {
	if len(failures) == 0 {
		return fault.New(fault.Invalid, "global_conf_download_url_connection_failure", "No configuration source is known")
	}
	for _, err := range failures {
		if fault.From(err).Kind != fault.Unavailable {
			return err
		}
	}
	return failures[len(failures)-1]
}

func (c *Client) shared(instance string) *SharedParameters {
	for _, p := range c.parts[instance] {
		if p.shared != nil {
			return p.shared.shared
		}
	}
	return nil
}

func privateOf(parts []*part) *PrivateParameters {
	for _, p := range parts {
		if p.private != nil {
			return p.private
		}
	}
	return nil
}

func (c *Client) shuffler() *rand.Rand {
	var seed [16]byte
	if _, err := io.ReadFull(c.config.Rand, seed[:]); err != nil {
		c.config.Log.Warn("no randomness to shuffle sources with", zap.Error(err))
	}
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:8]), binary.BigEndian.Uint64(seed[8:]))) //nolint:gosec // an order, not a secret
}

// complete demands what must be there: the instance's shared parameters, and for the own instance its private ones.
func complete(instance string, parts []*part, own bool) error {
	hasShared := false
	for _, p := range parts {
		hasShared = hasShared || p.shared != nil
	}
	switch {
	case !hasShared:
		return fault.New(fault.Invalid, "global_conf_part_invalid_instance_identifier", "Configuration has no shared parameters of instance %s", instance)
	case own && privateOf(parts) == nil:
		return fault.New(fault.Invalid, "conf_verification.missing_private_params", "Configuration has no private parameters")
	}
	return nil
}

var errTooLarge = errors.New("answer is too large")

// hasVersion reports whether the URL names a version itself.
func hasVersion(rawQuery string) bool {
	for parameter := range strings.SplitSeq(rawQuery, "&") {
		if name, _, _ := strings.Cut(parameter, "="); name == "version" {
			return true
		}
	}
	return false
}
