package api

import (
	"errors"
	"io"
	"mime/multipart"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// upload is a form with at most one file.
type upload struct {
	file     []byte
	fileName string            // as the caller calls it
	fields   map[string]string // trimmed
}

// files are the names of the parts that are files.
var files = map[string]bool{"certificate": true, "anchor": true, "file": true}

// maxParts is more than any form has.
const maxParts = 16

// readUpload reads a form whose size the door has limited. A part that occurs twice is refused.
func readUpload(r *multipart.Reader) (*upload, error) {
	u := &upload{fields: map[string]string{}}
	for range maxParts {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return u, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, unreadable(err)
		}
		name := part.FormName()
		if _, twice := u.fields[name]; twice || files[name] && u.file != nil {
			return nil, fault.New(fault.Invalid, "validation_failure", "Field '%s' occurs twice", name)
		}
		if files[name] {
			u.file, u.fileName = data, part.FileName()
		} else {
			u.fields[name] = strings.TrimSpace(string(data))
		}
	}
	return nil, fault.New(fault.Invalid, "validation_failure", "The form has too many fields")
}

// unreadable keeps an error that says the body is too large as it is.
func unreadable(err error) error {
	return fault.Wrap(err, fault.Invalid, "validation_failure", "The form cannot be read")
}
