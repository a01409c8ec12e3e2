package story

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/pkg/identifier"
)

const ejbcaProfile = "ee.ria.xroad.common.certificateprofile.impl.EjbcaCertificateProfileInfoProvider"

// initializeCentral names the instance and makes the token (UC of the installation guide).
func initializeCentral(ctx context.Context, s *Story) (string, error) {
	var err error
	if s.central, err = s.Instance.API(ctx, "central", instance.CentralRoles...); err != nil {
		return "", err
	}
	var status struct {
		InstanceIdentifier string `json:"instance_identifier"`
	}
	if err := s.central.Call(ctx, http.MethodGet, "/initialization/status", nil, &status); err != nil {
		return "", err
	}
	if status.InstanceIdentifier == "" {
		err := s.central.Call(ctx, http.MethodPost, "/initialization", map[string]string{
			"instance_identifier": instance.Name, "central_server_address": s.Instance.Addresses.Central(), "software_token_pin": s.Instance.Secret("central-pin"),
		}, nil)
		if err != nil {
			return "", err
		}
	}
	return "instance " + instance.Name + " named, software token made", nil
}

// fillRegistry adds the member classes, members and the management services' subsystem (UC MEMBER_10, 41, 56).
func fillRegistry(ctx context.Context, s *Story) (string, error) {
	for code, description := range map[string]string{"GOV": "Governmental organisations", "COM": "Commercial organisations"} {
		err := s.central.Call(ctx, http.MethodPost, "/member-classes", map[string]string{"code": code, "description": description}, nil)
		if err := unlessExists(err); err != nil {
			return "", err
		}
	}
	for id, name := range map[identifier.ClientID]string{s.names.operator: "Member One", s.names.consumer: "Member Two", s.names.guest: "Member Three"} {
		err := s.central.Call(ctx, http.MethodPost, "/members", map[string]any{
			"member_name": name, "member_id": map[string]string{"member_class": id.MemberClass(), "member_code": id.MemberCode()},
		}, nil)
		if err := unlessExists(err); err != nil {
			return "", err
		}
	}
	id := s.names.managementServices
	err := s.central.Call(ctx, http.MethodPost, "/subsystems", map[string]any{
		"subsystem_id":   map[string]string{"member_class": id.MemberClass(), "member_code": id.MemberCode(), "subsystem_code": id.SubsystemCode()},
		"subsystem_name": "Management services",
	}, nil)
	if err := unlessExists(err); err != nil {
		return "", err
	}
	err = s.central.Call(ctx, http.MethodPatch, "/management-services-configuration", map[string]string{"service_provider_id": id.Encoded()}, nil)
	return "2 member classes, 3 members, management services' provider", err
}

// trustServices approves the test CA with its OCSP responder, and the TSA (UC TRUST_08, 10, 16).
func trustServices(ctx context.Context, s *Story) (string, error) {
	var existing []struct{ Name string }
	if err := s.central.Call(ctx, http.MethodGet, "/certification-services", nil, &existing); err != nil {
		return "", err
	}
	if len(existing) == 0 {
		if err := approveCA(ctx, s); err != nil {
			return "", err
		}
	}
	var authorities []struct{ URL string }
	if err := s.central.Call(ctx, http.MethodGet, "/timestamping-services", nil, &authorities); err != nil {
		return "", err
	}
	if len(authorities) == 0 {
		certificate, err := s.testCA(ctx, "tsa.pem")
		if err != nil {
			return "", err
		}
		err = s.central.Form(ctx, "/timestamping-services", map[string]string{"url": "http://" + s.Instance.Addresses.TestCA() + ":8899", "cost_type": "FREE"},
			"certificate", "tsa.pem", certificate, nil)
		if err != nil {
			return "", err
		}
	}
	return "certification service with OCSP, time-stamping authority", nil
}

func approveCA(ctx context.Context, s *Story) error {
	certificate, err := s.testCA(ctx, "ca.pem")
	if err != nil {
		return err
	}
	var ca struct{ ID int64 }
	err = s.central.Form(ctx, "/certification-services", map[string]string{
		"certificate_profile_info": ejbcaProfile, "tls_auth": "false", "default_csr_format": "PEM",
	}, "certificate", "ca.pem", certificate, &ca)
	if err != nil {
		return err
	}
	responder, err := s.testCA(ctx, "ocsp.pem")
	if err != nil {
		return err
	}
	return s.central.Form(ctx, fmt.Sprintf("/certification-services/%d/ocsp-responders", ca.ID),
		map[string]string{"url": "http://" + s.Instance.Addresses.TestCA() + ":8888", "cost_type": "FREE"}, "certificate", "ocsp.pem", responder, nil)
}

