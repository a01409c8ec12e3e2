package globalconf

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
)

const (
	instanceFile   = "instance-identifier"
	privateFile    = "private-params.xml"
	sharedFile     = "shared-params.xml"
	metadataSuffix = ".metadata"
)

// tree is the folder of a consumer: instance-identifier, and a folder of parts for every instance.
type tree string

// Load reads what is on disk, as Client or X-Road's own configuration client left it, even if it has expired. Federated instances that have
// expired at the time, or that cannot be read, are left out; the latter are among the Problems. The fault malformed_global_conf means that the
// own instance cannot be read; its cause satisfies fs.ErrNotExist when there is nothing yet.
func Load(directory string, at time.Time) (*Snapshot, error) {
	own, parts, problems, err := tree(directory).load()
	if err != nil {
		return nil, err
	}
	s, err := snapshotOf(nil, own, parts, at)
	if err != nil {
		return nil, err
	}
	s.problems = append(s.problems, problems...)
	return s, nil
}

// load reads every instance that has metadata beside its parts.
func (t tree) load() (own string, parts map[string][]*part, problems []string, err error) {
	data, err := os.ReadFile(filepath.Join(string(t), instanceFile))
	if err != nil {
		return "", nil, nil, fault.Wrap(err, fault.Invalid, "malformed_global_conf", "Global configuration has no instance identifier")
	}
	own = strings.TrimSpace(string(data))
	entries, err := os.ReadDir(string(t))
	if err != nil {
		return "", nil, nil, fmt.Errorf("reading global configuration: %w", err)
	}
	parts = map[string][]*part{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		found, err := t.loadInstance(e.Name())
		if err != nil {
			if e.Name() == folderName(own) {
				return "", nil, nil, err
			}
			problems = append(problems, fmt.Sprintf("instance folder %s: %v", e.Name(), err))
			continue
		}
		for _, p := range found {
			parts[p.instance] = append(parts[p.instance], p)
		}
	}
	return own, parts, problems, nil
}

// loadInstance reads the parts of one folder; files without metadata are not parts.
func (t tree) loadInstance(folder string) ([]*part, error) {
	dir := filepath.Join(string(t), folder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading global configuration: %w", err)
	}
	var parts []*part
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), metadataSuffix)
		if !ok || name == "" || name[0] == '.' {
			continue
		}
		p, err := loadPart(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// loadPart reads one part. The instance is what the part itself says: folder names and metadata of X-Road's trees need not agree with it.
func loadPart(file string) (*part, error) {
	raw, err := os.ReadFile(file + metadataSuffix)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	m, err := parseMetadata(raw)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "malformed_global_conf", "Malformed metadata of %s", filepath.Base(file))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading part: %w", err)
	}
	algorithm, hash := storedHash(data)
	switch filepath.Base(file) { // the central server's own tree calls every part DUMMY
	case privateFile:
		m.identifier = PrivateParametersID
		p, err := DecodePrivate(m.version, data)
		if err != nil {
			return nil, err
		}
		m.instance = p.InstanceIdentifier
		return &part{metadata: m, algorithm: algorithm, hash: hash, private: p}, nil
	case sharedFile:
		m.identifier = SharedParametersID
		p, err := DecodeShared(m.version, data)
		if err != nil {
			return nil, err
		}
		m.instance = p.InstanceIdentifier
		return &part{metadata: m, algorithm: algorithm, hash: hash, shared: newIndex(p)}, nil
	}
	return decodePart(m, algorithm, hash, data)
}

// snapshotOf makes a snapshot of parts by instance.
func snapshotOf(previous *Snapshot, own string, parts map[string][]*part, at time.Time) (*Snapshot, error) {
	var private *part
	var shared []sharedPart
	optional := defaultOptionalParts()
	version, expires := 0, time.Time{}
	for _, p := range parts[own] {
		switch {
		case p.private != nil:
			private = p
			expires = earlier(expires, p.expires)
		case p.shared != nil:
			shared = []sharedPart{{p.shared, p.expires}}
			version = p.version
			expires = earlier(expires, p.expires)
		case p.optional != nil && !p.expired(at):
			if err := optional.read(p.identifier, p.optional); err != nil {
				return nil, err
			}
		}
	}
	if shared == nil {
		return nil, fault.New(fault.Invalid, "malformed_global_conf", "Global configuration of instance %s has no shared parameters", own)
	}
	for _, name := range sorted(parts) {
		for _, p := range parts[name] {
			if name != own && p.shared != nil && !p.expired(at) {
				shared = append(shared, sharedPart{p.shared, p.expires})
			}
		}
	}
	var content *PrivateParameters
	if private != nil {
		content = private.private
	}
	return assemble(previous, content, shared, version, expires, optional)
}

// earlier is the earlier of two expiries, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func sorted(parts map[string][]*part) []string {
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// folderName is the name of an instance's folder: its identifier as Java's URLEncoder writes it.
func folderName(instance string) string {
	name := strings.NewReplacer("~", "%7E", "%2A", "*").Replace(url.QueryEscape(instance))
	if strings.Trim(name, ".") == "" { // would name the folder itself or the one above
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return name
}

// save writes parts into the folder of an instance and deletes every other file there. content holds the bytes of the parts that changed, by
// file name; of the others only the metadata is written.
func (t tree) save(instance string, parts []*part, content map[string][]byte) error {
	dir := filepath.Join(string(t), folderName(instance))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return saveFailure(err)
	}
	keep := map[string]bool{}
	for _, p := range parts {
		name, err := p.name()
		if err != nil {
			return err
		}
		keep[name], keep[name+metadataSuffix] = true, true
		if data, changed := content[name]; changed {
			if err := writeFile(filepath.Join(dir, name), data); err != nil {
				return saveFailure(err)
			}
		}
		if err := writeFile(filepath.Join(dir, name+metadataSuffix), p.encode()); err != nil {
			return fault.Wrap(err, fault.Internal, "global_conf_part_file_expiration_date_update_failure", "Failed to update the metadata of a configuration part")
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return saveFailure(err)
	}
	for _, e := range entries {
		if !keep[e.Name()] && !e.IsDir() {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return saveFailure(err)
	}
	return nil
}

// retain removes the folders of all other instances.
func (t tree) retain(instances map[string][]*part) error {
	keep := map[string]bool{}
	for name := range instances {
		keep[folderName(name)] = true
	}
	entries, err := os.ReadDir(string(t))
	if err != nil {
		return saveFailure(err)
	}
	for _, e := range entries {
		if e.IsDir() && !keep[e.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(string(t), e.Name())))
		}
	}
	if err != nil {
		return saveFailure(err)
	}
	return nil
}

// writeFile replaces a file as a whole: readers see the old or the new content, also after a crash.
func writeFile(file string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o640)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

func saveFailure(err error) error {
	return fault.Wrap(err, fault.Internal, "global_conf_part_file_save_failure", "Failed to save a configuration part")
}
