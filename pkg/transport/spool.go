package transport

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// spool keeps the attachments of one message one after the other: in memory while they are small, in one unnamed file when not.
type spool struct {
	limits Limits
	memory []byte
	file   *os.File
	size   int64
}

// Write appends.
func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.size+int64(len(p)) > s.limits.Memory {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	s.size += int64(len(p))
	if s.file == nil {
		s.memory = append(s.memory, p...)
		return len(p), nil
	}
	return s.file.Write(p)
}

func (s *spool) toFile() error {
	file, err := os.CreateTemp(s.limits.Dir, "attachments-")
	if err != nil {
		return fmt.Errorf("keeping attachments: %w", err)
	}
	// Nobody else needs the name, and without it nothing is left behind when the server dies.
	if err := os.Remove(file.Name()); err != nil {
		_ = file.Close()
		return fmt.Errorf("keeping attachments: %w", err)
	}
	if _, err := file.Write(s.memory); err != nil {
		_ = file.Close()
		return fmt.Errorf("keeping attachments: %w", err)
	}
	s.file, s.memory = file, nil
	return nil
}

func (s *spool) section(offset, size int64) io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, offset, size)
	}
	return bytes.NewReader(s.memory[offset : offset+size])
}

// Close frees the file. It may be called twice.
func (s *spool) Close() {
	s.memory = nil
	if s.file != nil {
		_ = s.file.Close() // nobody reads what is in it again
		s.file = nil
	}
}
