package api

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// FindManagementRequests is UC MEMBER_34, and 09 and 21 by filter.
func (a *API) FindManagementRequests(ctx context.Context, r gen.FindManagementRequestsRequestObject) (gen.FindManagementRequestsResponseObject, error) {
	filter, err := requestFilter(r.Params)
	if err != nil {
		return nil, err
	}
	page, err := a.Management.Requests(ctx, filter)
	if err != nil {
		return nil, err
	}
	return gen.FindManagementRequests200JSONResponse{Items: each(page.Items, listView), PagingMetadata: pagingMetadata(page)}, nil
}

func requestFilter(p gen.FindManagementRequestsParams) (f management.Filter, err error) {
	f = management.Filter{Text: given(p.Query), Origin: management.Origin(given(p.Origin)), Status: management.Status(given(p.Status)),
		Paging: paging(p.Sort, p.Desc, p.Limit, p.Offset)}
	for _, name := range given(p.Types) {
		t, err := management.ParseType(string(name))
		if err != nil {
			return f, err
		}
		f.Types = append(f.Types, t)
	}
	if p.ServerId != nil {
		if f.Server, err = identifier.ParseSecurityServerID(*p.ServerId); err != nil {
			return f, err
		}
	}
	if p.MemberId != nil {
		f.Member, err = identifier.ParseClientID(*p.MemberId)
	}
	return f, err
}

// AddManagementRequest is UC MEMBER_12, 15, 16, 23 and 24, and the door for security servers' requests that others have verified.
func (a *API) AddManagementRequest(ctx context.Context, r gen.AddManagementRequestRequestObject) (gen.AddManagementRequestResponseObject, error) {
	in, err := readRequest(ctx, r.Body)
	if err != nil {
		return nil, err
	}
	submit := func() (management.Submitted, error) { return a.Management.Submit(ctx, &in.Request, in.origin) }
	if in.newServer && in.origin == management.Center {
		submit = func() (management.Submitted, error) { return a.Management.AddOwnedServer(ctx, &in.Request) }
	}
	done, err := submit()
	if err != nil {
		return nil, err
	}
	saved, err := a.Management.Request(ctx, done.ID)
	if err != nil {
		return nil, err
	}
	if done.Status == management.Approved {
		return gen.AddManagementRequest201JSONResponse(managementRequest(saved)), nil
	}
	return gen.AddManagementRequest202JSONResponse(managementRequest(saved)), nil
}

// mayAdd asks what the type and the origin of a request ask of its sender: only the management services speak for security servers.
func mayAdd(ctx context.Context, typeName string, origin management.Origin) error {
	if err := auth.Require(ctx, auth.Permission("ADD_"+typeName)); err != nil {
		return err
	}
	if impersonates := auth.Require(ctx, "IMPERSONATE_SECURITY_SERVER") == nil; impersonates != (origin == management.SecurityServer) {
		return fault.New(fault.Forbidden, "forbidden", "Access is denied")
	}
	return nil
}

// GetManagementRequest is UC MEMBER_35.
func (a *API) GetManagementRequest(ctx context.Context, r gen.GetManagementRequestRequestObject) (gen.GetManagementRequestResponseObject, error) {
	found, err := a.Management.Request(ctx, r.ManagementRequestId)
	if err != nil {
		return nil, err
	}
	view := listView(*found)
	detailed := gen.GetManagementRequest200JSONResponse{Id: view.Id, Type: view.Type, Origin: view.Origin, SecurityServerOwner: view.SecurityServerOwner,
		SecurityServerId: view.SecurityServerId, Address: view.Address, Status: view.Status, ClientId: view.ClientId, ClientOwnerName: view.ClientOwnerName,
		ClientSubsystemName: view.ClientSubsystemName, CreatedAt: view.CreatedAt, Comments: optional(found.Comments), ChangedByRequestId: optional(found.ChangedBy)}
	if found.Certificate != nil {
		details, err := certificateDetails(found.Certificate)
		if err != nil {
			return nil, err
		}
		detailed.CertificateDetails = &details
	}
	return detailed, nil
}

// ApproveManagementRequest is UC MEMBER_36 and 37.
func (a *API) ApproveManagementRequest(ctx context.Context, r gen.ApproveManagementRequestRequestObject) (gen.ApproveManagementRequestResponseObject, error) {
	if err := a.mayDecide(ctx, "APPROVE_", r.ManagementRequestId); err != nil {
		return nil, err
	}
	approved, err := a.Management.Approve(ctx, r.ManagementRequestId)
	if err != nil {
		return nil, err
	}
	return gen.ApproveManagementRequest200JSONResponse(managementRequest(approved)), nil
}

// RevokeManagementRequest is UC MEMBER_38 and 39.
func (a *API) RevokeManagementRequest(ctx context.Context, r gen.RevokeManagementRequestRequestObject) (gen.RevokeManagementRequestResponseObject, error) {
	if err := a.mayDecide(ctx, "REVOKE_", r.ManagementRequestId); err != nil {
		return nil, err
	}
	ended, err := a.Management.Withdraw(ctx, r.ManagementRequestId)
	if err != nil {
		return nil, err
	}
	return gen.RevokeManagementRequest200JSONResponse(managementRequest(ended)), nil
}

// mayDecide asks for the permission of the request's type. A type without a status has none: the rules refuse it.
func (a *API) mayDecide(ctx context.Context, prefix string, id int64) error {
	found, err := a.Management.Request(ctx, id)
	if err != nil || found.Status == management.None {
		return err
	}
	return auth.Require(ctx, auth.Permission(prefix+management.TypeName(found.Type)))
}

func managementRequest(r *management.Record) gen.ManagementRequest {
	rendered := gen.ManagementRequest{Id: &r.ID, Type: gen.ManagementRequestType(management.TypeName(r.Type)), Origin: gen.ManagementRequestOrigin(r.Origin),
		SecurityServerOwner: optional(r.ServerOwnerName), SecurityServerId: r.Server.Encoded(), Status: optional(gen.ManagementRequestStatus(r.Status)),
		CreatedAt: &r.CreatedAt, ServerAddress: optional(r.Address), SubsystemName: optional(r.SubsystemName)}
	if !r.Client.IsZero() {
		rendered.ClientId = optional(r.Client.Encoded())
	}
	if r.Certificate != nil {
		rendered.AuthenticationCertificate = &r.Certificate
	}
	if r.Type == request.MaintenanceModeEnable {
		rendered.Message = optional(r.Comments)
	}
	return rendered
}

func listView(r management.Record) gen.ManagementRequestListView {
	rendered := gen.ManagementRequestListView{Id: &r.ID, Type: gen.ManagementRequestType(management.TypeName(r.Type)), Origin: gen.ManagementRequestOrigin(r.Origin),
		SecurityServerOwner: optional(r.ServerOwnerName), SecurityServerId: serverID(r.Server), Address: optional(r.Address),
		Status: optional(gen.ManagementRequestStatus(r.Status)), ClientOwnerName: optional(r.ClientOwnerName),
		ClientSubsystemName: optional(r.SubsystemName), CreatedAt: &r.CreatedAt}
	if !r.Client.IsZero() {
		id := clientID(r.Client)
		rendered.ClientId = &id
	}
	return rendered
}
