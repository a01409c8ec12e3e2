package api

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/confgen"
)

func trustedAnchor(a confgen.TrustedAnchor) gen.TrustedAnchor {
	rendered := gen.TrustedAnchor{Hash: a.Hash, InstanceIdentifier: a.Instance}
	if !a.GeneratedAt.IsZero() {
		rendered.GeneratedAt = &a.GeneratedAt
	}
	return rendered
}

// GetTrustedAnchors is UC FED_04.
func (a *API) GetTrustedAnchors(ctx context.Context, _ gen.GetTrustedAnchorsRequestObject) (gen.GetTrustedAnchorsResponseObject, error) {
	list, err := a.Configuration.TrustedAnchors(ctx)
	if err != nil {
		return nil, err
	}
	return gen.GetTrustedAnchors200JSONResponse(each(list, trustedAnchor)), nil
}

// PreviewTrustedAnchor says what an anchor file holds, before somebody trusts it.
func (a *API) PreviewTrustedAnchor(_ context.Context, r gen.PreviewTrustedAnchorRequestObject) (gen.PreviewTrustedAnchorResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	held, err := a.Configuration.PreviewTrustedAnchor(f.file)
	if err != nil {
		return nil, err
	}
	return gen.PreviewTrustedAnchor200JSONResponse(trustedAnchor(*held)), nil
}

// UploadTrustedAnchor is UC FED_02.
func (a *API) UploadTrustedAnchor(ctx context.Context, r gen.UploadTrustedAnchorRequestObject) (gen.UploadTrustedAnchorResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	added, err := a.Configuration.AddTrustedAnchor(ctx, f.file)
	if err != nil {
		return nil, err
	}
	return gen.UploadTrustedAnchor201JSONResponse(trustedAnchor(*added)), nil
}

// DeleteTrustedAnchor is UC FED_05.
func (a *API) DeleteTrustedAnchor(ctx context.Context, r gen.DeleteTrustedAnchorRequestObject) (gen.DeleteTrustedAnchorResponseObject, error) {
	return gen.DeleteTrustedAnchor204Response{}, a.Configuration.DeleteTrustedAnchor(ctx, r.Hash)
}

// DownloadTrustedAnchor is UC FED_06: the file as it was uploaded.
func (a *API) DownloadTrustedAnchor(ctx context.Context, r gen.DownloadTrustedAnchorRequestObject) (gen.DownloadTrustedAnchorResponseObject, error) {
	found, err := a.Configuration.TrustedAnchor(ctx, r.Hash)
	if err != nil {
		return nil, err
	}
	disposition := fmt.Sprintf("attachment; filename=%q", found.FileName())
	return gen.DownloadTrustedAnchor200ApplicationxmlResponse{Body: bytes.NewReader(found.Data), ContentLength: int64(len(found.Data)),
		Headers: gen.DownloadTrustedAnchor200ResponseHeaders{ContentDisposition: &disposition}}, nil
}
