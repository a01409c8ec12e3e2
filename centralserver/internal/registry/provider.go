package registry

import (
	"context"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// ManagementServices is what a security server that offers the management services must be told (UC MEMBER_32).
type ManagementServices struct {
	Provider     identifier.ClientID // zero when none is set
	ProviderName string              // the member's name
	Servers      []identifier.SecurityServerID
	Address      string // of the central server
	OwnersGroup  string
}

// Provider is the management services' provider, zero when none is set.
func Provider(tx Parameters) (identifier.ClientID, error) {
	var parts [4]string
	for i, key := range [...]string{ParameterInstance, ParameterProviderClass, ParameterProviderCode, ParameterProviderSubsystem} {
		value, err := tx.Parameter(key)
		if err != nil || value == "" {
			return identifier.ClientID{}, err
		}
		parts[i] = value
	}
	return identifier.NewSubsystem(parts[0], parts[1], parts[2], parts[3])
}

func saveProvider(tx Parameters, id identifier.ClientID) error {
	for _, p := range [...]struct{ key, value string }{{ParameterProviderClass, id.MemberClass()}, {ParameterProviderCode, id.MemberCode()},
		{ParameterProviderSubsystem, id.SubsystemCode()}} {
		if err := tx.SetParameter(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

// ManagementServices reads the configuration of the management services (UC MEMBER_32).
func (s *Service) ManagementServices(ctx context.Context) (ManagementServices, error) {
	return view(ctx, s, managementServices)
}

func managementServices(tx Tx) (m ManagementServices, err error) {
	m.OwnersGroup = OwnersGroup
	if m.Address, err = tx.Parameter(ParameterAddress); err != nil {
		return m, err
	}
	if m.Provider, err = Provider(tx); err != nil || m.Provider.IsZero() {
		return m, err
	}
	client, err := tx.Client(m.Provider)
	if err != nil || client == nil {
		return m, err
	}
	m.ProviderName = client.MemberName
	relations, err := tx.RelationsOf(m.Provider)
	for _, r := range relations {
		m.Servers = append(m.Servers, r.Server)
	}
	return m, err
}

// SetProvider chooses the subsystem that offers the management services (UC MEMBER_33). Faults: invalid_service_provider_id,
// subsystem_not_found.
func (s *Service) SetProvider(ctx context.Context, id identifier.ClientID) (ManagementServices, error) {
	audit.Put(ctx, "serviceProviderIdentifier", id.Encoded())
	return update(ctx, s, func(tx Tx) (ManagementServices, error) {
		if !id.IsSubsystem() {
			return ManagementServices{}, fault.New(fault.Invalid, "invalid_service_provider_id", "Invalid service provider identifier").With(id.Encoded())
		}
		subsystem, err := RequireSubsystem(tx, id)
		if err != nil {
			return ManagementServices{}, err
		}
		audit.Put(ctx, "serviceProviderName", subsystem.MemberName)
		if err := saveProvider(tx, id); err != nil {
			return ManagementServices{}, err
		}
		return managementServices(tx)
	})
}
