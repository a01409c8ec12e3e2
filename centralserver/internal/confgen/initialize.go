package confgen

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/token"
)

// InitializationStatus tells the set-up screen what is there.
type InitializationStatus struct {
	Instance         string
	Address          string
	TokenInitialized bool
	Node             string // this central server's name
	Several          bool   // more central servers than one have an address on this database
}

// InitializationStatus reads what has been initialized so far.
func (s *Service) InitializationStatus(ctx context.Context) (InitializationStatus, error) {
	var status InitializationStatus
	err := s.store.View(ctx, func(tx Tx) error {
		p, err := readParameters(tx)
		if err != nil {
			return err
		}
		nodes, err := tx.NodeNames()
		if err != nil {
			return err
		}
		sealed, err := tx.Token()
		status = InitializationStatus{p.instance, p.address, sealed != nil, s.config.Node, len(nodes) > 1}
		return err
	})
	return status, err
}

// Initialize names the instance and the server and makes the software token, once. The token is left logged in. On a database that another
// central server has initialized, this one joins: the instance and the PIN must be those that are there.
func (s *Service) Initialize(ctx context.Context, instance, address, pin string) error {
	audit.Put(ctx, "centralServerAddress", address)
	audit.Put(ctx, "instanceIdentifier", instance)
	audit.Put(ctx, "haNode", s.config.Node)
	fields := map[string][]string{}
	if reason := identifier.Part(instance); reason != "" {
		fields["initialServerConfDto.instanceIdentifier"] = []string{reason}
	}
	if !identifier.ValidAddress(address) {
		fields["initialServerConfDto.centralServerAddress"] = []string{"ValidHostAddress"}
	}
	if len(fields) > 0 {
		return &fault.Error{Kind: fault.Invalid, Code: "validation_failure", Message: "Validation failure", Fields: fields}
	}
	if joined, err := s.join(ctx, instance, address, pin); joined || err != nil {
		return err
	}
	// Sealing derives a key from the PIN, which takes a while: it does not belong inside the transaction.
	sealed, err := token.Initialize(s.config.Rand, pin)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, func(tx Tx) error {
		existing, err := tx.Token()
		if err != nil {
			return err
		}
		if existing != nil {
			return alreadyInitialized()
		}
		if err := tx.SaveToken(sealed); err != nil {
			return err
		}
		for key, value := range defaults {
			if err := tx.SetParameter(key, value); err != nil {
				return err
			}
		}
		seconds := strconv.Itoa(int(s.config.TimeStampingInterval.Seconds()))
		if err := tx.SetParameter(parameterTimeStampingInterval, seconds); err != nil {
			return err
		}
		registration := fmt.Sprintf("https://%%{centralServerAddress}:%d/managementservice/", s.config.RegistrationPort)
		if err := tx.SetParameter(parameterAuthCertRegURL, registration); err != nil {
			return err
		}
		if err := tx.SetParameter(registry.ParameterInstance, instance); err != nil {
			return err
		}
		if err := tx.SetParameter(registry.ParameterAddress, address); err != nil {
			return err
		}
		return tx.EnsureGroup(registry.OwnersGroup, registry.OwnersGroupDescription)
	})
	if err != nil {
		return err
	}
	session, err := token.Unlock(sealed, pin)
	if err != nil {
		return err
	}
	s.setSession(session)
	return nil
}

func alreadyInitialized() error {
	return fault.New(fault.Conflict, "init_already_initialized", "Central server is already initialized")
}

// join gives this central server an address beside those that are there. It does nothing before the first one is initialized.
func (s *Service) join(ctx context.Context, instance, address, pin string) (bool, error) {
	var sealed []byte
	var there parameters
	err := s.store.View(ctx, func(tx Tx) (err error) {
		if sealed, err = tx.Token(); err == nil {
			there, err = readParameters(tx)
		}
		return err
	})
	switch {
	case err != nil || sealed == nil:
		return false, err
	case there.address != "" || there.instance != instance:
		return false, alreadyInitialized()
	}
	session, err := token.Unlock(sealed, pin)
	if err != nil {
		return false, err
	}
	if err := s.store.Update(ctx, func(tx Tx) error { return tx.SetParameter(registry.ParameterAddress, address) }); err != nil {
		session.Close()
		return false, err
	}
	s.setSession(session)
	return true, nil
}

// SetAddress changes the central server's address and re-creates both anchors (GCONF_15/16).
func (s *Service) SetAddress(ctx context.Context, address string) error {
	audit.Put(ctx, "centralServerAddress", address)
	if !identifier.ValidAddress(address) {
		return &fault.Error{Kind: fault.Invalid, Code: "validation_failure", Message: "Central server address must be DNS name or IP address",
			Fields: map[string][]string{"serverAddressDto.centralServerAddress": {"ValidHostAddress"}}}
	}
	return s.store.Update(ctx, func(tx Tx) error {
		if err := tx.SetParameter(registry.ParameterAddress, address); err != nil {
			return err
		}
		for _, source := range SourceTypes {
			if err := s.recreateAnchor(tx, source); err != nil {
				return err
			}
		}
		return nil
	})
}
