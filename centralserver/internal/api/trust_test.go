package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/auth"
)

// upload sends a form with a file, if there is one.
func (d *door) upload(role auth.Role, method, path, part string, file []byte, fields ...string) answer {
	d.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(d.t, form.WriteField(fields[i], fields[i+1]))
	}
	if file != nil {
		w, err := form.CreateFormFile(part, "name.der")
		require.NoError(d.t, err)
		_, err = w.Write(file)
		require.NoError(d.t, err)
	}
	require.NoError(d.t, form.Close())
	return d.send(role, method, path, form.FormDataContentType(), body.Bytes())
}

// TestApprovedServices uploads what the configuration approves.
func TestApprovedServices(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		upload := func(path string, file []byte, fields ...string) answer {
			return d.upload(admin, "POST", path, "certificate", file, fields...)
		}
		other, err := d.CA.Intermediate("Other CA")
		require.NoError(t, err)
		profile := "ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider"
		a := upload("/certification-services", other.Certificate().Raw, "certificate_profile_info", profile, "tls_auth", "false", "default_csr_format", "PEM")
		require.Equal(t, 201, a.status, a.body)
		require.Contains(t, d.LastAudit(), `"event":"Add certification service"`)
		var added struct{ ID int64 }
		require.NoError(t, json.Unmarshal([]byte(a.body), &added))
		require.Equal(t, 409, upload("/certification-services", other.Certificate().Raw, "certificate_profile_info", profile).status)
		a = upload("/certification-services", other.TSACertificate().Raw, "certificate_profile_info", "no.Such")
		require.Equal(t, 400, a.status)
		require.Contains(t, a.body, `"code":"certificate_profile_info_class_not_found","metadata":["no.Such"]`)
		a = upload("/certification-services", []byte("nonsense"), "certificate_profile_info", profile)
		require.Contains(t, a.body, `"code":"invalid_certificate"`)
		path := fmt.Sprintf("/certification-services/%d", added.ID)
		require.Equal(t, 201, upload(path+"/ocsp-responders", other.OCSPCertificate().Raw, "url", "http://127.0.0.1:8888/ocsp", "cost_type", "FREE").status)
		a = upload(path+"/ocsp-responders", nil, "url", "ftp://x", "cost_type", "FREE")
		require.Contains(t, a.body, `"code":"invalid_url"`)
		require.Equal(t, 201, upload(path+"/intermediate-cas", d.CA.Certificate().Raw).status)
		require.Equal(t, true, d.list(admin, path+"/ocsp-responders")[0]["has_certificate"])
		require.Equal(t, 201, upload("/timestamping-services", other.TSACertificate().Raw, "url", "http://127.0.0.1:8899", "cost_type", "FREE").status)
		require.Equal(t, 409, upload("/timestamping-services", other.TSACertificate().Raw, "url", "http://127.0.0.1:8899", "cost_type", "FREE").status)
		require.Len(t, d.list(admin, "/timestamping-services"), 1)
		require.Len(t, d.list(admin, "/certification-services"), 2)
		d.do(admin, "DELETE", path, "", 204)
	})
}

