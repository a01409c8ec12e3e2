package story

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// server is one security server as the story sets it up.
type server struct {
	name    string // of the process
	id      identifier.SecurityServerID
	address string
	client  **rest.Client
}

func (s *Story) managementServer() server {
	return server{"management", s.names.managementServer, s.Instance.Addresses.Management(), &s.management}
}

func (s *Story) memberServer() server {
	return server{"member", s.names.memberServer, s.Instance.Addresses.Member(), &s.member}
}

// initializeServer gives a security server its anchor, owner, code and PIN (GCONF_22, UC of the installation guide).
func initializeServer(ctx context.Context, s *Story, at server) (string, error) {
	client, err := s.Instance.API(ctx, at.name, instance.SecurityRoles...)
	if err != nil {
		return "", err
	}
	*at.client = client
	var status struct {
		Anchor bool `json:"is_anchor_imported"`
		Owner  bool `json:"is_server_owner_initialized"`
	}
	if err := client.Call(ctx, http.MethodGet, "/initialization/status", nil, &status); err != nil {
		return "", err
	}
	if !status.Anchor {
		anchor, err := s.central.Download(ctx, http.MethodGet, "/configuration-sources/INTERNAL/anchor/download", nil)
		if err != nil {
			return "", err
		}
		if err := client.Upload(ctx, http.MethodPost, "/system/anchor", anchor, nil); err != nil {
			return "", err
		}
	}
	owner := at.id.Owner()
	if !status.Owner {
		err := client.Call(ctx, http.MethodPost, "/initialization", map[string]any{
			"owner_member_class": owner.MemberClass(), "owner_member_code": owner.MemberCode(), "security_server_code": at.id.ServerCode(),
			"software_token_pin": s.Instance.Secret(at.name + "-pin"), "ignore_warnings": false,
		}, nil)
		if err != nil {
			return "", err
		}
	}
	if err := loginToken(ctx, s, at); err != nil {
		return "", err
	}
	return "anchor verified, owner " + owner.Short() + ", token logged in", useTimestamping(ctx, client)
}

func loginToken(ctx context.Context, s *Story, at server) error {
	t, err := token(ctx, *at.client)
	if err != nil || t.LoggedIn {
		return err
	}
	return (*at.client).Call(ctx, http.MethodPut, "/tokens/0/login", map[string]string{"password": s.Instance.Secret(at.name + "-pin")}, nil)
}

// useTimestamping chooses the approved time-stamping authority (UC SS_07).
func useTimestamping(ctx context.Context, client *rest.Client) error {
	var approved, chosen []map[string]any
	if err := client.Call(ctx, http.MethodGet, "/timestamping-services", nil, &approved); err != nil {
		return err
	}
	if err := client.Call(ctx, http.MethodGet, "/system/timestamping-services", nil, &chosen); err != nil || len(chosen) > 0 {
		return err
	}
	if len(approved) != 1 {
		return fmt.Errorf("expected one approved time-stamping service, saw %d", len(approved))
	}
	return client.Call(ctx, http.MethodPost, "/system/timestamping-services", map[string]any{"name": approved[0]["name"], "url": approved[0]["url"]}, nil)
}

type tokenView struct {
	LoggedIn bool `json:"logged_in"`
	Keys     []struct {
		ID           string
		Usage        string
		Certificates []certificateView
		Requests     []struct {
			ID      string
			OwnerID string `json:"owner_id"`
		} `json:"certificate_signing_requests"`
	}
}

type certificateView struct {
	Status  string
	Active  bool
	OwnerID string `json:"owner_id"`
	Details struct {
		Hash string
	} `json:"certificate_details"`
}

func token(ctx context.Context, client *rest.Client) (*tokenView, error) {
	var t tokenView
	return &t, client.Call(ctx, http.MethodGet, "/tokens/0", nil, &t)
}

// find gives the certificate for this usage and, for signing, this member.
func (t *tokenView) find(usage string, member identifier.ClientID) *certificateView {
	for _, key := range t.Keys {
		for i, c := range key.Certificates {
			if key.Usage == usage && (usage == "AUTHENTICATION" || c.OwnerID == member.Encoded()) {
				return &key.Certificates[i]
			}
		}
	}
	return nil
}

// ensureCertificate makes a key with its request, has the test CA sign it and imports the certificate (UC SS_28, 29, 30).
func (s *Story) ensureCertificate(ctx context.Context, at server, usage string, member identifier.ClientID) error {
	t, err := token(ctx, *at.client)
	if err != nil || t.find(usage, member) != nil {
		return err
	}
	client := *at.client
	keyID, requestID, err := s.ensureRequest(ctx, client, t, usage, member)
	if err != nil {
		return err
	}
	request, err := client.Download(ctx, http.MethodGet, fmt.Sprintf("/keys/%s/csrs/%s?csr_format=PEM", keyID, requestID), nil)
	if err != nil {
		return err
	}
	kind := "sign"
	if usage == "AUTHENTICATION" {
		kind = "auth"
	}
	certificate, err := s.signRequest(ctx, kind, request)
	if err != nil {
		return err
	}
	// The owner also sends the certificate to the registry's administrator, who adds it to the complementary request.
	if err := os.WriteFile(s.issuedFile(at, usage), certificate, 0o600); err != nil {
		return err
	}
	return client.Upload(ctx, http.MethodPost, "/token-certificates", certificate, nil)
}

