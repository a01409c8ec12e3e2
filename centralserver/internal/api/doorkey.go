package api

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
)

// GetCertificate shows the TLS certificate of the management services.
func (a *API) GetCertificate(context.Context, gen.GetCertificateRequestObject) (gen.GetCertificateResponseObject, error) {
	details, err := certificateDetails(a.DoorKey.Certificate())
	return gen.GetCertificate200JSONResponse(details), err
}

// DownloadCertificate gives the certificate as PEM and DER, as X-Road packs them.
func (a *API) DownloadCertificate(context.Context, gen.DownloadCertificateRequestObject) (gen.DownloadCertificateResponseObject, error) {
	der := a.DoorKey.Certificate()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	packed := tar.NewWriter(zipped)
	for _, file := range []struct {
		name string
		data []byte
	}{{"./management-service.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, {"./management-service.cer", der}} {
		if err := packed.WriteHeader(&tar.Header{Name: file.name, Mode: 0o644, Size: int64(len(file.data))}); err != nil {
			return nil, fmt.Errorf("packing the certificate: %w", err)
		}
		if _, err := packed.Write(file.data); err != nil {
			return nil, fmt.Errorf("packing the certificate: %w", err)
		}
	}
	if err := packed.Close(); err != nil {
		return nil, fmt.Errorf("packing the certificate: %w", err)
	}
	if err := zipped.Close(); err != nil {
		return nil, fmt.Errorf("packing the certificate: %w", err)
	}
	disposition := `attachment; filename="management-service.tar.gz"`
	return gen.DownloadCertificate200ApplicationgzipResponse{Body: &archive, ContentLength: int64(archive.Len()),
		Headers: gen.DownloadCertificate200ResponseHeaders{ContentDisposition: &disposition}}, nil
}

// GenerateKeyAndCertificate makes a new key with a self-signed certificate.
func (a *API) GenerateKeyAndCertificate(ctx context.Context, _ gen.GenerateKeyAndCertificateRequestObject) (gen.GenerateKeyAndCertificateResponseObject, error) {
	return gen.GenerateKeyAndCertificate201Response{}, a.DoorKey.Generate(ctx)
}

// GenerateCertificateRequest asks a certification service for a certificate of the key in use.
func (a *API) GenerateCertificateRequest(ctx context.Context, r gen.GenerateCertificateRequestRequestObject) (gen.GenerateCertificateRequestResponseObject, error) {
	der, err := a.DoorKey.Request(ctx, r.Body.Name)
	if err != nil {
		return nil, err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	disposition := fmt.Sprintf("attachment; filename=%q", "management_service_tls_cert_request_"+a.Now().UTC().Format("20060102")+".p10")
	return gen.GenerateCertificateRequest201ApplicationoctetStreamResponse{Body: bytes.NewReader(data), ContentLength: int64(len(data)),
		Headers: gen.GenerateCertificateRequest201ResponseHeaders{ContentDisposition: &disposition}}, nil
}

// UploadCertificate uses another certificate for the key in use.
func (a *API) UploadCertificate(ctx context.Context, r gen.UploadCertificateRequestObject) (gen.UploadCertificateResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	if err := a.DoorKey.Import(ctx, f.fileName, f.file); err != nil {
		return nil, err
	}
	details, err := certificateDetails(a.DoorKey.Certificate())
	return gen.UploadCertificate200JSONResponse(details), err
}
