package service_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

const wsdl = `<?xml version="1.0"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xrd="http://x-road.eu/xsd/xroad.xsd" xmlns:tns="urn:t" targetNamespace="urn:t">
 <wsdl:portType name="p">
  <wsdl:operation name="greet"><wsdl:documentation><xrd:title>Greeting</xrd:title></wsdl:documentation></wsdl:operation>
 </wsdl:portType>
 <wsdl:binding name="b" type="tns:p">
  <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
  <wsdl:operation name="greet"><soap:operation soapAction=""/><xrd:version> v1 </xrd:version></wsdl:operation>
  <wsdl:operation name="part"><soap:operation soapAction=""/></wsdl:operation>
 </wsdl:binding>
 <wsdl:binding name="other" type="tns:p"/>
 <wsdl:service name="s">
  <wsdl:port name="1" binding="tns:b"><soap:address location="https://is.example/x"/></wsdl:port>
  <wsdl:port name="2" binding="tns:b"><soap:address location="https://second.example/x"/></wsdl:port>
  <wsdl:port name="3" binding="tns:other"/>
 </wsdl:service>
</wsdl:definitions>`

func TestParseWSDL(t *testing.T) {
	operations, err := service.ParseWSDL([]byte(wsdl))
	require.NoError(t, err)
	require.Equal(t, []service.Operation{{Code: "greet", Version: "v1", Title: "Greeting", URL: "https://is.example/x"},
		{Code: "part", URL: "https://is.example/x"}}, operations)

	own, err := schema.WSDL.ReadFile("wsdl/managementservices.wsdl")
	require.NoError(t, err)
	operations, err = service.ParseWSDL(own)
	require.NoError(t, err)
	require.Len(t, operations, 10)

	for _, bad := range []struct{ document, code, message string }{
		{"", "invalid_wsdl", "Invalid WSDL: the document cannot be read"},
		{"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", "invalid_wsdl", "Invalid WSDL: the document cannot be read"},
		{"<html/>", "invalid_wsdl", "Invalid WSDL: the root element is not wsdl:definitions"},
		{`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"/>`, "invalid_wsdl", "Invalid WSDL: no operation with a SOAP address was found"},
		{strings.Replace(wsdl, `name="part"`, `name="a/b"`, 1), "invalid_service_identifier", "Invalid service identifier: a/b"},
		{strings.Replace(wsdl, " v1 ", "<!-- x -->v1", 1), "invalid_wsdl", "Invalid WSDL: the version of operation 'greet' cannot be read"},
	} {
		_, err := service.ParseWSDL([]byte(bad.document))
		require.Equal(t, bad.code, fault.CodeOf(err), bad.document)
		require.Equal(t, bad.message, fault.From(err).Message)
	}
}

func FuzzParseWSDL(f *testing.F) {
	f.Add([]byte(wsdl))
	f.Fuzz(func(t *testing.T, data []byte) {
		operations, err := service.ParseWSDL(data)
		if err != nil {
			require.NotEqual(t, "internal_error", fault.CodeOf(err))
			return
		}
		for _, o := range operations {
			require.Empty(t, identifier.Part(o.Code))
		}
	})
}

// site serves a WSDL.
func site(t *testing.T) (*httptest.Server, *string) {
	t.Helper()
	body := wsdl
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s, &body
}

