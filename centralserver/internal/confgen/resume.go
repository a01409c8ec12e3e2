package confgen

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/globalconf"
)

// Resume takes up what this server published before it was stopped: its doors believe it at once, and parts that have not changed keep their places. What is not
// there, has expired or cannot be verified is an error and is generated anew.
func (s *Service) Resume(ctx context.Context) error {
	s.generating.Lock()
	defer s.generating.Unlock()
	var certificates [][]byte
	err := s.store.View(ctx, func(tx Tx) error {
		keys, err := keysOf(tx, Internal)
		for _, key := range keys {
			certificates = append(certificates, key.Certificate)
		}
		return err
	})
	if err != nil {
		return err
	}
	resumed := published{generation: -1, parts: map[string]publishedPart{}}
	var snapshot *globalconf.Snapshot
	for version := globalconf.MinVersion; version <= globalconf.MaxVersion; version++ {
		if snapshot, err = s.resume(version, certificates, &resumed); err != nil {
			return fmt.Errorf("version %d: %w", version, err)
		}
	}
	s.last = resumed
	s.snapshot.Store(snapshot)
	return nil
}

func (s *Service) resume(version int, certificates [][]byte, resumed *published) (*globalconf.Snapshot, error) {
	data, err := os.ReadFile(filepath.Join(s.config.PublicDirectory, versionFolder(version), Internal.directory()))
	if err != nil {
		return nil, err
	}
	directory, err := globalconf.OpenDirectory(data, certificates, s.config.Now())
	if err != nil {
		return nil, err
	}
	var files []file
	for _, part := range directory.Parts {
		content, err := os.ReadFile(filepath.Join(s.config.PublicDirectory, filepath.FromSlash(part.Location)))
		if err != nil {
			return nil, err
		}
		if hash := sha512.Sum512(content); !bytes.Equal(hash[:], part.Hash) {
			return nil, fmt.Errorf("%s is not what was published", part.Location)
		}
		resumed.parts[versionFolder(version)+"/"+filepath.Base(part.Location)] = publishedPart{location: part.Location, hash: part.Hash}
		files = append(files, file{part.Location, content})
	}
	if version < globalconf.MaxVersion {
		return nil, nil
	}
	return ownSnapshot(files, directory.Expire)
}

// ownSnapshot is the configuration as a reader of the newest version sees it.
func ownSnapshot(files []file, expire time.Time) (*globalconf.Snapshot, error) {
	var private *globalconf.PrivateParameters
	var shared *globalconf.SharedParameters
	for _, f := range files {
		var err error
		switch {
		case !strings.HasPrefix(f.path, "/"+versionFolder(globalconf.MaxVersion)+"/"):
		case strings.HasSuffix(f.path, "/private-params.xml"):
			private, err = globalconf.DecodePrivate(globalconf.MaxVersion, f.data)
		case strings.HasSuffix(f.path, "/shared-params.xml"):
			shared, err = globalconf.DecodeShared(globalconf.MaxVersion, f.data)
		}
		if err != nil {
			return nil, err
		}
	}
	if private == nil || shared == nil {
		return nil, errors.New("the newest version holds no parameters")
	}
	return globalconf.NewSnapshot(private, []*globalconf.SharedParameters{shared}, globalconf.MaxVersion, expire)
}
