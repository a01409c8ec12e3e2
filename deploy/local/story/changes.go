package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Changes are the management requests that are no registrations of clients or certificates: a new address, a new name, maintenance, and
// another owner. Each outcome is read back from the security server and from the central server.
func Changes() []Step {
	return []Step{
		Registration(),
		{"member server: register another member",
			registerClient("UC MEMBER_03", (*Story).memberServer, func(n names) identifier.ClientID { return n.guest })},
		{"member server: another address", changeAddress("member.example.org")},
		{"member server: rename the subsystem", rename},
		{"member server: maintenance on", maintenance("enable", "ENABLED_MAINTENANCE_MODE", "Back at noon")},
		{"member server: maintenance off", maintenance("disable", "DISABLED_MAINTENANCE_MODE", "")},
		{"member server: another owner", changeOwner},
		{"member server: the address of before, asked for by the new owner", func(ctx context.Context, s *Story) (string, error) {
			return changeAddress(s.memberServer().address)(ctx, s)
		}},
	}
}

// serverView is a security server as the central server shows it.
type serverView struct {
	Address     string `json:"server_address"`
	OwnerName   string `json:"owner_name"`
	Maintenance bool   `json:"in_maintenance_mode"`
	Message     string `json:"maintenance_mode_message"`
}

func (s *Story) atCentral(ctx context.Context, id identifier.SecurityServerID) (v serverView, err error) {
	return v, s.central.Call(ctx, http.MethodGet, "/security-servers/"+rest.Segment(id.Encoded()), nil, &v)
}

// ask sends a request until it is taken: the management services' server knows a new owner only with its own next configuration.
func (s *Story) ask(ctx context.Context, path string, body any) error {
	return s.until(ctx, "PUT "+path+" taken", func() (string, bool, error) {
		err := s.member.Call(ctx, http.MethodPut, path, body, nil)
		var answered *rest.Error
		if errors.As(err, &answered) && answered.Status >= http.StatusInternalServerError {
			return answered.Error(), false, nil
		}
		return "taken", err == nil, err
	})
}

func changeAddress(to string) func(context.Context, *Story) (string, error) {
	return func(ctx context.Context, s *Story) (string, error) {
		before, err := s.atCentral(ctx, s.names.memberServer)
		if err != nil {
			return "", err
		}
		if before.Address != to {
			if err := s.ask(ctx, "/system/server-address", map[string]string{"address": to}); err != nil {
				return "", err
			}
		}
		err = s.until(ctx, "the address "+to+", and nothing pending", func() (string, bool, error) {
			var status struct {
				Current   struct{ Address string }  `json:"current_address"`
				Requested *struct{ Address string } `json:"requested_change"`
			}
			err := s.member.Call(ctx, http.MethodGet, "/system/server-address", nil, &status)
			return status.Current.Address, status.Current.Address == to && status.Requested == nil, err
		})
		if err != nil {
			return "", err
		}
		after, err := s.atCentral(ctx, s.names.memberServer)
		if err == nil && after.Address != to {
			err = fmt.Errorf("expected the address %s in the central server, saw %s", to, after.Address)
		}
		return before.Address + " → " + to, err
	}
}

// tenantName is what the subsystem is called.
const tenantName = "Office of the guest"

func rename(ctx context.Context, s *Story) (string, error) {
	path := "/clients/" + rest.Segment(s.names.tenant.Encoded())
	var view struct {
		Name   string `json:"subsystem_name"`
		Rename string `json:"rename_status"`
	}
	if err := s.member.Call(ctx, http.MethodGet, path, nil, &view); err != nil {
		return "", err
	}
	if view.Name != tenantName {
		if err := s.ask(ctx, path+"/rename", map[string]string{"client_name": tenantName}); err != nil {
			return "", err
		}
	}
	err := s.until(ctx, "the name "+tenantName+", and nothing pending", func() (string, bool, error) {
		view.Rename = ""
		err := s.member.Call(ctx, http.MethodGet, path, nil, &view)
		return view.Name + " " + view.Rename, view.Name == tenantName && view.Rename == "", err
	})
	if err != nil {
		return "", err
	}
	var subsystems []struct {
		Name string `json:"subsystem_name"`
	}
	err = s.central.Call(ctx, http.MethodGet, "/members/"+rest.Segment(s.names.guest.Encoded())+"/subsystems", nil, &subsystems)
	if err == nil && (len(subsystems) != 1 || subsystems[0].Name != tenantName) {
		err = fmt.Errorf("expected one subsystem %q in the central server, saw %v", tenantName, subsystems)
	}
	return tenantName, err
}