// TestIntermediateCAsAndResponders edits and deletes what belongs to a certification service.
func TestIntermediateCAsAndResponders(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		service := fmt.Sprintf("/certification-services/%v", d.list(admin, "/certification-services")[0]["id"])
		below, err := d.CA.Intermediate("Below")
		require.NoError(t, err)
		made := func(a answer, status int) map[string]any {
			t.Helper()
			require.Equal(t, status, a.status, a.body)
			var decoded map[string]any
			require.NoError(t, json.Unmarshal([]byte(a.body), &decoded))
			return decoded
		}
		ca := fmt.Sprintf("/intermediate-cas/%v", made(d.upload(admin, "POST", service+"/intermediate-cas", "certificate", below.Certificate().Raw), 201)["id"])
		require.Equal(t, "Below", d.do(admin, "GET", ca, "", 200)["ca_certificate"].(map[string]any)["subject_common_name"])
		ofCA := made(d.upload(admin, "POST", ca+"/ocsp-responders", "certificate", nil, "url", "http://127.0.0.1:1/a", "cost_type", "FREE"), 201)["id"]
		ofTop := made(d.upload(admin, "POST", service+"/ocsp-responders", "certificate", d.CA.OCSPCertificate().Raw, "url", "http://127.0.0.1:1/b", "cost_type", "PAID"), 201)["id"]

		path := fmt.Sprintf("/ocsp-responders/%v", ofCA)
		require.Equal(t, map[string]any{"id": ofCA, "url": "http://127.0.0.1:1/a", "cost_type": "FREE", "has_certificate": false}, d.do(admin, "GET", path, "", 200))
		require.Equal(t, "ocsp_responder_not_found", code(d.do(admin, "GET", path+"/certificate", "", 404)))
		require.Equal(t, "http://127.0.0.1:1/c", made(d.upload(admin, "PATCH", path, "certificate", nil, "url", "http://127.0.0.1:1/c"), 200)["url"])
		require.Contains(t, d.LastAudit(), fmt.Sprintf(`"data":{"ocspId":%v,"ocspUrl":"http://127.0.0.1:1/c","ocspCostType":"FREE"}`, ofCA))
		changed := made(d.upload(admin, "PATCH", path, "certificate", below.OCSPCertificate().Raw, "cost_type", "PAID"), 200)
		require.Equal(t, map[string]any{"id": ofCA, "url": "http://127.0.0.1:1/c", "cost_type": "PAID", "has_certificate": true}, changed)
		require.Len(t, d.do(admin, "GET", path+"/certificate", "", 200)["hash"], 64)
		before := d.State()
		for _, refused := range []struct {
			part        []byte
			field, text string
			code        string
		}{{nil, "url", "ftp://x", "invalid_url"}, {nil, "cost_type", "CHEAP", "validation_failure"}, {[]byte("x"), "url", "http://127.0.0.1:1", "invalid_certificate"}} {
			require.Equal(t, refused.code, code(made(d.upload(admin, "PATCH", path, "certificate", refused.part, refused.field, refused.text), 400)))
			require.Contains(t, d.LastAudit(), `"event":"Edit OCSP responder failed"`)
		}
		require.Equal(t, "ocsp_responder_not_found", code(made(d.upload(admin, "PATCH", "/ocsp-responders/999", "certificate", nil, "url", "http://127.0.0.1"), 404)))
		require.Equal(t, "ocsp_responder_not_found", code(d.do(admin, "DELETE", fmt.Sprintf("%s/ocsp-responders/%v", ca, ofTop), "", 404)), "it belongs to the top CA")
		require.Equal(t, "intermediate_ca_not_found", code(d.do(admin, "DELETE", fmt.Sprintf("/intermediate-cas/999/ocsp-responders/%v", ofCA), "", 404)))
		require.Equal(t, "intermediate_ca_not_found", code(d.do(admin, "DELETE", "/intermediate-cas/999", "", 404)))
		require.Equal(t, before, d.State())

		d.do(admin, "DELETE", fmt.Sprintf("%s/ocsp-responders/%v", ca, ofCA), "", 204)
		require.Equal(t, "ocsp_responder_not_found", code(d.do(admin, "GET", path, "", 404)))
		d.do(admin, "DELETE", ca, "", 204)
		require.Contains(t, d.LastAudit(), `"event":"Delete intermediate CA"`)
		require.Empty(t, d.list(admin, service+"/intermediate-cas"))
		d.do(admin, "DELETE", fmt.Sprintf("/ocsp-responders/%v", ofTop), "", 204)
	})
}

func TestTimestampingServiceIsChanged(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		change := func(path, method string, file []byte, url, cost string) (int, map[string]any) {
			t.Helper()
			a := d.upload(admin, method, path, "certificate", file, "url", url, "cost_type", cost)
			var decoded map[string]any
			require.NoError(t, json.Unmarshal([]byte(a.body), &decoded), a.body)
			return a.status, decoded
		}
		status, added := change("/timestamping-services", "POST", d.CA.TSACertificate().Raw, "http://127.0.0.1:1/a", "FREE")
		require.Equal(t, 201, status)
		_, other := change("/timestamping-services", "POST", d.CA.TSACertificate().Raw, "http://127.0.0.1:1/b", "FREE")
		path := fmt.Sprintf("/timestamping-services/%v", added["id"])
		status, changed := change(path, "PATCH", nil, "http://127.0.0.1:1/c", "PAID")
		require.Equal(t, 200, status)
		require.Equal(t, "PAID", changed["cost_type"])
		require.Equal(t, added["certificate"], changed["certificate"])
		require.Contains(t, d.LastAudit(), `"event":"Edit timestamping service"`)
		status, changed = change(path, "PATCH", d.CA.OCSPCertificate().Raw, "http://127.0.0.1:1/c", "PAID")
		require.Equal(t, 200, status)
		require.NotEqual(t, added["certificate"], changed["certificate"])
		before := d.State()
		status, refused := change(path, "PATCH", d.CA.TSACertificate().Raw, other["url"].(string), "FREE")
		require.Equal(t, 409, status)
		require.Equal(t, "timestamping_service_already_exists", code(refused))
		_, refused = change(path, "PATCH", nil, "x", "FREE")
		require.Equal(t, "invalid_url", code(refused))
		_, refused = change("/timestamping-services/999", "PATCH", nil, "http://127.0.0.1", "FREE")
		require.Equal(t, "timestamping_authority_not_found", code(refused))
		require.Equal(t, before, d.State())
	})
}
