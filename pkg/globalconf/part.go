package globalconf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
)

// part is one file of the configuration with what was decoded of it. Exactly one of shared, private and optional is set for the parts this
// package knows. It is immutable: a refreshed expiry makes a copy.
type part struct {
	metadata
	algorithm string // URI of the hash
	hash      []byte
	shared    *index
	private   *PrivateParameters
	optional  []byte
}

// metadata stands beside every part on disk, as JSON with X-Road's keys.
type metadata struct {
	identifier string
	instance   string
	fileName   string // Content-file-name, "" for none
	location   string
	version    int
	expires    time.Time // zero: never
}

type metadataJSON struct {
	ContentIdentifier    string  `json:"contentIdentifier"`
	InstanceIdentifier   string  `json:"instanceIdentifier"`
	ExpirationDate       string  `json:"expirationDate,omitempty"`
	ContentFileName      *string `json:"contentFileName,omitempty"`
	ContentLocation      string  `json:"contentLocation"`
	ConfigurationVersion string  `json:"configurationVersion,omitempty"`
}

func (m metadata) encode() []byte {
	j := metadataJSON{ContentIdentifier: m.identifier, InstanceIdentifier: m.instance, ContentLocation: m.location, ConfigurationVersion: strconv.Itoa(m.version)}
	if !m.expires.IsZero() {
		j.ExpirationDate = m.expires.UTC().Format(time.RFC3339Nano)
	}
	if m.fileName != "" {
		j.ContentFileName = &m.fileName
	}
	data, _ := json.Marshal(j) // strings only: cannot fail
	return data
}

func parseMetadata(data []byte) (metadata, error) {
	var j metadataJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return metadata{}, fmt.Errorf("reading metadata: %w", err)
	}
	m := metadata{identifier: j.ContentIdentifier, instance: j.InstanceIdentifier, location: j.ContentLocation, version: MinVersion}
	if j.ContentFileName != nil {
		m.fileName = *j.ContentFileName
	}
	var err error
	if j.ConfigurationVersion != "" {
		if m.version, err = strconv.Atoi(j.ConfigurationVersion); err != nil {
			return metadata{}, fmt.Errorf("reading metadata: %w", err)
		}
	}
	if j.ExpirationDate != "" {
		if m.expires, err = parseTime(j.ExpirationDate); err != nil {
			return metadata{}, fmt.Errorf("reading metadata: %w", err)
		}
	}
	return m, nil
}

// expired reports whether the part may no longer be used.
func (m metadata) expired(at time.Time) bool { return !m.expires.IsZero() && at.After(m.expires) }

// name is how the part is stored: by its fixed name, by the file name it came with, or by the last segment of its location. Names that
// would leave the folder or hide another file are refused.
func (m metadata) name() (string, error) {
	switch m.identifier {
	case PrivateParametersID:
		return privateFile, nil
	case SharedParametersID:
		return sharedFile, nil
	}
	name := m.fileName
	if name == "" {
		name = path.Base(m.location)
	}
	if name == "" || name[0] == '.' || len(name) > 200 || strings.ContainsAny(name, "/\\\x00") || strings.HasSuffix(name, metadataSuffix) ||
		name == privateFile || name == sharedFile {
		return "", fault.New(fault.Invalid, "global_conf_part_file_save_failure", "Part %s has an unusable file name", m.identifier)
	}
	return name, nil
}

// decodePart reads and checks the bytes of a part. instance is what the directory says; private and shared parameters must agree.
func decodePart(m metadata, algorithm string, hash, data []byte) (*part, error) {
	p := &part{metadata: m, algorithm: algorithm, hash: hash}
	found := m.instance
	switch {
	case m.identifier == PrivateParametersID:
		private, err := DecodePrivate(m.version, data)
		if err != nil {
			return nil, err
		}
		p.private, found = private, private.InstanceIdentifier
	case m.identifier == SharedParametersID:
		shared, err := DecodeShared(m.version, data)
		if err != nil {
			return nil, err
		}
		p.shared, found = newIndex(shared), shared.InstanceIdentifier
	case isOptional(m.identifier):
		o := defaultOptionalParts()
		if err := o.read(m.identifier, data); err != nil {
			return nil, err
		}
		p.optional = data
	}
	if found != m.instance {
		return nil, fault.New(fault.Invalid, "global_conf_part_invalid_instance_identifier",
			"Content part %s has invalid instance identifier (expected %s, but was %s)", m.identifier, m.instance, found)
	}
	return p, nil
}

// same reports whether the part was decoded from bytes with this hash by the rules of this version.
func (p *part) same(algorithm string, hash []byte, version int) bool {
	return p != nil && p.algorithm == algorithm && p.version == version && bytes.Equal(p.hash, hash)
}

// with gives the part with other metadata.
func (p *part) with(m metadata) *part {
	c := *p
	c.metadata = m
	return &c
}

// storedHash is the algorithm by which parts read from disk are known: the one that directories use.
func storedHash(data []byte) (string, []byte) {
	return signature.SHA512.URI, signature.SHA512.Sum(data)
}