func maintenance(action, mode, message string) func(context.Context, *Story) (string, error) {
	return func(ctx context.Context, s *Story) (string, error) {
		var status struct{ Status, Message string }
		look := func() error {
			status.Message = ""
			return s.member.Call(ctx, http.MethodGet, "/system/maintenance-mode", nil, &status)
		}
		if err := look(); err != nil {
			return "", err
		}
		if status.Status != mode {
			if err := s.ask(ctx, "/system/maintenance-mode/"+action, map[string]string{"message": message}); err != nil {
				return "", err
			}
		}
		err := s.until(ctx, mode, func() (string, bool, error) {
			err := look()
			return status.Status, status.Status == mode && status.Message == message, err
		})
		if err != nil {
			return "", err
		}
		central, err := s.atCentral(ctx, s.names.memberServer)
		if on := action == "enable"; err == nil && (central.Maintenance != on || central.Message != message) {
			err = fmt.Errorf("expected maintenance %t %q in the central server, saw %t %q", on, message, central.Maintenance, central.Message)
		}
		return mode, err
	}
}

// changeOwner gives the member's server to the guest. No client may drop out of "registered" on the way.
func changeOwner(ctx context.Context, s *Story) (string, error) {
	before, guest := s.names.memberServer, s.names.guest
	after, err := identifier.NewSecurityServer(guest, before.ServerCode())
	if err != nil {
		return "", err
	}
	if err := s.ask(ctx, "/clients/"+rest.Segment(guest.Encoded())+"/make-owner", nil); err != nil {
		return "", err
	}
	list, err := s.requests(ctx, "OWNER_CHANGE_REQUEST", before)
	if err != nil {
		return "", err
	}
	if len(list) != 1 || list[0].Status != "WAITING" {
		return "", fmt.Errorf("expected one waiting owner change, saw %v", list)
	}
	if err := s.central.Call(ctx, http.MethodPost, fmt.Sprintf("/management-requests/%d/approval", list[0].ID), nil, nil); err != nil {
		return "", err
	}
	err = s.until(ctx, guest.Short()+" the owner", func() (string, bool, error) {
		var clients []struct {
			ID, Status string
			Owner      bool
		}
		if err := s.member.Call(ctx, http.MethodGet, "/clients", nil, &clients); err != nil {
			return "", false, err
		}
		owner := ""
		for _, c := range clients {
			if c.Status != "" && c.Status != "REGISTERED" {
				return "", false, fmt.Errorf("expected every client REGISTERED throughout, saw %s %s", c.ID, c.Status)
			}
			if c.Owner {
				owner = c.ID
			}
		}
		return owner, owner == guest.Encoded(), nil
	})
	if err != nil {
		return "", err
	}
	s.names.memberServer = after
	t, err := token(ctx, s.member)
	if err != nil {
		return "", err
	}
	if c := t.find("AUTHENTICATION", guest); c == nil || c.Status != "REGISTERED" {
		return "", fmt.Errorf("expected the authentication certificate to stay REGISTERED, saw %+v", c)
	}
	central, err := s.atCentral(ctx, after)
	if err == nil && central.OwnerName != "Member Three" {
		err = fmt.Errorf("expected Member Three to own %s, saw %s", after, central.OwnerName)
	}
	return before.Short() + " → " + after.Short(), err
}
