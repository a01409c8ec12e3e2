package intake_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/intake"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

const (
	registrationPath = "/managementservice"
	managementPath   = "/managementservice/manage/"
	ss1              = "EE:GOV:1:ss1"
)

// doors is both SOAP doors in front of a real registry.
type doors struct {
	*storetest.World
	ca                       *testca.CA
	registration, management http.Handler
	snapshot                 *globalconf.Snapshot
	now                      time.Time
	owner, auth              signature.Credential
}

func each(t *testing.T, fn func(t *testing.T, d *doors)) {
	t.Helper()
	storetest.Each(t, management.Settings{}, func(t *testing.T, w *storetest.World) {
		d := &doors{World: w, now: storetest.Start()}
		d.approveCA(t)
		d.publish(t)
		c := intake.Config{
			Snapshot: func() *globalconf.Snapshot { return d.snapshot },
			Submit: func(ctx context.Context, r *request.Request) (int64, error) {
				done, err := w.Management.Submit(ctx, r, management.SecurityServer)
				return done.ID, err
			},
			Refused: func(ctx context.Context, err error) {
				require.NoError(t, w.DB.Update(context.WithoutCancel(ctx), func(tx *database.Tx) error { return tx.Record(audit.Failure(ctx, err)) }))
			},
			PerMinute: 100, Now: func() time.Time { return d.now }, Log: zap.NewNop(),
		}
		d.registration, d.management = intake.Registration(c), intake.Management(c)
		fn(t, d)
	})
}

func (d *doors) approveCA(t *testing.T) {
	var err error
	d.ca, err = testca.New(testca.Config{Name: "EJBCA", Now: storetest.Start})
	require.NoError(t, err)
	service, err := d.Trust.AddCertificationService(d.Do(), d.ca.Certificate().Raw, trust.Settings{ProfileClass: "EjbcaCertificateProfileInfoProvider"})
	require.NoError(t, err)
	_, err = d.Trust.AddResponder(d.Do(), trust.Responder{ServiceID: service.ID, URL: "http://127.0.0.1:8888", CostType: "FREE"}, d.ca.OCSPCertificate().Raw)
	require.NoError(t, err)
	owner := d.Client("EE:GOV:1")
	d.owner, err = d.ca.Issue(testca.Spec{Member: owner})
	require.NoError(t, err)
	d.auth, err = d.ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: owner, ServerCode: "ss1"})
	require.NoError(t, err)
}

// publish makes the configuration that the doors believe from the registry as it is.
func (d *doors) publish(t *testing.T) {
	require.NoError(t, d.Store.Configuration().View(t.Context(), func(tx confgen.Tx) error {
		shared, err := tx.Shared()
		if err != nil {
			return err
		}
		shared.InstanceIdentifier, shared.GlobalSettings.OCSPFreshness = "EE", time.Hour
		private := &globalconf.PrivateParameters{InstanceIdentifier: "EE", ManagementService: globalconf.ManagementService{Provider: d.Client("EE:GOV:1:ms")}}
		d.snapshot, err = globalconf.NewSnapshot(private, []*globalconf.SharedParameters{shared}, globalconf.MaxVersion, storetest.Start().Add(10*time.Minute))
		return err
	}))
}

func (d *doors) authCertReg() *request.Request {
	return &request.Request{Type: request.AuthCertReg, Sender: d.Client("EE:GOV:1"), ID: "message-1", Server: d.Server(ss1), Address: "127.0.0.20",
		AuthCertificate: d.auth.Certificate.Raw}
}

func (d *doors) seal(t *testing.T, r *request.Request) request.Sealed {
	sealed, err := request.Seal(rand.Reader, r, d.Client("EE:GOV:1:ms"), &d.owner, &d.auth)
	require.NoError(t, err)
	return sealed
}

func post(t *testing.T, door http.Handler, path, contentType string, body []byte) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w.Result()
}

// refusal asserts a fault as X-Road's management services send it: HTTP 500, not to be cached, a trace identifier.
func refusal(t *testing.T, response *http.Response, code, text string) {
	t.Helper()
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	require.Equal(t, "no-cache", response.Header.Get("Pragma"))
	require.Equal(t, "0", response.Header.Get("Expires"))
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	message, err := soap.Parse(body, response.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.NotNil(t, message.Fault)
	require.Equal(t, code, message.Fault.Code)
	require.Equal(t, text, message.Fault.String)
	require.Regexp(t, "^[0-9a-f]{16}$", message.Fault.Detail)
}

func TestAuthCertRegIsSavedAndAnswered(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		sealed := d.seal(t, d.authCertReg())
		response := post(t, d.registration, registrationPath+"/", sealed.ContentType, sealed.Body)
		require.Equal(t, http.StatusOK, response.StatusCode)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		id, err := request.ReadResponse(body, response.Header.Get("Content-Type"), sealed.SOAP)
		require.NoError(t, err)
		record, err := d.Management.Request(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, management.Waiting, record.Status)
		require.Equal(t, "127.0.0.20", record.Address)
		require.Contains(t, d.LastAudit(), `"event":"Add management request"`)
		require.Contains(t, d.LastAudit(), `"user":"EE/GOV/1"`)

		before := d.State()
		refusal(t, post(t, d.registration, registrationPath, sealed.ContentType, sealed.Body), "management_request_exists",
			"Certificate is already submitted for registration with request '1'")
		require.Equal(t, before, d.State())
		require.Contains(t, d.LastAudit(), `"event":"Add management request failed"`)
	})
}

