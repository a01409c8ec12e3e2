package confgen

import (
	"bytes"
	"context"
	"crypto/sha512"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/signature"
)

// published remembers what stands in the public directory, so that an unchanged part keeps its place and is not downloaded again.
type published struct {
	generation int64
	parts      map[string]publishedPart // by version and file name
}

type publishedPart struct {
	location string
	hash     []byte
}

// Run generates when the registry has changed and when the interval is over, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	poll := time.NewTicker(s.config.Poll)
	defer poll.Stop()
	for {
		if s.due(ctx) {
			if err := s.Generate(ctx); err != nil && ctx.Err() == nil {
				s.config.Log.Warn("global configuration was not generated", zap.Error(err))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		}
	}
}

func (s *Service) due(ctx context.Context) bool {
	status := s.Status()
	if s.config.Now().Sub(status.LastSuccess) >= s.config.Interval {
		return s.ready(ctx)
	}
	var generation int64
	err := s.store.View(ctx, func(tx Tx) (err error) {
		generation, err = tx.Generation()
		return err
	})
	s.generating.Lock()
	defer s.generating.Unlock()
	return err == nil && generation != s.last.generation
}

// ready is false on a server that nobody has initialized yet: there is nothing to generate and nothing to complain about.
func (s *Service) ready(ctx context.Context) bool {
	status, err := s.InitializationStatus(ctx)
	return err == nil && status.TokenInitialized && status.Address != ""
}

// generationGC is how far the heap may grow during a generation before it is collected, in percent of what is in use.
const generationGC = 30

// Generate reads the registry, builds and signs every version of both sources and publishes them; on any failure what is published
// stays (GCONF_18).
func (s *Service) Generate(ctx context.Context) error {
	s.generating.Lock()
	defer s.generating.Unlock()
	now := s.config.Now()
	defer s.report(ctx)
	// A generation makes much garbage for a moment: collected earlier, its peak is a third lower, and nobody waits for it.
	defer debug.SetGCPercent(debug.SetGCPercent(generationGC))
	err := s.generate(ctx, now)
	status := s.Status()
	if err == nil {
		s.status.Store(&Status{LastSuccess: now})
		return nil
	}
	if status.FailingSince.IsZero() {
		status.FailingSince = now
	}
	status.Failure = err
	s.status.Store(&status)
	return err
}

func (s *Service) generate(ctx context.Context, now time.Time) error {
	c, err := s.read(ctx)
	if err != nil {
		return err
	}
	private, shared, err := s.contents(c)
	if err != nil {
		return err
	}
	expire := now.Add(c.parameters.expireInterval).UTC().Truncate(time.Second)
	stamp := now.UTC().Format("20060102150405") + fmt.Sprintf("%09d", now.Nanosecond())
	next := published{generation: c.generation, parts: map[string]publishedPart{}}
	var directories []file
	var newest parsed
	for version := globalconf.MinVersion; version <= globalconf.MaxVersion; version++ {
		made, err := s.version(version, stamp, expire, private, shared, c, &next)
		if err == nil {
			err = s.writeParts(made.parts) // one version in memory at a time; nothing reads them before the directories name them
		}
		if err != nil {
			return fmt.Errorf("version %d: %w", version, err)
		}
		directories, newest = append(directories, made.directories...), made.parsed
	}
	snapshot, err := globalconf.NewSnapshot(newest.private, []*globalconf.SharedParameters{newest.shared}, globalconf.MaxVersion, expire)
	if err != nil {
		return err
	}
	if err := s.publish(directories, next, now); err != nil {
		return err
	}
	s.last = next
	s.snapshot.Store(snapshot)
	return nil
}

// contents is all that is published, read in one transaction.
type contents struct {
	generation int64
	parameters parameters
	federated  []globalconf.Anchor
	optional   []OptionalPart
	shared     *globalconf.SharedParameters
	keys       map[SourceType][]SigningKey
	nodes      map[SourceType][]Node
}

func (s *Service) read(ctx context.Context) (*contents, error) {
	c := contents{keys: map[SourceType][]SigningKey{}, nodes: map[SourceType][]Node{}}
	err := s.store.View(ctx, func(tx Tx) (err error) {
		for _, source := range SourceTypes {
			if c.keys[source], err = keysOf(tx, source); err != nil {
				return err
			}
			if c.nodes[source], err = tx.Nodes(source); err != nil {
				return err
			}
		}
		if c.generation, err = tx.Generation(); err != nil {
			return err
		}
		if c.parameters, err = readParameters(tx); err != nil {
			return err
		}
		if c.federated, err = federated(tx); err != nil {
			return err
		}
		if c.optional, err = tx.OptionalParts(); err != nil {
			return err
		}
		c.shared, err = tx.Shared()
		return err
	})
	return &c, err
}

