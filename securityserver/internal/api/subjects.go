package api

import (
	"context"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/service"
)

// subject reads who is meant; a type that does not go with the identifier is somebody unknown.
func subject(encoded string, kind *gen.ServiceClientType) (service.Subject, error) {
	s, err := service.ParseSubject(encoded)
	if err == nil && kind != nil && *kind != kindOf(s) {
		err = fault.New(fault.Invalid, "service_client_not_found", "Service client '%s' not found", encoded).With(encoded)
	}
	return s, err
}

func kindOf(s service.Subject) gen.ServiceClientType {
	switch {
	case s.IsLocal():
		return gen.ServiceClientTypeLOCALGROUP
	case s.IsGlobal():
		return gen.ServiceClientTypeGLOBALGROUP
	}
	return gen.ServiceClientTypeSUBSYSTEM
}

func subjects(items []gen.ServiceClient) ([]service.Subject, error) {
	list := make([]service.Subject, 0, len(items))
	for _, item := range items {
		s, err := subject(item.Id, item.ServiceClientType)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// rights renders who holds rights, with the time of each.
func (a *API) rights(ctx context.Context, rights []service.Right) []gen.ServiceClient {
	list := make([]gen.ServiceClient, 0, len(rights))
	for _, r := range rights {
		rendered := a.subject(ctx, r.Subject)
		at := r.GivenAt.UTC()
		rendered.RightsGivenAt = &at
		list = append(list, rendered)
	}
	return list
}

// subject renders who may hold an access right, with the name that the configuration or the group itself has. One that is known no more has none.
func (a *API) subject(ctx context.Context, s service.Subject) gen.ServiceClient {
	kind := kindOf(s)
	rendered := gen.ServiceClient{Id: s.Encoded(), ServiceClientType: &kind}
	snapshot := a.Conf.Current()
	switch {
	case s.IsLocal():
		if g, err := a.Services.Group(ctx, s.Local); err == nil {
			rendered.Name, rendered.LocalGroupCode = text(g.Description), text(g.Code)
		}
	case snapshot == nil:
	case s.IsGlobal():
		if shared, ok := snapshot.Shared(s.Group.Instance()); ok {
			for _, g := range shared.GlobalGroups {
				if g.Code == s.Group.Code() {
					rendered.Name = text(g.Description)
				}
			}
		}
	default:
		name, _ := snapshot.MemberName(s.Subsystem.Member())
		rendered.Name = text(name)
	}
	return rendered
}

// candidates is a search for those who may be given rights.
type candidates struct {
	gen.FindServiceClientCandidatesParams
}

func (c candidates) wants(kind gen.ServiceClientType) bool {
	return orDefault(c.ServiceClientType, kind) == kind
}

func (c candidates) subsystem(info globalconf.ClientInfo) bool {
	id := info.ID
	return id.IsSubsystem() && contains(info.MemberName, c.MemberNameGroupDescription) && contains(id.Instance(), c.Instance) &&
		contains(id.MemberClass(), c.MemberClass) && contains(id.MemberCode(), c.MemberGroupCode) && contains(id.SubsystemCode(), c.SubsystemCode)
}

func (c candidates) group(instance, code, description string) bool {
	return c.MemberClass == nil && c.SubsystemCode == nil && contains(description, c.MemberNameGroupDescription) && contains(instance, c.Instance) &&
		contains(code, c.MemberGroupCode)
}

func contains(have string, want *string) bool {
	return want == nil || strings.Contains(strings.ToLower(have), strings.ToLower(*want))
}

// FindServiceClientCandidates lists subsystems, global groups and the client's local groups that may be given rights.
func (a *API) FindServiceClientCandidates(ctx context.Context, r gen.FindServiceClientCandidatesRequestObject) (gen.FindServiceClientCandidatesResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	own, err := a.Services.Groups(ctx, id)
	if err != nil {
		return nil, err
	}
	s, err := a.snapshot()
	if err != nil {
		return nil, err
	}
	search, list := candidates{r.Params}, gen.FindServiceClientCandidates200JSONResponse{}
	if search.wants(gen.ServiceClientTypeSUBSYSTEM) {
		for info := range s.Clients() {
			if search.subsystem(info) {
				list = append(list, a.subject(ctx, service.Subject{Subsystem: info.ID}))
			}
		}
	}
	for _, instance := range s.Instances() {
		shared, _ := s.Shared(instance)
		if shared == nil || !search.wants(gen.ServiceClientTypeGLOBALGROUP) {
			continue
		}
		for _, g := range shared.GlobalGroups {
			if id, err := identifier.NewGlobalGroup(instance, g.Code); err == nil && search.group(instance, g.Code, g.Description) {
				list = append(list, a.subject(ctx, service.Subject{Group: id}))
			}
		}
	}
	for _, g := range own {
		if search.wants(gen.ServiceClientTypeLOCALGROUP) && search.group(id.Instance(), g.Code, g.Description) {
			list = append(list, a.subject(ctx, service.Subject{Local: g.ID}))
		}
	}
	return list, nil
}

// GetClientServiceClients lists who holds rights at a client, each once, with the time of the first.
func (a *API) GetClientServiceClients(ctx context.Context, r gen.GetClientServiceClientsRequestObject) (gen.GetClientServiceClientsResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	all, err := a.Services.RightsOfClient(ctx, id)
	if err != nil {
		return nil, err
	}
	seen := map[service.Subject]bool{}
	var first []service.Right
	for _, right := range all {
		if !seen[right.Subject] {
			seen[right.Subject] = true
			first = append(first, right)
		}
	}
	return gen.GetClientServiceClients200JSONResponse(a.rights(ctx, first)), nil
}

// held finds what the subject of a path may call.
func (a *API) held(ctx context.Context, client, encoded string) ([]service.Right, error) {
	id, err := identifier.ParseClientID(client)
	if err != nil {
		return nil, err
	}
	s, err := subject(encoded, nil)
	if err != nil {
		return nil, err
	}
	return a.Services.RightsOfSubject(ctx, id, s)
}

// GetServiceClient shows one who holds rights at a client.
func (a *API) GetServiceClient(ctx context.Context, r gen.GetServiceClientRequestObject) (gen.GetServiceClientResponseObject, error) {
	rights, err := a.held(ctx, r.Id, r.ScId)
	if err != nil {
		return nil, err
	}
	return gen.GetServiceClient200JSONResponse(a.rights(ctx, rights[:1])[0]), nil
}

// GetServiceClientAccessRights lists what one may call.
func (a *API) GetServiceClientAccessRights(ctx context.Context, r gen.GetServiceClientAccessRightsRequestObject) (gen.GetServiceClientAccessRightsResponseObject, error) {
	rights, err := a.held(ctx, r.Id, r.ScId)
	if err != nil {
		return nil, err
	}
	rendered, err := a.accessRights(ctx, rights)
	return gen.GetServiceClientAccessRights200JSONResponse(rendered), err
}

// AddServiceClientAccessRights lets one call services.
func (a *API) AddServiceClientAccessRights(ctx context.Context, r gen.AddServiceClientAccessRightsRequestObject) (gen.AddServiceClientAccessRightsResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	s, err := subject(r.ScId, nil)
	if err != nil {
		return nil, err
	}
	added, err := a.Services.AddSubjectRights(ctx, id, s, codes(r.Body.Items))
	if err != nil {
		return nil, err
	}
	rendered, err := a.accessRights(ctx, added)
	return gen.AddServiceClientAccessRights201JSONResponse(rendered), err
}

// DeleteServiceClientAccessRights takes rights back.
func (a *API) DeleteServiceClientAccessRights(ctx context.Context, r gen.DeleteServiceClientAccessRightsRequestObject) (gen.DeleteServiceClientAccessRightsResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	s, err := subject(r.ScId, nil)
	if err != nil {
		return nil, err
	}
	return gen.DeleteServiceClientAccessRights204Response{}, a.Services.DeleteSubjectRights(ctx, id, s, codes(r.Body.Items))
}

func codes(items []gen.AccessRight) []string {
	list := make([]string, 0, len(items))
	for _, item := range items {
		list = append(list, item.ServiceCode)
	}
	return list
}

// accessRights renders service codes with the title of the newest service of each.
func (a *API) accessRights(ctx context.Context, rights []service.Right) ([]gen.AccessRight, error) {
	list := make([]gen.AccessRight, 0, len(rights))
	for _, r := range rights {
		descriptions, err := a.Services.Descriptions(ctx, r.Client)
		if err != nil {
			return nil, err
		}
		at := r.GivenAt.UTC()
		rendered := gen.AccessRight{ServiceCode: r.ServiceCode, RightsGivenAt: &at}
		for _, d := range descriptions {
			for _, one := range d.Services {
				if one.Code == r.ServiceCode && one.Title != "" {
					rendered.ServiceTitle = text(one.Title)
				}
			}
		}
		list = append(list, rendered)
	}
	return list, nil
}
