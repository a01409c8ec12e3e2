package api

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/confgen"
)

// GetConfigurationParts lists what a source publishes.
func (a *API) GetConfigurationParts(ctx context.Context, r gen.GetConfigurationPartsRequestObject) (gen.GetConfigurationPartsResponseObject, error) {
	list, err := a.Configuration.Parts(ctx, confgen.SourceType(r.ConfigurationType))
	if err != nil {
		return nil, err
	}
	return gen.GetConfigurationParts200JSONResponse(each(list, configurationPart)), nil
}

func configurationPart(p confgen.Part) gen.ConfigurationPart {
	rendered := gen.ConfigurationPart{ContentIdentifier: p.Identifier, FileName: p.FileName, Optional: p.Optional}
	if !p.UpdatedAt.IsZero() {
		rendered.FileUpdatedAt, rendered.Version = &p.UpdatedAt, &p.Version
	}
	return rendered
}

// UploadConfigurationParts is GCONF_09.
func (a *API) UploadConfigurationParts(ctx context.Context, r gen.UploadConfigurationPartsRequestObject) (gen.UploadConfigurationPartsResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	return gen.UploadConfigurationParts204Response{},
		a.Configuration.UploadPart(ctx, confgen.SourceType(r.ConfigurationType), f.fields["content_identifier"], f.fileName, f.file)
}

// DownloadConfigurationParts is GCONF_10.
func (a *API) DownloadConfigurationParts(ctx context.Context, r gen.DownloadConfigurationPartsRequestObject) (gen.DownloadConfigurationPartsResponseObject, error) {
	name, data, err := a.Configuration.PartFile(ctx, confgen.SourceType(r.ConfigurationType), r.ContentIdentifier, r.Version)
	if err != nil {
		return nil, err
	}
	disposition := fmt.Sprintf("attachment; filename=%q", name)
	return gen.DownloadConfigurationParts200ApplicationxmlResponse{Body: bytes.NewReader(data), ContentLength: int64(len(data)),
		Headers: gen.DownloadConfigurationParts200ResponseHeaders{ContentDisposition: &disposition}}, nil
}

// GetHighAvailabilityClusterStatus says how the central servers on this database are doing.
func (a *API) GetHighAvailabilityClusterStatus(ctx context.Context, _ gen.GetHighAvailabilityClusterStatusRequestObject) (gen.GetHighAvailabilityClusterStatusResponseObject, error) {
	nodes, err := a.Configuration.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	status, err := a.Configuration.InitializationStatus(ctx)
	allOK := true
	rendered := each(nodes, func(n confgen.NodeHealth) gen.HighAvailabilityClusterNode {
		allOK = allOK && n.Health == confgen.Healthy
		node := gen.HighAvailabilityClusterNode{NodeName: &n.Node, NodeAddress: optional(n.Address), Status: optional(gen.HighAvailabilityClusterNodeStatus(n.Health))}
		if !n.GeneratedAt.IsZero() {
			node.ConfigurationGenerated = &n.GeneratedAt
		}
		return node
	})
	return gen.GetHighAvailabilityClusterStatus200JSONResponse{IsHaConfigured: &status.Several, NodeName: optional(status.Node), Nodes: &rendered, AllNodesOk: &allOK}, err
}