func TestClientRegThroughTheManagementDoor(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		sealed := d.seal(t, &request.Request{Type: request.ClientReg, Sender: d.Client("EE:GOV:1"), ID: "message-2", Server: d.Server(ss1), Client: d.Client("EE:GOV:1:sub")})
		for _, path := range []string{managementPath, strings.TrimSuffix(managementPath, "/")} {
			response := post(t, d.management, path, sealed.ContentType, sealed.Body)
			if path == managementPath {
				require.Equal(t, http.StatusOK, response.StatusCode)
			} else {
				require.Equal(t, http.StatusInternalServerError, response.StatusCode, "the same request a second time")
			}
		}
		require.EqualValues(t, 1, d.Count("SELECT COUNT(*) FROM management_request"))
	})
}

func TestDoorsRefuse(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		registration := d.seal(t, d.authCertReg())
		client := d.seal(t, &request.Request{Type: request.ClientReg, Sender: d.Client("EE:GOV:1"), ID: "message-2", Server: d.Server(ss1), Client: d.Client("EE:GOV:1:sub")})
		before := d.State()

		refusal(t, post(t, d.management, managementPath, registration.ContentType, registration.Body), "invalid_request", "Unsupported request type authCertReg")
		refusal(t, post(t, d.registration, registrationPath, client.ContentType, client.Body), "invalid_request", "Unsupported request type clientReg")
		refusal(t, post(t, d.registration, registrationPath, "application/json", []byte("{}")), "invalid_content_type", "Invalid content type: application/json")
		refusal(t, post(t, d.registration, registrationPath, registration.ContentType, make([]byte, 51<<10)), "invalid_request", "Request is larger than 51200 bytes")
		tampered := bytes.Replace(client.Body, []byte("<id:subsystemCode>sub<"), []byte("<id:subsystemCode>sup<"), 1)
		refusal(t, post(t, d.management, managementPath, client.ContentType, tampered), "invalid_signature_value", "Client signature verification failed")

		d.now = d.now.Add(11 * time.Minute)
		refusal(t, post(t, d.registration, registrationPath, registration.ContentType, registration.Body), "global_conf_outdated", "Global configuration is not valid")
		d.snapshot = nil
		refusal(t, post(t, d.registration, registrationPath, registration.ContentType, registration.Body), "global_conf_outdated", "Global configuration is not valid")
		require.Equal(t, before, d.State())

		for _, wrong := range []struct {
			method, path string
			status       int
		}{{http.MethodGet, registrationPath, http.StatusMethodNotAllowed}, {http.MethodPost, "/other", http.StatusNotFound}, {http.MethodPost, managementPath, http.StatusNotFound}} {
			w := httptest.NewRecorder()
			d.registration.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), wrong.method, wrong.path, nil))
			require.Equal(t, wrong.status, w.Code, "%s %s", wrong.method, wrong.path)
		}
	})
}

func TestRateIsLimitedByAddress(t *testing.T) {
	door := intake.Registration(intake.Config{Snapshot: func() *globalconf.Snapshot { return nil }, PerMinute: 2, Now: time.Now, Log: zap.NewNop()})
	statuses := []int{}
	for range 3 {
		response := post(t, door, registrationPath, "text/xml", nil)
		statuses = append(statuses, response.StatusCode)
		if response.StatusCode == http.StatusTooManyRequests {
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.JSONEq(t, `{"status":429}`, string(body))
		}
	}
	require.Equal(t, []int{500, 500, 429}, statuses)
}

func TestPublicationShowsItsFilesAndNothingElse(t *testing.T) {
	door := intake.Publication(t.TempDir(), []byte("<wsdl/>"))
	for path, status := range map[string]int{
		"/managementservices.wsdl": 200, "/internalconf": 404, "/V6/20261120120000000000000/shared-params.xml": 404, "/": 404,
		"/../../etc/passwd": 404, "/V6/..%2f..%2fetc/passwd": 404, "/V6/internalconf": 404,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL.Path = path
		door.ServeHTTP(w, r)
		require.Equal(t, status, w.Code, path)
	}
}