// contents turns the registry into what is published. Without an address, a provider or keys there is nothing a server could use.
func (s *Service) contents(c *contents) (*globalconf.PrivateParameters, *globalconf.SharedParameters, error) {
	p := c.parameters
	switch {
	case p.address == "":
		return nil, nil, notGenerated("Central server address is not configured")
	case p.provider.IsZero():
		return nil, nil, notGenerated("Management services provider is not configured")
	case activeKey(c.keys[Internal]) == nil || activeKey(c.keys[External]) == nil:
		return nil, nil, notGenerated("A configuration source has no active signing key")
	}
	private := &globalconf.PrivateParameters{
		InstanceIdentifier: p.instance,
		Anchors:            c.federated,
		ManagementService: globalconf.ManagementService{
			AuthCertRegAddress:     strings.ReplaceAll(p.authCertRegURL, "%{centralServerAddress}", p.address),
			AuthCertRegCertificate: s.config.ManagementCertificate(),
			Provider:               p.provider,
		},
		TimeStampingInterval: p.timeStampingInterval,
	}
	shared := *c.shared
	shared.InstanceIdentifier = p.instance
	shared.GlobalSettings.OCSPFreshness = p.ocspFreshness
	shared.Sources = s.sources(c.nodes)
	return private, &shared, nil
}

// sources lists the central servers that publish, each with its own certificates. One without both kinds of keys publishes nothing yet.
func (s *Service) sources(nodes map[SourceType][]Node) []globalconf.Source {
	external := map[string][][]byte{}
	for _, node := range nodes[External] {
		external[node.Name] = node.Certificates
	}
	var sources []globalconf.Source
	for _, node := range nodes[Internal] {
		if external[node.Name] != nil {
			sources = append(sources, globalconf.Source{
				Address: s.publicAddress(node.Address), InternalCertificates: node.Certificates, ExternalCertificates: external[node.Name],
			})
		}
	}
	return sources
}

func notGenerated(reason string) error {
	return fault.New(fault.Conflict, "not_generated", "%s", reason)
}

// file is one file of the public directory; a directory file is replaced at each generation, a part file is written once.
type file struct {
	path string // below the public directory
	data []byte
}

// generated is one version of both sources.
type generated struct {
	parts, directories []file
	parsed
}

// parsed is the parameters as a reader sees them.
type parsed struct {
	private *globalconf.PrivateParameters
	shared  *globalconf.SharedParameters // nil when the part stands already, but for the newest version
}

func (s *Service) version(version int, stamp string, expire time.Time, private *globalconf.PrivateParameters, shared *globalconf.SharedParameters,
	c *contents, next *published) (*generated, error) {
	var made generated
	privateXML, err := globalconf.EncodePrivate(version, private)
	if err != nil {
		return nil, err
	}
	sharedXML, err := globalconf.EncodeShared(version, shared)
	if err != nil {
		return nil, err
	}
	privatePart := s.part(version, stamp, "PRIVATE-PARAMETERS", "private-params.xml", private.InstanceIdentifier, privateXML, next)
	sharedPart := s.part(version, stamp, "SHARED-PARAMETERS", "shared-params.xml", private.InstanceIdentifier, sharedXML, next)
	// What a client could not read is not published: the decoder is the one that security servers use.
	if made.private, err = globalconf.DecodePrivate(version, privateXML); err != nil {
		return nil, err
	}
	if version == globalconf.MaxVersion || sharedPart.Location != s.last.parts[versionFolder(version)+"/shared-params.xml"].location {
		if made.shared, err = globalconf.DecodeShared(version, sharedXML); err != nil {
			return nil, err
		}
	}
	made.parts = []file{{privatePart.Location, privateXML}, {sharedPart.Location, sharedXML}}
	internal := []globalconf.Part{privatePart, sharedPart}
	for _, uploaded := range c.optional {
		part := s.part(version, stamp, uploaded.Identifier, uploadedFile(uploaded.Identifier), private.InstanceIdentifier, uploaded.Data, next)
		made.parts = append(made.parts, file{part.Location, uploaded.Data})
		internal = append(internal, part)
	}
	for source, parts := range map[SourceType][]globalconf.Part{Internal: internal, External: {sharedPart}} {
		key := activeKey(c.keys[source])
		signer, err := s.signer(*key)
		if err != nil {
			return nil, err
		}
		directory := &globalconf.Directory{Expire: expire, Version: version, Parts: parts}
		data, err := globalconf.SignDirectory(s.config.Rand, directory, signer, key.Certificate, signature.SHA512)
		if err != nil {
			return nil, err
		}
		made.directories = append(made.directories, file{filepath.Join(versionFolder(version), source.directory()), data})
	}
	return &made, nil
}

// part places a part: where it already stands when its bytes are the same, in a new folder otherwise.
func (s *Service) part(version int, stamp, identifier, name, instance string, data []byte, next *published) globalconf.Part {
	hash := sha512.Sum512(data)
	key := versionFolder(version) + "/" + name
	place := s.last.parts[key]
	if !bytes.Equal(place.hash, hash[:]) {
		place = publishedPart{location: "/" + versionFolder(version) + "/" + stamp + "/" + name, hash: hash[:]}
	}
	next.parts[key] = place
	return globalconf.Part{Identifier: identifier, Instance: instance, Location: place.location, HashAlgorithm: signature.SHA512.URI, Hash: hash[:]}
}

func activeKey(keys []SigningKey) *SigningKey {
	for i := range keys {
		if keys[i].Active {
			return &keys[i]
		}
	}
	return nil
}

func versionFolder(version int) string { return fmt.Sprintf("V%d", version) }
