package certificate

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // X-Road's CertID
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Status is what an OCSP response says about a certificate.
type Status string

// The statuses, as the signer of X-Road 7 calls them. Suspended is revoked with the reason certificateHold.
const (
	Good      Status = "good"
	Revoked   Status = "revoked"
	Suspended Status = "suspended"
	Unknown   Status = "unknown"
)

// OCSPResponse is the first single response of a basic OCSP response, parsed and not verified.
type OCSPResponse struct {
	Raw        []byte // DER of the whole OCSP response
	Status     Status
	SerialNo   *big.Int
	ThisUpdate time.Time
	NextUpdate time.Time // zero when absent
	RevokedAt  time.Time // zero unless revoked or suspended

	certID    certID
	responder responderID
	embedded  []asn1.RawValue
	signed    []byte
	algorithm x509.SignatureAlgorithm
	signature []byte
}

// The structures of RFC 6960.
type (
	ocspResponse struct {
		Status asn1.Enumerated
		Bytes  responseBytes `asn1:"explicit,tag:0,optional"`
	}
	responseBytes struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}
	basicResponse struct {
		Data         responseData
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	responseData struct {
		Raw         asn1.RawContent
		Version     int `asn1:"optional,default:0,explicit,tag:0"`
		ResponderID asn1.RawValue
		ProducedAt  time.Time `asn1:"generalized"`
		Responses   []singleResponse
		Extensions  []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	singleResponse struct {
		CertID     certID
		Status     asn1.RawValue
		ThisUpdate time.Time        `asn1:"generalized"`
		NextUpdate time.Time        `asn1:"generalized,explicit,tag:0,optional"`
		Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	certID struct {
		Hash         pkix.AlgorithmIdentifier
		NameHash     []byte
		KeyHash      []byte
		SerialNumber *big.Int
	}
	revokedInfo struct {
		At     time.Time       `asn1:"generalized"`
		Reason asn1.Enumerated `asn1:"explicit,tag:0,optional"`
	}
	responderID struct{ name, keyHash []byte }
)

var (
	oidBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidSHA1  = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
)

const certificateHold = 6

// signatureAlgorithms are those a response may be signed with; SHA-1 is not among them.
var signatureAlgorithms = []struct {
	oid       asn1.ObjectIdentifier
	algorithm x509.SignatureAlgorithm
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, x509.SHA256WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, x509.SHA384WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, x509.SHA512WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, x509.ECDSAWithSHA256},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, x509.ECDSAWithSHA384},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, x509.ECDSAWithSHA512},
}

// ParseOCSP reads a DER OCSP response and its first single response; further ones are ignored, as X-Road does. Nothing is verified.
func ParseOCSP(der []byte) (*OCSPResponse, error) {
	var outer ocspResponse
	if err := strict(der, &outer); err != nil {
		return nil, fmt.Errorf("reading OCSP response: %w", err)
	}
	if outer.Status != 0 {
		return nil, fmt.Errorf("reading OCSP response: responder answered %s", ocsp.ResponseStatus(outer.Status))
	}
	if !outer.Bytes.Type.Equal(oidBasic) {
		return nil, errors.New("reading OCSP response: not a basic response")
	}
	var basic basicResponse
	if err := strict(outer.Bytes.Response, &basic); err != nil {
		return nil, fmt.Errorf("reading basic OCSP response: %w", err)
	}
	if len(basic.Data.Responses) == 0 {
		return nil, errors.New("reading basic OCSP response: no single response")
	}
	single := basic.Data.Responses[0]
	for _, e := range append(single.Extensions, basic.Data.Extensions...) {
		if e.Critical {
			return nil, fmt.Errorf("reading basic OCSP response: critical extension %s", e.Id)
		}
	}
	r := &OCSPResponse{
		Raw: der, SerialNo: single.CertID.SerialNumber, ThisUpdate: single.ThisUpdate, NextUpdate: single.NextUpdate,
		certID: single.CertID, embedded: basic.Certificates, signed: basic.Data.Raw, signature: basic.Signature.RightAlign(),
	}
	for _, a := range signatureAlgorithms {
		if a.oid.Equal(basic.Algorithm.Algorithm) {
			r.algorithm = a.algorithm
		}
	}
	if err := r.readResponder(basic.Data.ResponderID); err != nil {
		return nil, err
	}
	return r, r.readStatus(single.Status)
}

func (r *OCSPResponse) readResponder(v asn1.RawValue) error {
	switch {
	case v.Class == asn1.ClassContextSpecific && v.Tag == 1:
		r.responder.name = v.Bytes
		return nil
	case v.Class == asn1.ClassContextSpecific && v.Tag == 2:
		return strict(v.Bytes, &r.responder.keyHash)
	}
	return errors.New("reading basic OCSP response: responder id is neither name nor key")
}

func (r *OCSPResponse) readStatus(v asn1.RawValue) error {
	if v.Class != asn1.ClassContextSpecific {
		return errors.New("reading basic OCSP response: no status")
	}
	switch v.Tag {
	case 0:
		r.Status = Good
	case 1:
		var info revokedInfo
		if rest, err := asn1.UnmarshalWithParams(v.FullBytes, &info, "tag:1"); err != nil || len(rest) != 0 {
			return errors.New("reading basic OCSP response: revocation is not DER")
		}
		r.Status, r.RevokedAt = Revoked, info.At
		if info.Reason == certificateHold {
			r.Status = Suspended
		}
	case 2:
		r.Status = Unknown
	default:
		r.Status = "" // not one of RFC 6960's: INVALID to X-Road
	}
	return nil
}

// appliesTo reports that the CertID is the SHA-1 one of this certificate under this issuer.
func (r *OCSPResponse) appliesTo(c, issuer *x509.Certificate) bool {
	name := sha1.Sum(issuer.RawSubject) //nolint:gosec // X-Road's CertID
	return r.certID.Hash.Algorithm.Equal(oidSHA1) &&
		r.certID.SerialNumber != nil && r.certID.SerialNumber.Cmp(c.SerialNumber) == 0 &&
		bytes.Equal(r.certID.NameHash, name[:]) && bytes.Equal(r.certID.KeyHash, keyHash(issuer))
}

// matches reports that the certificate is the one the responder id names.
func (id responderID) matches(c *x509.Certificate) bool {
	if id.name != nil {
		return bytes.Equal(id.name, c.RawSubject)
	}
	return bytes.Equal(id.keyHash, keyHash(c))
}

// keyHash is the SHA-1 hash of the key's bits, without algorithm: RFC 6960's KeyHash.
func keyHash(c *x509.Certificate) []byte {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if err := strict(c.RawSubjectPublicKeyInfo, &info); err != nil {
		return nil
	}
	sum := sha1.Sum(info.Key.RightAlign()) //nolint:gosec // X-Road's CertID
	return sum[:]
}

func strict(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err == nil && len(rest) != 0 {
		return errors.New("trailing data")
	}
	return err
}

// CreateOCSPRequest makes the unsigned request for one certificate, with the SHA-1 CertID that X-Road's verifiers insist on.
func CreateOCSPRequest(c, issuer *x509.Certificate) ([]byte, error) {
	der, err := ocsp.CreateRequest(c, issuer, nil)
	if err != nil {
		return nil, fmt.Errorf("creating OCSP request: %w", err)
	}
	return der, nil
}
