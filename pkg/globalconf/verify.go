package globalconf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
)

// OpenDirectory verifies a signed directory as received and then reads it. certificates (DER) are those that the location's signatures may
// have; they carry keys only, their own validity and usage do not count. Nothing inside is looked at before every signature over its raw bytes
// is verified. Unknown header fields are ignored. Faults, in this order: global_conf_header_field_missing, …_wrong_value and …_missing_parameter
// for the outside, global_conf_missing_signed_data, global_conf_missing_signed_data_expiration_date, global_conf_missing_verification_cert,
// global_conf_signature_decode_failure, global_conf_signature_verification_failure, the first three for the inside, and global_conf_outdated
// "Configuration instance %s expired on %s".
func OpenDirectory(data []byte, certificates [][]byte, at time.Time) (*Directory, error) {
	inside, err := verified(data, certificates)
	if err != nil {
		return nil, err
	}
	d, err := readDirectory(inside)
	if err != nil {
		return nil, err
	}
	if at.After(d.Expire) {
		return nil, fault.New(fault.Conflict, "global_conf_outdated", "Configuration instance %s expired on %s", d.instance(), d.Expire.Format(time.RFC3339))
	}
	return d, nil
}

// instance is the instance that the directory is about, for messages.
func (d *Directory) instance() string {
	for _, p := range d.Parts {
		if p.Instance != "" {
			return p.Instance
		}
	}
	return ""
}

// verified gives the signed entity after every further part has proved to be a signature over its body.
func verified(data []byte, certificates [][]byte) (entity, error) {
	top, err := parseEntity(data)
	if err != nil {
		return entity{}, err
	}
	parts, err := top.multipart("multipart/related")
	switch {
	case err != nil:
		return entity{}, err
	case len(parts) == 0:
		return entity{}, missingSignedData()
	}
	signed, err := parseEntity(parts[0])
	switch {
	case err != nil:
		return entity{}, err
	case len(signed.body) == 0:
		return entity{}, missingSignedData()
	case len(parts) == 1:
		return entity{}, missingExpirationDate()
	}
	for _, part := range parts[1:] {
		if err := verifySignature(part, signed.body, certificates); err != nil {
			return entity{}, err
		}
	}
	return signed, nil
}

func verifySignature(part, signed []byte, certificates [][]byte) error {
	e, err := parseEntity(part)
	if err != nil {
		return err
	}
	if err := e.exactly("Content-Type", octetStream); err != nil {
		return err
	}
	if err := e.exactly("Content-Transfer-Encoding", base64Encoding); err != nil {
		return err
	}
	uri, err := e.field("Signature-Algorithm-Id")
	if err != nil {
		return err
	}
	named, err := e.field("Verification-certificate-hash")
	if err != nil {
		return err
	}
	public, err := verificationKey(named, certificates)
	if err != nil {
		return err
	}
	value, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(e.body)))
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "global_conf_signature_decode_failure", "Failed to decode signature")
	}
	algorithm, err := signature.ByURI(uri)
	if err == nil {
		err = verifyValue(algorithm, public, signed, value)
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "global_conf_signature_verification_failure", "Failed to verify signature")
	}
	return nil
}

// verifyValue takes ECDSA values in both of the forms that are met: DER from central servers, and what a token returned from proxies.
func verifyValue(algorithm signature.Algorithm, public any, signed, value []byte) error {
	if k, ok := public.(*ecdsa.PublicKey); ok {
		der, err := signature.ECDSADER(k, value)
		if err != nil {
			return err
		}
		value = der
	}
	return algorithm.Verify(public, signed, value)
}

// verificationKey finds the certificate that the field names by its hash.
func verificationKey(named string, certificates [][]byte) (any, error) {
	text, parameters := parseParameters(named)
	uri, ok := parameters["hash-algorithm-id"]
	if !ok {
		return nil, missingParameter("Verification-certificate-hash", "hash-algorithm-id")
	}
	hash, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, wrongValue("Verification-certificate-hash")
	}
	digest, err := signature.DigestByURI(uri)
	if err != nil {
		return nil, wrongValue("Verification-certificate-hash")
	}
	cause := errors.New("none of the certificates of this location has the hash")
	for _, der := range certificates {
		if !bytes.Equal(digest.Sum(der), hash) {
			continue
		}
		certificate, err := x509.ParseCertificate(der)
		if err == nil {
			return certificate.PublicKey, nil
		}
		cause = err
	}
	return nil, fault.Wrap(cause, fault.Invalid, "global_conf_missing_verification_cert", "Cannot verify signature of configuration: could not find verification certificate")
}

// readDirectory reads verified bytes.
func readDirectory(signed entity) (*Directory, error) {
	parts, err := signed.multipart("multipart/mixed")
	switch {
	case err != nil:
		return nil, err
	case len(parts) == 0:
		return nil, missingExpirationDate()
	}
	d := &Directory{Version: MinVersion}
	if err := d.readHeader(parts[0]); err != nil {
		return nil, err
	}
	for _, part := range parts[1:] {
		p, err := readPart(part)
		if err != nil {
			return nil, err
		}
		d.Parts = append(d.Parts, p)
	}
	return d, nil
}

func (d *Directory) readHeader(part []byte) error {
	header, err := parseEntity(part)
	if err != nil {
		return err
	}
	date, err := header.field("Expire-date")
	if err != nil {
		return err
	}
	if d.Expire, err = parseTime(date); err != nil {
		return wrongValue("Expire-date")
	}
	if version, ok := header.fields["version"]; ok { // the oldest directories have none
		if d.Version, err = strconv.Atoi(version); err != nil {
			return wrongValue("Version")
		}
	}
	return nil
}

func readPart(part []byte) (Part, error) {
	e, err := parseEntity(part)
	if err != nil {
		return Part{}, err
	}
	if err := e.exactly("Content-Type", octetStream); err != nil {
		return Part{}, err
	}
	if err := e.exactly("Content-Transfer-Encoding", base64Encoding); err != nil {
		return Part{}, err
	}
	identified, err := e.field("Content-identifier")
	if err != nil {
		return Part{}, err
	}
	var p Part
	var parameters map[string]string
	p.Identifier, parameters = parseParameters(identified)
	p.Instance = parameters["instance"]
	if p.Instance == "" && (p.Identifier == PrivateParametersID || p.Identifier == SharedParametersID) {
		return Part{}, missingParameter("Content-identifier", "instance")
	}
	if p.Location, err = e.field("Content-location"); err != nil {
		return Part{}, err
	}
	if p.HashAlgorithm, err = e.field("Hash-algorithm-id"); err != nil {
		return Part{}, err
	}
	p.FileName = e.fields["content-file-name"]
	if p.Hash, err = base64.StdEncoding.DecodeString(string(bytes.TrimSpace(e.body))); err != nil || len(p.Hash) == 0 {
		return Part{}, fault.Wrap(err, fault.Invalid, "global_conf_parsing_downloaded_conf_directory_failure", "Hash of %s is not base64", p.Identifier)
	}
	return p, nil
}

func missingSignedData() error {
	return fault.New(fault.Invalid, "global_conf_missing_signed_data", "Missing signed data")
}

func missingExpirationDate() error {
	return fault.New(fault.Invalid, "global_conf_missing_signed_data_expiration_date", "Missing signed data expiration date")
}
