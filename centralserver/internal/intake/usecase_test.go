package intake_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

// The subtests are named as the model numbers use cases and extensions.

// bent is the letter with one spelling replaced.
func (l letter) bent(t *testing.T, from, to string) letter {
	t.Helper()
	require.Contains(t, string(l.body), from)
	l.body = bytes.Replace(l.body, []byte(from), []byte(to), 1)
	return l
}

func (d *doors) status(t *testing.T, id int64) management.Status {
	t.Helper()
	r, err := d.Management.Request(t.Context(), id)
	require.NoError(t, err)
	return r.Status
}

func (d *doors) clientReg() *request.Request {
	return &request.Request{Type: request.ClientReg, Server: d.Server(ss1), Client: d.Client("EE:GOV:1:sub")}
}

// saved posts a letter that must be kept, with the audit record of its event; changed says whether relations, certificates or statuses do.
func (d *doors) saved(t *testing.T, l letter, changed bool) int64 {
	t.Helper()
	relations := func() [3]int64 {
		return [3]int64{d.Count("SELECT COUNT(*) FROM server_client"), d.Count("SELECT COUNT(*) FROM authentication_certificate"),
			d.Count("SELECT COUNT(*) FROM request_processing WHERE status = 'WAITING'")}
	}
	requests, records, before := d.Count("SELECT COUNT(*) FROM management_request"), d.Count("SELECT COUNT(*) FROM audit_record"), relations()
	id := d.accept(t, l)
	require.Equal(t, requests+1, d.Count("SELECT COUNT(*) FROM management_request"))
	require.Equal(t, records+1, d.Count("SELECT COUNT(*) FROM audit_record"))
	require.Contains(t, d.LastAudit(), `"event":"Add management request"`)
	require.Equal(t, !changed, before == relations())
	return id
}

// TestUseCasesOfMessages is UC MEMBER_27: the answer is the request's own message with the identifier, or a fault.
func TestUseCasesOfMessages(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		t.Run("27", func(t *testing.T) {
			sealed := d.seal(t, d.authCertReg())
			response := post(t, d.registration, registrationPath, sealed.ContentType, sealed.Body)
			require.Equal(t, 200, response.StatusCode)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			id, err := request.ReadResponse(body, response.Header.Get("Content-Type"), sealed.SOAP)
			require.NoError(t, err)
			require.Equal(t, d.Count("SELECT MAX(id) FROM management_request"), id)
			answered, err := soap.Parse(body, response.Header.Get("Content-Type"))
			require.NoError(t, err)
			require.Equal(t, "message-1", answered.Header.ID)
			require.Equal(t, d.Client("EE:GOV:1"), answered.Header.Client)
		})
		t.Run("27 3a", func(t *testing.T) {
			d.refused(t, d.good(t, request.AuthCertReg), "management_request_exists", "Certificate is already submitted for registration with request '1'", true)
		})
	})
}

