package story

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/ristmik/ristmik/deploy/local/infosystem"
	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// publishManagementServices adds the management services' subsystem and its services to the security server that hosts it.
func publishManagementServices(ctx context.Context, s *Story) (string, error) {
	provider := s.names.managementServices
	if err := s.ensureClient(ctx, s.management, provider); err != nil {
		return "", err
	}
	if err := s.awaitClient(ctx, s.management, provider, "REGISTERED"); err != nil {
		return "", err
	}
	var configuration struct {
		ServicesAddress string `json:"services_address"`
		WSDLAddress     string `json:"wsdl_address"`
		Owners          string `json:"security_server_owners_global_group_code"`
	}
	if err := s.central.Call(ctx, http.MethodGet, "/management-services-configuration", nil, &configuration); err != nil {
		return "", err
	}
	if err := s.trustServiceTLS(ctx, provider, s.Instance.Addresses.Central()+":4002"); err != nil {
		return "", err
	}
	count, err := s.publish(ctx, s.management, provider, configuration.WSDLAddress, configuration.ServicesAddress, true,
		subject{instance.Name + ":" + configuration.Owners, "GLOBALGROUP"})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d services, open to %s, their TLS certificate checked", count, configuration.Owners), nil
}

// publishGreeting publishes the information system's service and lets the caller use it.
func publishGreeting(ctx context.Context, s *Story) (string, error) {
	address := fmt.Sprintf("http://%s:%d/", s.Instance.Addresses.InformationSystem(), instance.InformationSystemPort)
	_, err := s.publish(ctx, s.management, s.names.greeter, address, address, false, subject{s.names.caller.Encoded(), "SUBSYSTEM"})
	return "service " + infosystem.ServiceCode + "." + infosystem.ServiceVersion + " open to " + s.names.caller.Short(), err
}

// trustServiceTLS stores the certificate that the provider's information system shows, so that the server proxy can check it.
func (s *Story) trustServiceTLS(ctx context.Context, client identifier.ClientID, address string) error {
	var shown []*x509.Certificate
	dialer := tls.Dialer{Config: &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // this is the call that learns the certificate; the operator compares its hash
		MinVersion:         tls.VersionTLS12,
		VerifyConnection: func(state tls.ConnectionState) error {
			shown = state.PeerCertificates
			return nil
		},
	}}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	if err := connection.Close(); err != nil {
		return err
	}
	err = s.management.Upload(ctx, http.MethodPost, "/clients/"+rest.Segment(client.Encoded())+"/tls-certificates", shown[0].Raw, nil)
	return unlessExists(err)
}

type subject struct{ id, kind string }

type serviceDescription struct {
	ID       string
	URL      string
	Disabled bool
	Services []struct{ ID string }
}

// publish adds a WSDL, sets the address of its services, opens each to a subject and enables the description.
func (s *Story) publish(ctx context.Context, client *rest.Client, provider identifier.ClientID, wsdl, address string, checkTLS bool, open subject) (int, error) {
	path := "/clients/" + rest.Segment(provider.Encoded()) + "/service-descriptions"
	err := client.Call(ctx, http.MethodPost, path, map[string]any{"url": wsdl, "type": "WSDL", "ignore_warnings": false}, nil)
	if err := unlessExists(err); err != nil {
		return 0, err
	}
	var descriptions []serviceDescription
	if err := client.Call(ctx, http.MethodGet, path, nil, &descriptions); err != nil {
		return 0, err
	}
	if len(descriptions) != 1 || len(descriptions[0].Services) == 0 {
		return 0, fmt.Errorf("expected one service description with services at %s, saw %+v", provider, descriptions)
	}
	d := descriptions[0]
	first := "/services/" + rest.Segment(d.Services[0].ID)
	err = client.Call(ctx, http.MethodPatch, first, map[string]any{
		"url": address, "url_all": true, "timeout": 60, "timeout_all": true, "ssl_auth": checkTLS, "ssl_auth_all": true, "ignore_warnings": true,
	}, nil)
	if err != nil {
		return 0, err
	}
	for _, service := range d.Services {
		err := client.Call(ctx, http.MethodPost, "/services/"+rest.Segment(service.ID)+"/service-clients",
			map[string]any{"items": []map[string]string{{"id": open.id, "service_client_type": open.kind}}}, nil)
		if err := unlessExists(err); err != nil {
			return 0, err
		}
	}
	if d.Disabled {
		err = client.Call(ctx, http.MethodPut, "/service-descriptions/"+rest.Segment(d.ID)+"/enable", nil, nil)
	}
	return len(d.Services), unlessExists(err)
}

// Exchange is the message that the story sent last.
type Exchange = infosystem.Answer

func (s *Story) exchange(ctx context.Context) (*Exchange, error) {
	service, err := identifier.NewService(s.names.greeter, infosystem.ServiceCode, infosystem.ServiceVersion)
	if err != nil {
		return nil, err
	}
	return infosystem.Greet(ctx, "http://"+s.Instance.Addresses.Member()+":8080/", s.names.caller, service, "crossroads")
}

// exchangeMessage sends the information system's request through both security servers.
func exchangeMessage(ctx context.Context, s *Story) (string, error) {
	var answer *Exchange
	// The provider's server learns of the caller's registration with its own next configuration, up to an interval later.
	err := s.until(ctx, "an answer from the service", func() (string, bool, error) {
		var err error
		answer, err = s.exchange(ctx)
		if err != nil {
			return "", false, err
		}
		if answer.Fault != nil {
			return answer.Fault.Error(), false, nil
		}
		return answer.Greeting, true, nil
	})
	if err != nil {
		return "", err
	}
	if answer.Greeting != "Hello, crossroads!" {
		return "", errors.New("expected the greeting, got " + answer.Greeting)
	}
	s.last = answer
	return fmt.Sprintf("answered in %d ms: %s", answer.Elapsed.Milliseconds(), answer.Greeting), nil
}
