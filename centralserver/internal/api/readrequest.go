package api

import (
	"context"
	"fmt"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// incoming is a management request as the body of addManagementRequest gives it.
type incoming struct {
	request.Request
	origin    management.Origin
	newServer bool
}

// form is what the variants of the body have in common, and the fields of all of them.
type form struct {
	typeName       gen.ManagementRequestType
	origin         gen.ManagementRequestOrigin
	server, client string
	hasClient      bool
	failed         string // how refusals begin
	newServer      bool
	rest           request.Request
}

// readRequest asks for permission and parses the identifiers (UC MEMBER_12 7, 15 4).
func readRequest(ctx context.Context, body *gen.ManagementRequestAdd) (*incoming, error) {
	f, err := readForm(body)
	if err != nil {
		return nil, err
	}
	origin := management.Origin(f.origin)
	if err := mayAdd(ctx, string(f.typeName), origin); err != nil {
		return nil, err
	}
	in := &incoming{Request: f.rest, origin: origin, newServer: f.newServer}
	if in.Type, err = management.ParseType(string(f.typeName)); err != nil {
		return nil, err
	}
	management.SetEvent(ctx, in.Type, origin)
	if in.newServer && origin == management.Center { // UC MEMBER_12 6 comes before 7
		if named, err := identifier.ParseSecurityServerID(f.server); err == nil {
			registry.AuditServer(ctx, named)
		}
		if err := management.CheckFile(in.AuthCertificate); err != nil {
			return nil, err
		}
	}
	inputs := []registry.Input{{Path: "managementRequestDto.securityServerId", Name: "securityServerId", Value: &f.server, Check: longEnough}}
	if f.hasClient {
		inputs = append(inputs, registry.Input{Path: "managementRequestDto.clientId", Name: "clientId", Value: &f.client, Check: longEnough},
			registry.Input{Path: "managementRequestDto.subsystemName", Name: "subsystemName", Value: &in.SubsystemName, Optional: true, Check: registry.NoControlChars})
	}
	if in.Type == request.AuthCertReg || in.Type == request.AddressChange {
		inputs = append(inputs, registry.Input{Path: "managementRequestDto.serverAddress", Name: "serverAddress", Value: &in.Address,
			Optional: in.Type == request.AuthCertReg, Check: registry.HostAddress})
	}
	if in.Type == request.MaintenanceModeEnable {
		inputs = append(inputs, registry.Input{Path: "managementRequestDto.message", Name: "message", Value: &in.Message, Optional: true, Check: registry.NoControlChars})
	}
	if err := registry.ParseInput(f.failed, inputs...); err != nil {
		return nil, err
	}
	if in.Server, err = identifier.ParseSecurityServerID(f.server); err == nil && f.hasClient {
		in.Client, err = identifier.ParseClientID(f.client)
	}
	return in, err
}

// longEnough has nothing to say: each part of an identifier is held against its own limit when it is parsed.
func longEnough(string) string { return "" }

func readForm(body *gen.ManagementRequestAdd) (*form, error) {
	value, err := body.ValueByDiscriminator()
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "validation_failure", "Unknown management request type")
	}
	switch b := value.(type) {
	case gen.AuthenticationCertificateRegistrationRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, failed: "Failed to add new owned server request: ", newServer: given(b.NewServer),
			rest: request.Request{Address: given(b.ServerAddress), AuthCertificate: b.AuthenticationCertificate}}, nil
	case gen.AuthenticationCertificateDeletionRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, rest: request.Request{AuthCertificate: b.AuthenticationCertificate}}, nil
	case gen.ClientRegistrationRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, client: b.ClientId, hasClient: true,
			failed: "Failed to add new server client request: ", rest: request.Request{SubsystemName: given(b.SubsystemName)}}, nil
	case gen.ClientDeletionRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, client: b.ClientId, hasClient: true}, nil
	case gen.ClientDisableRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, client: b.ClientId, hasClient: true}, nil
	case gen.ClientEnableRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, client: b.ClientId, hasClient: true}, nil
	case gen.ClientRenameRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, client: b.ClientId, hasClient: true,
			rest: request.Request{SubsystemName: b.SubsystemName}}, nil
	case gen.OwnerChangeRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, client: b.ClientId, hasClient: true}, nil
	case gen.AddressChangeRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, rest: request.Request{Address: b.ServerAddress}}, nil
	case gen.MaintenanceModeEnableRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId, rest: request.Request{Message: given(b.Message)}}, nil
	case gen.MaintenanceModeDisableRequest:
		return &form{typeName: b.Type, origin: b.Origin, server: b.SecurityServerId}, nil
	}
	return nil, fmt.Errorf("no reader for %T", value)
}