// TestUseCasesOfAuthCertificates is UC MEMBER_28 1a, 2a and 10, and 29.
func TestUseCasesOfAuthCertificates(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		good := d.good(t, request.AuthCertReg)
		t.Run("28 1a", func(t *testing.T) {
			d.refused(t, letter{request.AuthCertReg, good.contentType, good.body[:len(good.body)-20]}, "mime_parsing_failed",
				"Malformed multipart message: the last part is cut off", false)
			d.refused(t, letter{request.AuthCertReg, good.contentType, []byte("no multipart")}, "invalid_request", "Request contains no SOAP message", false)
			d.refused(t, letter{request.AuthCertReg, "text/plain", good.body}, "invalid_content_type", "Invalid content type: text/plain", false)
		})
		t.Run("28 2a", func(t *testing.T) { // sentences of UC MESS_04
			whole, err := soap.ReadMultipart(bytes.NewReader(good.body), good.contentType, soap.Limits{})
			require.NoError(t, err)
			message := string(whole[0].Body)
			header := message[strings.Index(message, "<SOAP-ENV:Header") : strings.Index(message, "</SOAP-ENV:Header>")+len("</SOAP-ENV:Header>")]
			for _, c := range []struct{ message, code, text string }{
				{"<a", "invalid_soap", "Malformed XML: XML syntax error on line 1: unexpected EOF"},
				{strings.Replace(message, header, "", 1), "missing_header", "Malformed SOAP message: header missing"},
				{strings.Replace(message, "<xroad:id>message-1</xroad:id>", "<xroad:id>message-1</xroad:id><xroad:id>message-1</xroad:id>", 1), "duplicate_header_field",
					"SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}id'"},
			} {
				parts := slices.Clone(whole)
				parts[0].Body = []byte(c.message)
				contentType, body := joined(t, parts)
				d.refused(t, letter{request.AuthCertReg, contentType, body}, c.code, c.text, false)
			}
		})
		var first int64
		t.Run("28", func(t *testing.T) {
			first = d.saved(t, good, true)
			require.Equal(t, management.Waiting, d.status(t, first))
		})
		t.Run("28 10", func(t *testing.T) { // a declined request is no duplicate
			_, err := d.Management.Withdraw(d.Do(), first)
			require.NoError(t, err)
			first = d.saved(t, good, true)
			require.Equal(t, management.Waiting, d.status(t, first))
		})
		deletion := d.good(t, request.AuthCertDeletion)
		t.Run("29 1a", func(t *testing.T) {
			d.refused(t, deletion.bent(t, "</SOAP-ENV:Envelope>", ""), "invalid_soap", `Malformed XML: element "SOAP-ENV:Envelope" is not closed`, false)
			d.refused(t, deletion.bent(t, "<id:serverCode>ss1<", "<id:serverCode><"), "internal_error", "'serverCode' must not be blank", false)
		})
		t.Run("29", func(t *testing.T) { // what waits is revoked
			by := d.saved(t, deletion, true)
			r, err := d.Management.Request(t.Context(), first)
			require.NoError(t, err)
			require.Equal(t, management.Revoked, r.Status)
			require.Equal(t, by, r.ChangedBy)
		})
		t.Run("29 5a", func(t *testing.T) { // what is registered is deleted
			d.accept(t, good)
			d.approve(t, d.authCertReg())
			require.EqualValues(t, 1, d.Count("SELECT COUNT(*) FROM authentication_certificate"))
			d.saved(t, deletion, true)
			require.EqualValues(t, 0, d.Count("SELECT COUNT(*) FROM authentication_certificate"))
		})
		t.Run("29 7a", func(t *testing.T) { // what is neither stays so
			d.saved(t, deletion, false)
			other := d.issue(t, d.ca, testca.Spec{Usage: certificate.Authentication, ServerCode: "ss1"})
			d.saved(t, d.letter(t, request.AuthCertDeletion, d.owner, other, nil), false)
		})
	})
}

// TestUseCasesOfClients is UC MEMBER_30 1a and 5, and 31.
func TestUseCasesOfClients(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		d.accept(t, d.good(t, request.AuthCertReg))
		d.approve(t, d.authCertReg())
		good, deletion := d.good(t, request.ClientReg), d.good(t, request.ClientDeletion)
		t.Run("30 1a", func(t *testing.T) {
			d.refused(t, letter{request.ClientReg, good.contentType, []byte("no multipart")}, "invalid_request", "Request contains no SOAP message", false)
			d.refused(t, letter{request.ClientReg, good.contentType, good.body[:len(good.body)-20]}, "mime_parsing_failed",
				"Malformed multipart message: the last part is cut off", false)
		})
		var first int64
		t.Run("30", func(t *testing.T) {
			first = d.saved(t, good, true)
			require.Equal(t, management.Waiting, d.status(t, first))
		})
		t.Run("31 1a", func(t *testing.T) {
			d.refused(t, deletion.bent(t, "</SOAP-ENV:Envelope>", ""), "invalid_soap", `Malformed XML: element "SOAP-ENV:Envelope" is not closed`, false)
			d.refused(t, deletion.bent(t, "<id:serverCode>ss1<", "<id:serverCode><"), "internal_error", "'serverCode' must not be blank", false)
		})
		t.Run("31", func(t *testing.T) { // what waits is revoked
			by := d.saved(t, deletion, true)
			r, err := d.Management.Request(t.Context(), first)
			require.NoError(t, err)
			require.Equal(t, management.Revoked, r.Status)
			require.Equal(t, by, r.ChangedBy)
		})
		t.Run("30 5", func(t *testing.T) { // a revoked request is no duplicate
			require.Equal(t, management.Waiting, d.status(t, d.saved(t, good, true)))
		})
		t.Run("31 6a", func(t *testing.T) { // what is registered is deleted
			d.approve(t, d.clientReg())
			require.EqualValues(t, 1, d.Count("SELECT COUNT(*) FROM server_client"))
			d.saved(t, deletion, true)
			require.EqualValues(t, 0, d.Count("SELECT COUNT(*) FROM server_client"))
		})
		t.Run("31 8a", func(t *testing.T) { // what is neither stays so
			d.saved(t, deletion, false)
		})
	})
}
