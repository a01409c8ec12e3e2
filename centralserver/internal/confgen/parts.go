package confgen

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
)

// Part is one part of the published configuration, as administrators see it.
type Part struct {
	Identifier string
	FileName   string
	Version    int       // 0 for all versions
	UpdatedAt  time.Time // zero: there is none yet
	Optional   bool
}

// OptionalPart is a part that an administrator uploaded.
type OptionalPart struct {
	Identifier string
	Data       []byte
	UpdatedAt  time.Time
}

// OptionalParts is the uploaded parts.
type OptionalParts interface {
	OptionalParts() ([]OptionalPart, error) // by identifier
	SaveOptionalPart(identifier string, data []byte) error
}

// The parts and their file names, in the order in which they are listed. The external source has the shared parameters only.
var (
	generatedParts = [...]struct{ identifier, file string }{
		{globalconf.PrivateParametersID, "private-params.xml"}, {globalconf.SharedParametersID, "shared-params.xml"},
	}
	uploadedParts = [...]struct{ identifier, file string }{
		{globalconf.MonitoringID, "monitoring-params.xml"}, {globalconf.FetchIntervalID, "fetchinterval-params.xml"}, {globalconf.NextUpdateID, "nextupdate-params.xml"},
	}
)

func uploadedFile(identifier string) string {
	for _, p := range uploadedParts {
		if p.identifier == identifier {
			return p.file
		}
	}
	return ""
}

// Parts lists the parts of a source: each generated part in every version, and the optional ones.
func (s *Service) Parts(ctx context.Context, source SourceType) ([]Part, error) {
	var parts []Part
	for _, p := range generatedParts {
		for version := globalconf.MinVersion; version <= globalconf.MaxVersion && publishes(source, p.identifier); version++ {
			part := Part{Identifier: p.identifier, FileName: p.file, Version: version}
			if file := s.publishedFile(version, p.file); file != "" {
				info, err := os.Stat(file)
				if err != nil {
					return nil, fmt.Errorf("listing the configuration parts: %w", err)
				}
				part.UpdatedAt = info.ModTime().UTC()
			}
			parts = append(parts, part)
		}
	}
	if source == External {
		return parts, nil
	}
	uploaded, err := s.uploaded(ctx)
	for _, p := range uploadedParts {
		parts = append(parts, Part{Identifier: p.identifier, FileName: p.file, Optional: true, UpdatedAt: uploaded[p.identifier].UpdatedAt})
	}
	return parts, err
}

func publishes(source SourceType, identifier string) bool {
	return source == Internal || identifier == globalconf.SharedParametersID
}

// publishedFile is where a generated part stands, "" before the first generation.
func (s *Service) publishedFile(version int, name string) string {
	s.generating.Lock()
	defer s.generating.Unlock()
	place, ok := s.last.parts[versionFolder(version)+"/"+name]
	if !ok {
		return ""
	}
	return filepath.Join(s.config.PublicDirectory, filepath.FromSlash(place.location))
}

func (s *Service) uploaded(ctx context.Context) (map[string]OptionalPart, error) {
	found := map[string]OptionalPart{}
	err := s.store.View(ctx, func(tx Tx) error {
		list, err := tx.OptionalParts()
		for _, p := range list {
			found[p.Identifier] = p
		}
		return err
	})
	return found, err
}

// PartFile gives a part's file name and bytes; version 0 is that of optional parts. Fault: configuration_part_file_not_found.
func (s *Service) PartFile(ctx context.Context, source SourceType, identifier string, version int) (name string, data []byte, err error) {
	missing := fault.New(fault.NotFound, "configuration_part_file_not_found", "Configuration part file not found")
	if name = uploadedFile(identifier); name != "" {
		uploaded, err := s.uploaded(ctx)
		part, ok := uploaded[identifier]
		if err == nil && (!ok || version != 0 || source == External) {
			err = missing
		}
		return name, part.Data, err
	}
	for _, p := range generatedParts {
		if p.identifier != identifier || !publishes(source, identifier) {
			continue
		}
		file := s.publishedFile(version, p.file)
		if file == "" {
			break
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return "", nil, fmt.Errorf("reading a configuration part: %w", err)
		}
		return p.file, data, nil
	}
	return "", nil, missing
}

// UploadPart publishes an optional part from the next generation on, in all versions of the internal source (GCONF_09). Faults:
// unknown_configuration_part, configuration_part_validation_failed.
func (s *Service) UploadPart(ctx context.Context, source SourceType, identifier, fileName string, data []byte) error {
	name, sum := uploadedFile(identifier), sha256.Sum256(data)
	audit.Put(ctx, "sourceType", string(source))
	audit.Put(ctx, "contentIdentifier", identifier)
	audit.Put(ctx, "partFileName", name)
	audit.Put(ctx, "uploadFileName", path.Base(fileName))
	audit.Put(ctx, "uploadFileHash", audit.Hash(sum[:]))
	audit.Put(ctx, "uploadFileHashAlgorithm", "SHA-256")
	if name == "" || source == External {
		return fault.New(fault.Invalid, "unknown_configuration_part", "Unknown configuration part '%s'", identifier)
	}
	if err := globalconf.ValidateOptional(identifier, data); err != nil {
		return fault.Wrap(err, fault.Invalid, "configuration_part_validation_failed", "Configuration part validation failed")
	}
	return s.store.Update(ctx, func(tx Tx) error { return tx.SaveOptionalPart(identifier, data) })
}