func TestDescriptionsAndTheirServices(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		s, body := site(t)
		event := "Add service description"
		for _, c := range []struct {
			client        identifier.ClientID
			url           string
			code, message string
		}{
			{w.Owner, "ftp://x/y", "malformed_url", "Malformed URL: 'ftp://x/y'"},
			{w.Owner, "http://" + strings.Repeat("x", 255), "malformed_url", "Malformed URL: 'http://" + strings.Repeat("x", 255) + "'"},
			{worldtest.Client(t, "EE:GOV:3"), s.URL, "client_not_found", "Client 'EE:GOV:3' not found"},
			{w.Owner, s.URL + "/gone", "wsdl_download_failed", "Downloading WSDL failed from '" + s.URL + "/gone'"},
			{w.Owner, "http://127.0.0.1:1/", "wsdl_download_failed", "Downloading WSDL failed from 'http://127.0.0.1:1/'"},
		} {
			_, err := w.Services.AddWSDL(w.Ctx(event), c.client, c.url)
			w.Refused(err, event, c.code, c.message)
		}
		d, err := w.Services.AddWSDL(w.Ctx(event), w.Owner, " "+s.URL+" ")
		require.NoError(t, err)
		require.True(t, d.Disabled)
		require.Equal(t, "Out of order", d.DisabledNotice)
		require.Len(t, d.Services, 2)
		require.Equal(t, "greet.v1", d.Services[0].FullCode())
		require.Equal(t, 60, d.Services[0].Timeout)
		require.True(t, d.Services[0].TLSAuth)
		_, err = w.Services.AddWSDL(w.Ctx("again"), w.Owner, s.URL)
		w.Refused(err, "again", "url_already_exists", "WSDL URL already exists")
		_, err = w.Services.AddWSDL(w.Ctx("again"), w.Owner, s.URL+"/second")
		w.Refused(err, "again", "service_already_exists", "Service 'greet.v1' already exists in '"+s.URL+"'")
		*body = "<html/>"
		_, err = w.Services.AddWSDL(w.Ctx("again"), w.Owner, s.URL+"/page")
		w.Refused(err, "again", "invalid_wsdl", "Invalid WSDL: the root element is not wsdl:definitions")

		id, err := identifier.NewService(w.Owner, "greet", "v1")
		require.NoError(t, err)
		found, ok, err := w.Services.Lookup(t.Context(), id)
		require.NoError(t, err)
		require.True(t, ok)
		require.True(t, found.Disabled)
		require.Equal(t, "Out of order", found.Notice)
		require.NoError(t, w.Services.SetDisabled(w.Ctx("Enable service description"), d.ID, false, ""))
		found, _, err = w.Services.Lookup(t.Context(), id)
		require.NoError(t, err)
		require.False(t, found.Disabled)

		_, err = w.Services.Change(w.Ctx("Edit service parameters"), w.Owner, "greet.v1", service.Update{URL: "nowhere", Timeout: 1})
		w.Refused(err, "Edit service parameters", "malformed_url", "Malformed URL: 'nowhere'")
		_, err = w.Services.Change(w.Ctx("Edit service parameters"), w.Owner, "greet.v1", service.Update{URL: "http://a/", Timeout: 1001})
		w.Refused(err, "Edit service parameters", "validation_failure", "The time-out must be between 0 and 1000 seconds")
		_, err = w.Services.Change(w.Ctx("Edit service parameters"), w.Owner, "greet", service.Update{URL: "http://a/"})
		w.Refused(err, "Edit service parameters", "service_not_found", "Service 'greet' not found")
		changed, err := w.Services.Change(w.Ctx("Edit service parameters"), w.Owner, "greet.v1",
			service.Update{URL: "http://a.example/", Timeout: 5, TLSAuth: true, TimeoutAll: true})
		require.NoError(t, err)
		require.False(t, changed.TLSAuth, "nothing to check without TLS")
		part, err := w.Services.Service(t.Context(), w.Owner, "part")
		require.NoError(t, err)
		require.Equal(t, 5, part.Timeout)
		require.Equal(t, "https://is.example/x", part.URL)

		require.NoError(t, w.Services.Delete(w.Ctx("Delete service description"), d.ID))
		_, ok, err = w.Services.Lookup(t.Context(), id)
		require.NoError(t, err)
		require.False(t, ok)
		w.Refused(w.Services.Delete(w.Ctx("x"), d.ID), "x", "service_description_not_found", "Service description not found")
	})
}

func TestAccessRights(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		s, _ := site(t)
		d, err := w.Services.AddWSDL(w.Ctx("Add service description"), w.Owner, s.URL)
		require.NoError(t, err)
		id, err := identifier.NewService(w.Owner, "greet", "v1")
		require.NoError(t, err)
		sub := worldtest.Client(t, "EE:GOV:2:sub")
		owners, err := identifier.NewGlobalGroup("EE", "owners")
		require.NoError(t, err)
		allowed := func(c identifier.ClientID) bool {
			t.Helper()
			ok, err := w.Services.Allowed(t.Context(), c, id)
			require.NoError(t, err)
			return ok
		}
		require.False(t, allowed(sub))
		event := "Add access rights to service"
		unknown, err := identifier.NewGlobalGroup("EE", "nobody")
		require.NoError(t, err)
		for _, bad := range []service.Subject{{Subsystem: worldtest.Client(t, "EE:GOV:2")}, {Subsystem: worldtest.Client(t, "EE:GOV:2:none")}, {Group: unknown}} {
			_, err = w.Services.AddRights(w.Ctx(event), w.Owner, "greet.v1", []service.Subject{{Subsystem: sub}, bad})
			w.Refused(err, event, "service_client_not_found", "Service client '"+bad.Encoded()+"' not found")
		}
		require.False(t, allowed(sub), "all or nothing")
		added, err := w.Services.AddRights(w.Ctx(event), w.Owner, "greet.v1", []service.Subject{{Subsystem: sub}, {Group: owners}})
		require.NoError(t, err)
		require.Len(t, added, 2)
		require.True(t, allowed(sub))
		require.True(t, allowed(w.Owner), "through the group")
		require.False(t, allowed(worldtest.Client(t, "EE:GOV:2")), "the member is not its subsystem")
		require.False(t, allowed(worldtest.Client(t, "EE:GOV:3:sub")))
		_, err = w.Services.AddRights(w.Ctx("x"), w.Owner, "greet.v1", []service.Subject{{Subsystem: sub}})
		w.Refused(err, "x", "duplicate_accessright", "'EE:GOV:2:sub' has this access right already")
		rights, err := w.Services.Rights(t.Context(), w.Owner, "greet.v1")
		require.NoError(t, err)
		require.Len(t, rights, 2)

		require.NoError(t, w.Services.DeleteRights(w.Ctx("Remove access rights from service"), w.Owner, "greet.v1", []service.Subject{{Group: owners}}))
		require.False(t, allowed(w.Owner))
		w.Refused(w.Services.DeleteRights(w.Ctx("x"), w.Owner, "greet.v1", []service.Subject{{Subsystem: sub}, {Group: owners}}), "x",
			"accessright_not_found", "'EE:owners' does not have this access right")
		require.True(t, allowed(sub))
		require.NoError(t, w.Services.Delete(w.Ctx("Delete service description"), d.ID))
		require.False(t, allowed(sub), "a right goes with its service")
	})
}
