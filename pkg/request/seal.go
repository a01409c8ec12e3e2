package request

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
)

const (
	binary = "application/octet-stream"
	// algorithmHeader is written in lower case: X-Road's central server finds no other spelling.
	algorithmHeader = "signature-algorithm-id"
)

// Sealed is a management request ready to be sent.
type Sealed struct {
	ContentType string
	Body        []byte
	SOAP        []byte // the SOAP part alone, for ReadResponse and for the message log
}

// Seal builds the request and signs it as its type demands, with SHA-512. signer is the signing key of the member that must agree, with the
// OCSP response of its certificate; auth is the authentication key of an authCertReg. Credentials that the type does not need may be nil.
func Seal(rand io.Reader, r *Request, provider identifier.ClientID, signer *signature.Credential, auth *signature.Credential) (Sealed, error) {
	message, err := BuildSOAP(r, provider)
	if err != nil {
		return Sealed{}, err
	}
	k, _ := kindOf(string(r.Type))
	if k.shape == plain {
		return Sealed{ContentType: soap.ContentType, Body: message, SOAP: message}, nil
	}
	if signer == nil || len(signer.OCSP) == 0 || k.shape == twice && auth == nil {
		return Sealed{}, fmt.Errorf("sealing %s: a key, its certificate or its OCSP response is missing", r.Type)
	}
	parts := []soap.Part{{Headers: soap.Fields{{Name: "Content-Type", Value: soap.ContentType}}, Body: message}}
	keys := []*signature.Credential{signer}
	if k.shape == twice {
		keys = []*signature.Credential{auth, signer}
	}
	for _, key := range keys {
		part, err := signedPart(rand, message, key)
		if err != nil {
			return Sealed{}, fmt.Errorf("sealing %s: %w", r.Type, err)
		}
		parts = append(parts, part)
	}
	for _, key := range keys {
		parts = append(parts, binaryPart(key.Certificate.Raw))
	}
	return assemble(rand, message, append(parts, binaryPart(signer.OCSP[0])))
}

func signedPart(rand io.Reader, message []byte, key *signature.Credential) (soap.Part, error) {
	if key.Signer == nil || key.Certificate == nil {
		return soap.Part{}, errors.New("key or certificate is missing")
	}
	algorithm, err := signature.ForKey(key.Certificate.PublicKey, signature.SHA512)
	if err != nil {
		return soap.Part{}, err
	}
	value, err := algorithm.Sign(rand, key.Signer, message)
	if err != nil {
		return soap.Part{}, err
	}
	part := binaryPart(value)
	part.Headers = append(part.Headers, soap.Field{Name: algorithmHeader, Value: algorithm.Name})
	return part, nil
}

func binaryPart(body []byte) soap.Part {
	return soap.Part{Headers: soap.Fields{{Name: "Content-Type", Value: binary}}, Body: body}
}

func assemble(rand io.Reader, message []byte, parts []soap.Part) (Sealed, error) {
	boundary, err := soap.NewBoundary(rand)
	if err != nil {
		return Sealed{}, err
	}
	var b bytes.Buffer
	w := soap.NewMultipartWriter(&b, boundary)
	for _, p := range parts {
		if err := w.WritePart(p.Headers, p.Body); err != nil {
			return Sealed{}, err
		}
	}
	if err := w.Close(); err != nil {
		return Sealed{}, err
	}
	contentType := soap.MultipartRelated + `; type="` + binary + `"; charset=UTF-8; boundary=` + boundary
	return Sealed{ContentType: contentType, Body: b.Bytes(), SOAP: message}, nil
}
