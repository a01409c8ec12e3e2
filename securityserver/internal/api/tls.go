package api

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
)

// GetSystemCertificate shows the internal TLS certificate.
func (a *API) GetSystemCertificate(ctx context.Context, _ gen.GetSystemCertificateRequestObject) (gen.GetSystemCertificateResponseObject, error) {
	pair, err := a.TLS.Pair(ctx)
	if err != nil {
		return nil, err
	}
	return gen.GetSystemCertificate200JSONResponse(details(pair.Leaf)), nil
}

// DownloadSystemCertificate packs the internal TLS certificate as PEM and DER.
func (a *API) DownloadSystemCertificate(ctx context.Context, _ gen.DownloadSystemCertificateRequestObject) (gen.DownloadSystemCertificateResponseObject, error) {
	pair, err := a.TLS.Pair(ctx)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for _, f := range []struct {
		name string
		data []byte
	}{{"./cert.pem", certificate.EncodePEM(pair.Leaf)}, {"./cert.cer", pair.Leaf.Raw}} {
		if err := archive.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data)), ModTime: a.Now()}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := zipped.Close(); err != nil {
		return nil, err
	}
	return gen.DownloadSystemCertificate200ApplicationgzipResponse{Body: &packed, ContentLength: int64(packed.Len()),
		Headers: gen.DownloadSystemCertificate200ResponseHeaders{ContentDisposition: attachment("certs.tar.gz")}}, nil
}

// GenerateSystemTlsKeyAndCertificate makes a new internal TLS key with a self-signed certificate.
func (a *API) GenerateSystemTlsKeyAndCertificate(ctx context.Context, _ gen.GenerateSystemTlsKeyAndCertificateRequestObject) (gen.GenerateSystemTlsKeyAndCertificateResponseObject, error) {
	return gen.GenerateSystemTlsKeyAndCertificate204Response{}, a.TLS.Generate(ctx)
}

// GenerateSystemCertificateRequest asks for a certificate for the key in use.
func (a *API) GenerateSystemCertificateRequest(ctx context.Context, r gen.GenerateSystemCertificateRequestRequestObject) (gen.GenerateSystemCertificateRequestResponseObject, error) {
	der, err := a.TLS.Request(ctx, value(r.Body.Name))
	if err != nil {
		return nil, err
	}
	file := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	return gen.GenerateSystemCertificateRequest201ApplicationoctetStreamResponse{Body: bytes.NewReader(file), ContentLength: int64(len(file)),
		Headers: gen.GenerateSystemCertificateRequest201ResponseHeaders{ContentDisposition: attachment("request.csr")}}, nil
}

// ImportSystemCertificate uses another certificate for the key in use.
func (a *API) ImportSystemCertificate(ctx context.Context, r gen.ImportSystemCertificateRequestObject) (gen.ImportSystemCertificateResponseObject, error) {
	file, err := readFile(r.Body)
	if err != nil {
		return nil, err
	}
	leaf, err := a.TLS.Import(ctx, file)
	if err != nil {
		return nil, err
	}
	return gen.ImportSystemCertificate200JSONResponse(details(leaf)), nil
}
