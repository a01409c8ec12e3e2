package confgen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// partLifetime is how long a part stays after the directories stopped naming it, for clients that are just downloading.
const partLifetime = 10 * time.Minute

// writeParts writes the parts that are not there yet. Directories name them afterwards, so a client never reads a directory whose parts are
// missing.
func (s *Service) writeParts(parts []file) error {
	for _, f := range parts {
		path := filepath.Join(s.config.PublicDirectory, f.path)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := writeFile(path, f.data); err != nil {
			return err
		}
	}
	return nil
}

// publish replaces the directories, each by a rename.
func (s *Service) publish(directories []file, next published, now time.Time) error {
	for _, f := range directories {
		if err := writeFile(filepath.Join(s.config.PublicDirectory, f.path), f.data); err != nil {
			return err
		}
	}
	return s.removeOld(next, now)
}

// removeOld deletes part folders that no directory has named for a while. A folder that is named no longer starts its time now.
func (s *Service) removeOld(next published, now time.Time) error {
	named := s.folders(next)
	for folder := range s.folders(s.last) {
		if !named[folder] {
			if err := os.Chtimes(folder, now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing an old configuration: %w", err)
			}
		}
	}
	all, err := filepath.Glob(filepath.Join(s.config.PublicDirectory, "V*", "[0-9]*"))
	if err != nil {
		return fmt.Errorf("removing an old configuration: %w", err)
	}
	for _, folder := range all {
		info, err := os.Stat(folder)
		if err != nil || named[folder] || now.Sub(info.ModTime()) < partLifetime {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("removing an old configuration: %w", err)
		}
	}
	return nil
}

func (s *Service) folders(p published) map[string]bool {
	folders := map[string]bool{}
	for _, part := range p.parts {
		folders[filepath.Join(s.config.PublicDirectory, filepath.Dir(part.location))] = true
	}
	return folders
}

func writeFile(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("publishing configuration: %w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("publishing configuration: %w", err)
	}
	defer func() {
		if err != nil {
			if removeErr := os.Remove(temporary.Name()); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
				err = errors.Join(err, removeErr)
			}
		}
	}()
	if _, err = temporary.Write(data); err == nil {
		err = temporary.Sync()
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(temporary.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("publishing configuration: %w", err)
	}
	return nil
}
