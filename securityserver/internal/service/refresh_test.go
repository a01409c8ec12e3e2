package service_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

func TestRefreshAsksBeforeServicesComeOrGo(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		s, body := site(t)
		d, err := w.Services.AddWSDL(w.Ctx("Add service description"), w.Owner, s.URL)
		require.NoError(t, err)
		require.NoError(t, w.Services.SetDisabled(w.Ctx("Enable service description"), d.ID, false, ""))
		two := service.Subject{Subsystem: worldtest.Client(t, "EE:GOV:2:sub")}
		_, err = w.Services.AddSubjectRights(w.Ctx("x"), w.Owner, two, []string{"greet", "part"})
		require.NoError(t, err)
		_, err = w.Services.Change(w.Ctx("x"), w.Owner, "greet.v1", service.Update{URL: "http://own.example/", Timeout: 5})
		require.NoError(t, err)
		event := "Refresh service description"
		same, err := w.Services.Refresh(w.Ctx(event), d.ID, false)
		require.NoError(t, err)
		require.Len(t, same.Services, 2)
		require.Len(t, w.Records(event), 1)

		*body = strings.ReplaceAll(strings.ReplaceAll(wsdl, `name="part"`, `name="leave"`), ">Greeting<", ">Hello<")
		_, err = w.Services.Refresh(w.Ctx("warned"), d.ID, false)
		w.Refused(err, "warned", "warnings_detected", "The services of the description have changed")
		require.Equal(t, []fault.Warning{{Code: "adding_services", Metadata: []string{"leave"}}, {Code: "deleting_services", Metadata: []string{"part"}}},
			fault.From(err).Warnings)
		refreshed, err := w.Services.Refresh(w.Ctx(event), d.ID, true)
		require.NoError(t, err)
		require.False(t, refreshed.Disabled)
		require.Len(t, refreshed.Services, 2)
		require.Equal(t, "greet.v1", refreshed.Services[0].FullCode())
		require.Equal(t, "http://own.example/", refreshed.Services[0].URL, "stays as the administrator made it")
		require.Equal(t, "Hello", refreshed.Services[0].Title)
		require.Equal(t, "leave", refreshed.Services[1].Code)
		data := w.Records(event)[1]["data"].(map[string]any)
		require.Equal(t, map[string]any{"servicesAdded": []any{"leave"}, "servicesDeleted": []any{"part"}}, data["wsdl"])
		rights, err := w.Services.RightsOfSubject(t.Context(), w.Owner, two)
		require.NoError(t, err)
		require.Len(t, rights, 1)
		require.Equal(t, "greet", rights[0].ServiceCode)

		*body = "<html/>"
		_, err = w.Services.Refresh(w.Ctx("bad"), d.ID, true)
		w.Refused(err, "bad", "invalid_wsdl", "Invalid WSDL: the root element is not wsdl:definitions")
		_, err = w.Services.Refresh(w.Ctx("bad"), d.ID+1, true)
		w.Refused(err, "bad", "service_description_not_found", "Service description not found")
	})
}

func TestMove(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		s, body := site(t)
		d, err := w.Services.AddWSDL(w.Ctx("Add service description"), w.Owner, s.URL)
		require.NoError(t, err)
		*body = strings.NewReplacer(`name="part"`, `name="other"`, `name="greet"`, `name="meet"`).Replace(wsdl)
		second, err := w.Services.AddWSDL(w.Ctx("Add service description"), w.Owner, s.URL+"/second")
		require.NoError(t, err)
		event := "Edit service description"
		for _, c := range []struct {
			id                 int64
			url, code, message string
		}{
			{d.ID, "nowhere", "malformed_url", "Malformed URL: 'nowhere'"},
			{d.ID, s.URL + "/gone", "wsdl_download_failed", "Downloading WSDL failed from '" + s.URL + "/gone'"},
			{d.ID, s.URL + "/second", "url_already_exists", "WSDL URL already exists"},
			{d.ID, s.URL + "/third", "service_already_exists", "Service 'meet.v1' already exists in '" + s.URL + "/second'"},
			{second.ID + 1, s.URL, "service_description_not_found", "Service description not found"},
		} {
			_, err := w.Services.Move(w.Ctx(event), c.id, c.url, true)
			w.Refused(err, event, c.code, c.message)
		}
		*body = wsdl
		moved, err := w.Services.Move(w.Ctx(event), d.ID, " "+s.URL+"/new ", false)
		require.NoError(t, err)
		require.Equal(t, s.URL+"/new", moved.URL)
		data := w.Records(event)[0]["data"].(map[string]any)
		require.Equal(t, s.URL, data["url"])
		require.Equal(t, s.URL+"/new", data["urlNew"])
	})
}
