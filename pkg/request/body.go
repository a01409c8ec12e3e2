package request

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// field is one child of a request's body: how it is written and read.
type field struct {
	name     string
	required bool
	write    func(dst []byte, r *Request) ([]byte, error)
	read     func(r *Request, el *etree.Element) error
}

var serverField = field{
	name: "server", required: true,
	write: func(dst []byte, r *Request) ([]byte, error) { return r.Server.AppendXML(dst, "xroad:server"), nil },
	read: func(r *Request, el *etree.Element) (err error) {
		r.Server, err = identifier.SecurityServerFromXML(el)
		return err
	},
}

var clientField = field{
	name: "client", required: true,
	write: func(dst []byte, r *Request) ([]byte, error) {
		if r.Client.IsZero() {
			return nil, errors.New("client is missing")
		}
		return r.Client.AppendXML(dst, "xroad:client"), nil
	},
	read: func(r *Request, el *etree.Element) (err error) {
		r.Client, err = identifier.ClientFromXML(el)
		return err
	},
}

// addressField may be absent by the schema; the verifier then finds the empty address invalid.
var addressField = field{
	name: "address",
	write: func(dst []byte, r *Request) ([]byte, error) {
		return xmlsafe.AppendElement(dst, "xroad:address", r.Address), nil
	},
	read: func(r *Request, el *etree.Element) (err error) {
		r.Address, err = xmlsafe.Text(el)
		return err
	},
}

var authCertField = field{
	name: "authCert", required: true,
	write: func(dst []byte, r *Request) ([]byte, error) {
		if len(r.AuthCertificate) == 0 {
			return nil, errors.New("authentication certificate is missing")
		}
		return xmlsafe.AppendElement(dst, "xroad:authCert", base64.StdEncoding.EncodeToString(r.AuthCertificate)), nil
	},
	read: func(r *Request, el *etree.Element) error {
		text, err := xmlsafe.Text(el)
		if err != nil {
			return err
		}
		r.AuthCertificate, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		return err
	},
}

var dryRunField = field{
	name: "dryRun",
	write: func(dst []byte, r *Request) ([]byte, error) {
		if r.DryRun {
			dst = xmlsafe.AppendElement(dst, "xroad:dryRun", "true")
		}
		return dst, nil
	},
	read: func(r *Request, el *etree.Element) error {
		text, err := xmlsafe.Text(el)
		if err != nil {
			return err
		}
		switch strings.TrimSpace(text) {
		case "true", "1":
			r.DryRun = true
		case "false", "0", "":
		default:
			return errors.New("dryRun is not a boolean")
		}
		return nil
	},
}

var subsystemNameField = field{
	name: "subsystemName",
	write: func(dst []byte, r *Request) ([]byte, error) {
		if r.SubsystemName != "" {
			dst = xmlsafe.AppendElement(dst, "xroad:subsystemName", r.SubsystemName)
		}
		return dst, nil
	},
	read: func(r *Request, el *etree.Element) (err error) {
		r.SubsystemName, err = xmlsafe.Text(el)
		return err
	},
}

// newNameField is the name of clientRename, which must be there; the verifier then looks at its value.
var newNameField = field{
	name: "subsystemName", required: true,
	write: func(dst []byte, r *Request) ([]byte, error) {
		return xmlsafe.AppendElement(dst, "xroad:subsystemName", r.SubsystemName), nil
	},
	read: subsystemNameField.read,
}

var messageField = field{
	name: "message",
	write: func(dst []byte, r *Request) ([]byte, error) {
		if r.Message != "" {
			dst = xmlsafe.AppendElement(dst, "xroad:message", r.Message)
		}
		return dst, nil
	},
	read: func(r *Request, el *etree.Element) (err error) {
		r.Message, err = xmlsafe.Text(el)
		return err
	},
}

// readBody reads the body of a verified message into a request. Children may stand in any order, once each; unknown ones are refused.
func readBody(k kind, m *soap.Message) (*Request, error) {
	body := m.Body()
	if body == nil || !strings.EqualFold(body.Tag, string(k.name)) || body.NamespaceURI() != soap.Namespace {
		return nil, unreadable(k, nil)
	}
	r := &Request{Type: k.name, Sender: m.Header.Client, ID: m.Header.ID}
	seen := make(map[string]bool, len(k.body))
	for _, el := range body.ChildElements() {
		if el.NamespaceURI() != soap.Namespace || seen[el.Tag] {
			return nil, unreadable(k, nil)
		}
		seen[el.Tag] = true
		if err := readField(k, r, el); err != nil {
			return nil, err
		}
	}
	for _, f := range k.body {
		if f.required && !seen[f.name] {
			return nil, unreadable(k, nil)
		}
	}
	return r, nil
}

func readField(k kind, r *Request, el *etree.Element) error {
	for _, f := range k.body {
		if f.name != el.Tag {
			continue
		}
		err := f.read(r, el)
		if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
			return unreadable(k, err)
		}
		return err
	}
	return unreadable(k, nil) // requestId too: the schema allows it for responses
}

func unreadable(k kind, cause error) error {
	return fault.Wrap(cause, fault.Invalid, "invalid_soap", "Failed to parse '%s'", k.name)
}
