package management

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// maxText is the longest name or message in a request, in characters (UC MEMBER_54 step 3).
const maxText = 255

// acceptable passes a name or a message as forms of the central server do.
func acceptable(text string) bool {
	return utf8.RuneCountInString(text) <= maxText && registry.NoControlChars(text) == ""
}

// clientRename names a subsystem, in the whole instance.
func clientRename() behaviour {
	b := behaviour{
		check: func(tx Tx, in *submission) error {
			in.SubsystemName = strings.TrimSpace(in.SubsystemName)
			switch {
			case !in.Client.IsSubsystem():
				return fault.New(fault.Invalid, "management_request_only_subsystem_rename_allowed", "Only name of subsystem can be changed")
			case in.SubsystemName == "" || !acceptable(in.SubsystemName):
				return fault.New(fault.Invalid, "management_request_invalid_subsystem_name", "Invalid subsystem name")
			}
			relation, err := requireClient(tx, in)
			if err != nil {
				return err
			}
			in.renames(relation.Client.SubsystemName)
			return nil
		},
		execute: func(tx Tx, in *submission, _ int64) error { return tx.RenameClient(in.Client, in.SubsystemName) },
	}
	b.needs.client = true
	return b
}

// renames comments on a request that changes a name.
func (in *submission) renames(before string) {
	if in.SubsystemName != "" && in.SubsystemName != before {
		in.comments = fmt.Sprintf("Changing subsystem name from '%s' to '%s'.", before, in.SubsystemName)
	}
}

// requireClient is the registration that the request speaks of.
func requireClient(tx Tx, in *submission) (*registry.Relation, error) {
	relation, err := tx.Relation(in.Server, in.Client)
	if err == nil && relation == nil {
		err = fault.New(fault.Conflict, "management_request_server_client_not_found",
			"'%s' is not registered as a client to security server '%s'", in.Client, in.Server).With(in.Server.Short(), in.Client.Short())
	}
	return relation, err
}

// addressChange changes a server's address.
func addressChange() behaviour {
	b := behaviour{
		check: func(tx Tx, in *submission) error {
			in.Address = strings.TrimSpace(in.Address)
			if !identifier.ValidAddress(in.Address) || !acceptable(in.Address) {
				return fault.New(fault.Invalid, "management_request_invalid_server_address", "Invalid server address")
			}
			server, err := tx.Server(in.Server)
			if err != nil {
				return err
			}
			if server == nil {
				return serverNotFound(fault.NotFound, in.Server)
			}
			in.comments = fmt.Sprintf("Changing from '%s'.", server.Address)
			return nil
		},
		execute: func(tx Tx, in *submission, _ int64) error { return tx.SetServerAddress(in.Server, in.Address) },
	}
	b.needs.address = true
	return b
}

// maintenance switches a server's maintenance mode. That of the management services' server cannot be switched on: nobody could ask for
// anything any more.
func maintenance(on bool) behaviour {
	b := behaviour{
		check: func(tx Tx, in *submission) error {
			if on {
				if err := refuseProviderServer(tx, in.Server); err != nil {
					return err
				}
				in.Message = strings.TrimSpace(in.Message)
				if !acceptable(in.Message) {
					return fault.New(fault.Invalid, "validation_failure", "Invalid maintenance mode message")
				}
				in.comments = in.Message
			}
			server, err := tx.Server(in.Server)
			switch {
			case err != nil:
				return err
			case server == nil:
				return serverNotFound(fault.NotFound, in.Server)
			case on && server.InMaintenance:
				return fault.New(fault.Conflict, "management_request_server_already_in_maintenance_mode",
					"Security server '%s' is already in maintenance mode", in.Server).With(in.Server.Short())
			case !on && !server.InMaintenance:
				return fault.New(fault.Conflict, "management_request_server_not_in_maintenance_mode",
					"Security server '%s' is not in maintenance mode", in.Server).With(in.Server.Short())
			}
			return nil
		},
		execute: func(tx Tx, in *submission, _ int64) error { return tx.SetMaintenance(in.Server, on, in.Message) },
	}
	b.needs.message = on
	return b
}

func refuseProviderServer(tx Tx, server identifier.SecurityServerID) error {
	provider, err := registry.Provider(tx)
	if err != nil || provider.IsZero() {
		return err
	}
	relation, err := tx.Relation(server, provider)
	if err == nil && relation != nil {
		err = fault.New(fault.Conflict, "mr_forbidden_enable_maintenance_mode_for_management_service",
			"The security server of the management services cannot be put into maintenance mode")
	}
	return err
}
