package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

func TestPublishManagementServices(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		wsdl, err := schema.WSDL.ReadFile("wsdl/managementservices.wsdl")
		require.NoError(t, err)
		owners, err := identifier.NewGlobalGroup("EE", "owners")
		require.NoError(t, err)
		nobody, err := identifier.NewGlobalGroup("EE", "nobody")
		require.NoError(t, err)
		event := "Publish management services"
		p := service.Publication{Provider: w.Owner, URL: "http://cs.example/managementservices.wsdl", WSDL: wsdl,
			Address: "https://cs.example:4002/managementservice/manage/", Certificate: w.CA.Certificate().Raw, Group: owners}
		for _, c := range []struct {
			change        func(p *service.Publication)
			code, message string
		}{
			{func(p *service.Publication) { p.Provider = worldtest.Client(t, "EE:GOV:2:sub") }, "management_services_elsewhere",
				"'EE:GOV:2:sub', who provides the management services, is not a client of this server"},
			{func(p *service.Publication) { p.Address = "cs" }, "malformed_url", "Malformed URL: 'cs'"},
			{func(p *service.Publication) { p.WSDL = nil }, "invalid_wsdl", "Invalid WSDL: the document cannot be read"},
			{func(p *service.Publication) { p.Group = nobody }, "service_client_not_found", "Service client 'EE:nobody' not found"},
		} {
			bad := p
			c.change(&bad)
			w.Unchanged(func() error { return w.Services.Publish(w.Ctx(event), bad) }, event, c.code, c.message)
		}
		missing, err := w.Services.UnpublishedManagement(t.Context(), w.Owner, owners)
		require.NoError(t, err)
		require.Len(t, missing, 10)

		published := func() {
			t.Helper()
			missing, err := w.Services.UnpublishedManagement(t.Context(), w.Owner, owners)
			require.NoError(t, err)
			require.Empty(t, missing)
			for _, code := range service.ManagementServices {
				one, err := w.Services.Service(t.Context(), w.Owner, code)
				require.NoError(t, err)
				require.Equal(t, p.Address, one.URL)
				require.True(t, one.TLSAuth)
				rights, err := w.Services.Rights(t.Context(), w.Owner, code)
				require.NoError(t, err)
				require.Len(t, rights, 1)
			}
			certificates, err := w.Clients.Certificates(t.Context(), w.Owner)
			require.NoError(t, err)
			require.Len(t, certificates, 1)
		}
		require.NoError(t, w.Services.Publish(w.Ctx(event), p))
		published()
		before := w.State()
		require.NoError(t, w.Services.Publish(w.Ctx(event), p))
		require.Equal(t, before, w.State(), "a second time changes nothing")

		// What is half there is made whole.
		all, err := w.Services.Descriptions(t.Context(), w.Owner)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.NoError(t, w.Services.SetDisabled(w.Ctx("x"), all[0].ID, true, "later"))
		_, err = w.Services.Change(w.Ctx("x"), w.Owner, "clientReg", service.Update{URL: "http://else.example/", Timeout: 1})
		require.NoError(t, err)
		require.NoError(t, w.Services.DeleteSubjectRights(w.Ctx("x"), w.Owner, service.Subject{Group: owners}, []string{"ownerChange"}))
		missing, err = w.Services.UnpublishedManagement(t.Context(), w.Owner, owners)
		require.NoError(t, err)
		require.Len(t, missing, 10)
		require.NoError(t, w.Services.Publish(w.Ctx(event), p))
		published()
	})
}
