package api

import (
	"context"
	"slices"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

// GetMemberClasses lists member classes.
func (a *API) GetMemberClasses(_ context.Context, r gen.GetMemberClassesRequestObject) (gen.GetMemberClassesResponseObject, error) {
	s, err := a.snapshot()
	if err != nil {
		return nil, err
	}
	classes := []string{}
	for _, instance := range s.Instances() {
		if instance == s.Instance() || !value(r.Params.CurrentInstance) {
			classes = append(classes, s.MemberClasses(instance)...)
		}
	}
	slices.Sort(classes)
	return gen.GetMemberClasses200JSONResponse(slices.Compact(classes)), nil
}

// GetMemberClassesForInstance lists the member classes of one instance.
func (a *API) GetMemberClassesForInstance(_ context.Context, r gen.GetMemberClassesForInstanceRequestObject) (gen.GetMemberClassesForInstanceResponseObject, error) {
	s, err := a.snapshot()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.Instances(), r.Id) {
		return nil, fault.New(fault.NotFound, "instance_identifier_not_found", "Instance '%s' not found", r.Id).With(r.Id)
	}
	return gen.GetMemberClassesForInstance200JSONResponse(append([]string{}, s.MemberClasses(r.Id)...)), nil
}

// FindMemberName names a member of this instance.
func (a *API) FindMemberName(_ context.Context, r gen.FindMemberNameRequestObject) (gen.FindMemberNameResponseObject, error) {
	s, err := a.snapshot()
	if err != nil {
		return nil, err
	}
	if member, err := identifier.NewMember(s.Instance(), r.Params.MemberClass, r.Params.MemberCode); err == nil {
		if name, ok := s.MemberName(member); ok {
			return gen.FindMemberName200JSONResponse{MemberName: name}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "member_name_not_found", "Member not found")
}

// GetXRoadInstances lists this instance and the federated ones.
func (a *API) GetXRoadInstances(context.Context, gen.GetXRoadInstancesRequestObject) (gen.GetXRoadInstancesResponseObject, error) {
	s, err := a.snapshot()
	if err != nil {
		return nil, err
	}
	list := gen.GetXRoadInstances200JSONResponse{}
	for _, instance := range s.Instances() {
		list = append(list, gen.XRoadInstance{Identifier: instance, Local: instance == s.Instance()})
	}
	return list, nil
}

// GetSecurityServers lists all security servers, or this one even when the configuration does not know it.
func (a *API) GetSecurityServers(ctx context.Context, r gen.GetSecurityServersRequestObject) (gen.GetSecurityServersResponseObject, error) {
	self, err := a.self(ctx)
	if err != nil {
		return nil, err
	}
	list := gen.GetSecurityServers200JSONResponse{}
	s := a.Conf.Current()
	if value(r.Params.CurrentServer) {
		if !self.IsZero() {
			list = append(list, server(s, self))
		}
		return list, nil
	}
	if s != nil {
		for location := range s.Servers() {
			list = append(list, server(s, location.ID))
		}
	}
	return list, nil
}

// GetSecurityServer shows one.
func (a *API) GetSecurityServer(ctx context.Context, r gen.GetSecurityServerRequestObject) (gen.GetSecurityServerResponseObject, error) {
	id, err := identifier.ParseSecurityServerID(r.Id)
	if err != nil {
		return nil, err
	}
	self, err := a.self(ctx)
	if err != nil {
		return nil, err
	}
	s := a.Conf.Current()
	if id != self && (s == nil || !s.HasServer(id)) {
		return nil, fault.New(fault.NotFound, "security_server_not_found", "Security server '%s' not found", r.Id).With(r.Id)
	}
	return gen.GetSecurityServer200JSONResponse(server(s, id)), nil
}

func server(s *globalconf.Snapshot, id identifier.SecurityServerID) gen.SecurityServer {
	rendered := gen.SecurityServer{Id: id.Encoded(), InstanceId: text(id.Instance()), MemberClass: text(id.Owner().MemberClass()),
		MemberCode: text(id.Owner().MemberCode()), ServerCode: text(id.ServerCode())}
	if s != nil {
		address, _ := s.Address(id)
		rendered.ServerAddress = text(address)
	}
	return rendered
}

// CheckAlerts says what an administrator should know at once.
func (a *API) CheckAlerts(context.Context, gen.CheckAlertsRequestObject) (gen.CheckAlertsResponseObject, error) {
	s := a.Conf.Current()
	checked := true
	return gen.CheckAlerts200JSONResponse{CurrentTime: a.Now().UTC(), GlobalConfValid: s != nil && s.Valid(a.Now()) == nil,
		GlobalConfValidCheckSuccess: &checked, SoftTokenPinEntered: a.Keys.LoggedIn(keys.SoftToken), SoftTokenPinEnteredCheckSuccess: &checked,
		CertificateRenewalJobSuccess: true}, nil
}
