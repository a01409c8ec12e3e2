package api

import (
	"errors"
	"io"
	"mime/multipart"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// upload is a form with at most one file, in part "certificate".
type upload struct {
	file   []byte
	fields map[string]string // trimmed
}

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
		if _, twice := u.fields[name]; twice || name == "certificate" && u.file != nil {
			return nil, fault.New(fault.Invalid, "validation_failure", "Field '%s' occurs twice", name)
		}
		if name == "certificate" {
			u.file = data
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