// ensureRequest makes a key with a request, or finds the request that an interrupted run has left.
func (s *Story) ensureRequest(ctx context.Context, client *rest.Client, t *tokenView, usage string, member identifier.ClientID) (keyID, requestID string, err error) {
	for _, key := range t.Keys {
		for _, request := range key.Requests {
			if key.Usage == usage && (usage == "AUTHENTICATION" || request.OwnerID == member.Encoded()) {
				return key.ID, request.ID, nil
			}
		}
	}
	var authorities []struct{ Name string }
	if err := client.Call(ctx, http.MethodGet, "/certificate-authorities?key_usage_type="+usage, nil, &authorities); err != nil {
		return "", "", err
	}
	if len(authorities) != 1 {
		return "", "", fmt.Errorf("expected one certification service, saw %d", len(authorities))
	}
	query := url.Values{"key_usage_type": {usage}}
	generate := map[string]any{"key_usage_type": usage, "ca_name": authorities[0].Name, "csr_format": "PEM", "acme_order": false}
	if usage == "SIGNING" {
		query.Set("member_id", member.Encoded())
		generate["member_id"] = member.Encoded()
	}
	var fields []struct {
		ID      string
		Default string `json:"default_value"`
	}
	path := "/certificate-authorities/" + rest.Segment(authorities[0].Name) + "/csr-subject-fields?" + query.Encode()
	if err := client.Call(ctx, http.MethodGet, path, nil, &fields); err != nil {
		return "", "", err
	}
	values := map[string]string{}
	for _, field := range fields {
		values[field.ID] = field.Default
	}
	generate["subject_field_values"] = values
	var made struct {
		Key   struct{ ID string }
		CsrID string `json:"csr_id"`
	}
	err = client.Call(ctx, http.MethodPost, "/tokens/0/keys-with-csrs",
		map[string]any{"key_label": usage + " " + member.Short(), "csr_generate_request": generate}, &made)
	return made.Key.ID, made.CsrID, err
}

func (s *Story) signRequest(ctx context.Context, kind string, request []byte) ([]byte, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.WriteField("type", kind); err != nil {
		return nil, err
	}
	part, err := w.CreateFormFile("certreq", "request.pem")
	if err != nil {
		return nil, err
	}
	if _, err := part.Write(request); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Instance.Addresses.TestCA()+":8888/testca/sign", &body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	certificate, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the test CA answered HTTP %d: %s", response.StatusCode, certificate)
	}
	return certificate, err
}

// ownerKeys makes the owner's signing certificate and the server's authentication certificate.
func ownerKeys(ctx context.Context, s *Story, at server) (string, error) {
	if err := s.ensureCertificate(ctx, at, "AUTHENTICATION", at.id.Owner()); err != nil {
		return "", err
	}
	if err := s.ensureCertificate(ctx, at, "SIGNING", at.id.Owner()); err != nil {
		return "", err
	}
	return "authentication and signing certificates issued by the test CA, imported", nil
}

// registerServer is UC MEMBER_01: authCertReg from the server, the complementary request and the approval at the central server, and the outcome read back
// from the security server.
func registerServer(ctx context.Context, s *Story, at server) (string, error) {
	begin := time.Now()
	client := *at.client
	t, err := token(ctx, client)
	if err != nil {
		return "", err
	}
	certificate := t.find("AUTHENTICATION", at.id.Owner())
	if certificate == nil {
		return "", fmt.Errorf("expected an authentication certificate at %s, saw none", at.id)
	}
	hash := certificate.Details.Hash
	if certificate.Status == "SAVED" {
		if err := client.Call(ctx, http.MethodPut, "/token-certificates/"+hash+"/register", map[string]string{"address": at.address}, nil); err != nil {
			return "", err
		}
	}
	if certificate.Status != "REGISTERED" {
		der, err := s.issued(at)
		if err != nil {
			return "", err
		}
		if err := s.complement(ctx, at.id, certificateRequest(at.address, der)); err != nil {
			return "", err
		}
	}
	err = s.until(ctx, "the authentication certificate REGISTERED", func() (string, bool, error) {
		t, err := token(ctx, client)
		if err != nil {
			return "", false, err
		}
		status := t.find("AUTHENTICATION", at.id.Owner()).Status
		return status, status == "REGISTERED", nil
	})
	if err != nil {
		return "", err
	}
	if !certificate.Active {
		if err := client.Call(ctx, http.MethodPut, "/token-certificates/"+hash+"/activate", nil, nil); err != nil {
			return "", err
		}
	}
	if err := s.awaitClient(ctx, client, at.id.Owner(), "REGISTERED"); err != nil {
		return "", err
	}
	return fmt.Sprintf("UC MEMBER_01: pair approved, certificate and owner registered in %.1f s", time.Since(begin).Seconds()), nil
}

// issued is the authentication certificate as the server's owner sent it to the registry's administrator, out of band.
func (s *Story) issued(at server) ([]byte, error) {
	data, err := os.ReadFile(s.issuedFile(at, "AUTHENTICATION"))
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(data); block != nil {
		return block.Bytes, nil
	}
	return data, nil
}

func (s *Story) issuedFile(at server, usage string) string {
	return filepath.Join(s.Instance.Folder, at.name, "issued-"+strings.ToLower(usage)+".pem")
}

type clientView struct {
	ID     string
	Status string
}

func (s *Story) clientStatus(ctx context.Context, client *rest.Client, id identifier.ClientID) (string, error) {
	var view clientView
	err := client.Call(ctx, http.MethodGet, "/clients/"+rest.Segment(id.Encoded()), nil, &view)
	return view.Status, err
}

func (s *Story) awaitClient(ctx context.Context, client *rest.Client, id identifier.ClientID, want string) error {
	return s.until(ctx, id.String()+" "+want, func() (string, bool, error) {
		status, err := s.clientStatus(ctx, client, id)
		return status, status == want, err
	})
}
