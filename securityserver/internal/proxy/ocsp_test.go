package proxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
)

func TestOCSPResponder(t *testing.T) {
	w := newWorld(t, nil)
	m := w.provider
	m.ocsp[certificate.SHA1Hex(w.ca.Certificate())] = []byte("second")
	server := httptest.NewServer(proxy.NewOCSPResponder(w.config(m)))
	t.Cleanup(server.Close)
	leaf, ca := certificate.SHA1Hex(m.auth.Certificate), certificate.SHA1Hex(w.ca.Certificate())
	get := func(query string) (int, string, []byte) {
		response, err := http.Get(server.URL + "/?" + query)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, response.Header.Get("Content-Type"), body
	}
	status, contentType, body := get("cert=" + ca + "&cert=" + leaf + "&cert_hash=ignored")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, soap.MultipartRelated, soap.BaseType(contentType))
	parts, err := soap.ReadMultipart(strings.NewReader(string(body)), contentType, soap.Limits{})
	require.NoError(t, err)
	require.Len(t, parts, 2)
	require.Equal(t, "second", string(parts[0].Body), "in the order asked for")
	require.Equal(t, m.auth.OCSP[0], parts[1].Body)
	require.Equal(t, soap.Fields{{Name: "content-type", Value: "application/ocsp-response"}}, parts[0].Headers)

	for name, query := range map[string]string{
		"nothing asked": "", "unknown": "cert=" + strings.Repeat("0", 40), "malformed": "cert=zz", "one of two unknown": "cert=" + leaf + "&cert=" + strings.Repeat("0", 40),
		"too many": strings.Repeat("cert="+leaf+"&", 9),
	} {
		status, contentType, _ := get(query)
		require.Equal(t, http.StatusInternalServerError, status, name)
		require.Equal(t, "text/plain", soap.BaseType(contentType), name)
	}
	response, err := http.Head(server.URL)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	response, err = http.Post(server.URL, "text/plain", nil)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}