// signingKeys makes the keys that sign both configurations; the anchors follow by themselves (GCONF_11, 12).
func signingKeys(ctx context.Context, s *Story) (string, error) {
	var tokens []struct {
		Keys []struct {
			SourceType string `json:"source_type"`
		} `json:"configuration_signing_keys"`
	}
	if err := s.central.Call(ctx, http.MethodGet, "/tokens", nil, &tokens); err != nil {
		return "", err
	}
	made := map[string]bool{}
	for _, token := range tokens {
		for _, key := range token.Keys {
			made[key.SourceType] = true
		}
	}
	for _, source := range []string{"INTERNAL", "EXTERNAL"} {
		if made[source] {
			continue
		}
		err := s.central.Call(ctx, http.MethodPost, "/configuration-sources/"+source+"/signing-keys", map[string]string{"key_label": "signing key", "token_id": "0"}, nil)
		if err != nil {
			return "", err
		}
	}
	directory := fmt.Sprintf("http://%s:%d/internalconf?version=6", s.Instance.Addresses.Central(), instance.PublicationPort)
	err := s.until(ctx, "a signed directory at "+directory, func() (string, bool, error) {
		_, status, err := get(ctx, directory)
		return fmt.Sprintf("HTTP %d", status), status == http.StatusOK, err
	})
	return "internal and external keys, anchors, signed configuration published", err
}

// registerProvider makes the management services' subsystem a client of its server (UC MEMBER_57).
func registerProvider(ctx context.Context, s *Story) (string, error) {
	err := s.central.Call(ctx, http.MethodPost, "/management-services-configuration/register-provider",
		map[string]string{"security_server_id": s.names.managementServer.Encoded()}, nil)
	var refused *rest.Error
	if errors.As(err, &refused) && refused.Code == "subsystem_already_registered_to_security_server" {
		err = nil
	}
	if err != nil {
		return "", err
	}
	var configuration struct {
		SecurityServerID string `json:"security_server_id"`
	}
	if err := s.central.Call(ctx, http.MethodGet, "/management-services-configuration", nil, &configuration); err != nil {
		return "", err
	}
	if want := "SERVER:" + s.names.managementServer.Encoded(); configuration.SecurityServerID != want {
		return "", fmt.Errorf("expected the provider at %s, saw %q", want, configuration.SecurityServerID)
	}
	return "UC MEMBER_57: " + s.names.managementServices.Short() + " at " + s.names.managementServer.ServerCode(), nil
}

// managementRequest is a row of the central server's list.
type managementRequest struct {
	ID     int64
	Type   string
	Origin string
	Status string
}

// requests lists the requests of a type about a server, newest first.
func (s *Story) requests(ctx context.Context, kind string, server identifier.SecurityServerID) ([]managementRequest, error) {
	var page struct{ Items []managementRequest }
	query := url.Values{"types": {kind}, "serverId": {server.Encoded()}, "sort": {"id"}, "desc": {"true"}, "limit": {"100"}}
	err := s.central.Call(ctx, http.MethodGet, "/management-requests?"+query.Encode(), nil, &page)
	return page.Items, err
}

// complement adds the central server's half of a pair and sees that the pair waits for approval, then approves it (UC MEMBER_12, 15, 36, 37).
func (s *Story) complement(ctx context.Context, server identifier.SecurityServerID, request map[string]any) error {
	kind, _ := request["type"].(string)
	request["origin"] = "CENTER"
	request["security_server_id"] = server.Encoded()
	var made managementRequest
	err := s.central.Call(ctx, http.MethodPost, "/management-requests", request, &made)
	if err != nil {
		pending, listErr := s.pending(ctx, kind, server)
		if listErr != nil || pending == nil {
			return errors.Join(err, listErr)
		}
		made = *pending
	}
	s.at(Paired)
	if made.Status == "APPROVED" {
		return nil
	}
	if made.Status != "SUBMITTED FOR APPROVAL" {
		return fmt.Errorf("expected the pair of %s to be SUBMITTED FOR APPROVAL, saw %s", kind, made.Status)
	}
	if err := s.central.Call(ctx, http.MethodPost, fmt.Sprintf("/management-requests/%d/approval", made.ID), nil, nil); err != nil {
		return err
	}
	s.at(Approved)
	return nil
}

// pending finds the request of the central server that an interrupted run has added already.
func (s *Story) pending(ctx context.Context, kind string, server identifier.SecurityServerID) (*managementRequest, error) {
	list, err := s.requests(ctx, kind, server)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func certificateRequest(address string, certificate []byte) map[string]any {
	return map[string]any{
		"type": "AUTH_CERT_REGISTRATION_REQUEST", "server_address": address, "authentication_certificate": base64.StdEncoding.EncodeToString(certificate),
	}
}

func clientRequest(client identifier.ClientID) map[string]any {
	return map[string]any{"type": "CLIENT_REGISTRATION_REQUEST", "client_id": client.Encoded()}
}

// unlessExists forgives what an earlier run has made.
func unlessExists(err error) error {
	var refused *rest.Error
	if errors.As(err, &refused) && refused.Status == http.StatusConflict {
		return nil
	}
	return err
}

func (s *Story) testCA(ctx context.Context, file string) ([]byte, error) {
	data, status, err := get(ctx, "http://"+s.Instance.Addresses.TestCA()+":8888/testca/"+file)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("test CA: HTTP %d for %s", status, file)
	}
	return data, err
}

func get(ctx context.Context, address string) ([]byte, int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return data, response.StatusCode, err
}
