package registry

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// maxInput is the length of any input in characters (UC MEMBER_54 step 3).
const maxInput = 255

// Input is one field that a person filled in.
type Input struct {
	Path     string // X-Road's key for validation errors, such as memberAddDto.memberName
	Name     string // the parameter's name in messages
	Value    *string
	Optional bool
	Check    func(string) string // the constraint that a trimmed, non-empty value breaks, "" for none
}

// ParseInput trims the values in place and refuses empty mandatory and overlong ones (UC MEMBER_54), then what Check refuses. The message is
// that of the first broken field, after prefix; Fields has all of them under code validation_failure.
func ParseInput(prefix string, inputs ...Input) error {
	f := &fault.Error{Kind: fault.Invalid, Code: "validation_failure"}
	for _, i := range inputs {
		*i.Value = strings.TrimSpace(*i.Value)
		constraint, message := i.broken()
		if constraint == "" {
			continue
		}
		if f.Fields == nil {
			f.Message, f.Fields = prefix+message, map[string][]string{}
		}
		f.Fields[i.Path] = append(f.Fields[i.Path], constraint)
	}
	if f.Fields == nil {
		return nil
	}
	return f
}

func (i Input) broken() (constraint, message string) {
	value := *i.Value
	switch {
	case value == "" && i.Optional:
		return "", ""
	case value == "":
		return "NotBlank", "Missing parameter: '" + i.Name + "'"
	case utf8.RuneCountInString(value) > maxInput:
		return "Size", "Parameter " + i.Name + " input exceeds 255 characters"
	case i.Check == nil:
		return "", ""
	}
	switch constraint := i.Check(value); constraint {
	case "":
		return "", ""
	case validHostAddress:
		return constraint, "Security server address must be DNS name or IP address"
	default:
		return constraint, "Parameter " + i.Name + " contains invalid characters"
	}
}

const validHostAddress = "ValidHostAddress"

// NoControlChars is the rule for names and descriptions.
func NoControlChars(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s) {
		return "NoControlChars"
	}
	return ""
}

// HostAddress is the rule for addresses of security servers: a DNS name or an IP address.
func HostAddress(s string) string {
	if !identifier.ValidAddress(s) {
		return validHostAddress
	}
	return ""
}
