package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// ensureClient adds a client to a security server (UC MEMBER_47).
func (s *Story) ensureClient(ctx context.Context, client *rest.Client, id identifier.ClientID) error {
	err := client.Call(ctx, http.MethodPost, "/clients", map[string]any{
		"client": map[string]string{
			"member_class": id.MemberClass(), "member_code": id.MemberCode(), "subsystem_code": id.SubsystemCode(), "connection_type": "HTTP",
		},
		"ignore_warnings": false,
	}, nil)
	return unlessExists(err)
}

// registerClient is UC MEMBER_02 (a subsystem of the server's owner) or UC MEMBER_03 (of another organisation): clientReg through the management
// services' security server, the complementary request, the approval, and the state read back.
func registerClient(useCase string, at func(*Story) server, id func(names) identifier.ClientID) func(context.Context, *Story) (string, error) {
	return func(ctx context.Context, s *Story) (string, error) {
		where, who := at(s), id(s.names)
		client := *where.client
		if err := s.ensureClient(ctx, client, who); err != nil {
			return "", err
		}
		if err := s.ensureCertificate(ctx, where, "SIGNING", who.Member()); err != nil {
			return "", err
		}
		s.at(Saved)
		begin := time.Now()
		status, err := s.clientStatus(ctx, client, who)
		if err != nil {
			return "", err
		}
		if status == "SAVED" {
			if err := s.sendRegistration(ctx, client, who); err != nil {
				return "", err
			}
			s.at(Sent)
		}
		if status != "REGISTERED" {
			if err := s.complement(ctx, where.id, clientRequest(who)); err != nil {
				return "", err
			}
		}
		if err := s.awaitClient(ctx, client, who, "REGISTERED"); err != nil {
			return "", err
		}
		s.at(Listed)
		return fmt.Sprintf("%s: in progress, paired, approved, registered in %.1f s", useCase, time.Since(begin).Seconds()), nil
	}
}

// sendRegistration sends clientReg and sees "registration in progress". When the outcome is unknown, because a server was killed on the way, it sends again:
// the central server knows a request it has saved already.
func (s *Story) sendRegistration(ctx context.Context, client *rest.Client, who identifier.ClientID) error {
	path := "/clients/" + rest.Segment(who.Encoded()) + "/register"
	return s.until(ctx, who.String()+" REGISTRATION_IN_PROGRESS", func() (string, bool, error) {
		status, err := s.clientStatus(ctx, client, who)
		if err != nil {
			return "", false, err
		}
		if status != "SAVED" {
			return status, status == "REGISTRATION_IN_PROGRESS" || status == "REGISTERED", nil
		}
		s.at(Sending)
		err = client.Call(ctx, http.MethodPut, path, nil, nil)
		var answered *rest.Error
		if errors.As(err, &answered) && answered.Status >= http.StatusInternalServerError {
			return answered.Error(), false, nil
		}
		return "the request sent", false, err
	})
}

// change calls an action of a client and waits for the state that the next configuration brings.
func (s *Story) change(ctx context.Context, client *rest.Client, who identifier.ClientID, action, from, between, after string) error {
	status, err := s.clientStatus(ctx, client, who)
	if err != nil {
		return err
	}
	if status == from {
		if err := client.Call(ctx, http.MethodPut, "/clients/"+rest.Segment(who.Encoded())+"/"+action, nil, nil); err != nil {
			return err
		}
		// The configuration may have come already: then the state after is as good as the one between.
		if status, err = s.clientStatus(ctx, client, who); err != nil {
			return err
		}
		if status != between && status != after {
			return fmt.Errorf("expected %s %s after %s, saw %s", who, between, action, status)
		}
	}
	return s.awaitClient(ctx, client, who, after)
}

func disable(ctx context.Context, s *Story) (string, error) {
	if err := s.change(ctx, s.member, s.names.caller, "disable", "REGISTERED", "DISABLING_IN_PROGRESS", "DISABLED"); err != nil {
		return "", err
	}
	answer, err := s.exchange(ctx)
	if err != nil {
		return "", err
	}
	if answer.Fault == nil {
		return "", fmt.Errorf("expected the request of a disabled client to be refused, got %q", answer.Greeting)
	}
	return "disabled; the same request is refused: " + answer.Fault.Code, nil
}

func enable(ctx context.Context, s *Story) (string, error) {
	if err := s.change(ctx, s.member, s.names.caller, "enable", "DISABLED", "ENABLING_IN_PROGRESS", "REGISTERED"); err != nil {
		return "", err
	}
	// The provider's server learns of it with its own next configuration, up to an interval later.
	err := s.until(ctx, "an answer for the enabled client", func() (string, bool, error) {
		answer, err := s.exchange(ctx)
		if err != nil {
			return "", false, err
		}
		if answer.Fault != nil {
			return answer.Fault.Error(), false, nil
		}
		return "an answer", true, nil
	})
	if err != nil {
		return "", err
	}
	return "registered again; the same request is answered", nil
}

func unregister(ctx context.Context, s *Story) (string, error) {
	err := s.change(ctx, s.member, s.names.tenant, "unregister", "REGISTERED", "DELETION_IN_PROGRESS", "DELETION_IN_PROGRESS")
	if err != nil {
		return "", err
	}
	return "UC MEMBER_52: " + s.names.tenant.Short() + " deletion in progress", nil
}

func deleteClient(ctx context.Context, s *Story) (string, error) {
	path := "/clients/" + rest.Segment(s.names.tenant.Encoded())
	err := s.member.Call(ctx, http.MethodDelete, path, nil, nil)
	var answered *rest.Error
	if errors.As(err, &answered) && answered.Status == http.StatusNotFound {
		err = nil
	}
	if err != nil {
		return "", err
	}
	err = s.member.Call(ctx, http.MethodGet, path, nil, nil)
	if !errors.As(err, &answered) || answered.Code != "client_not_found" {
		return "", fmt.Errorf("expected client_not_found for the deleted client, got %w", err)
	}
	return "UC MEMBER_53: the client is gone", nil
}
