package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// The tests of the use cases are named as the model numbers them: "47" is the main success scenario of UC MEMBER_47, "47 2a" its extension.

// records are all audit records, of success and failure.
func (d *door) records(event string) int {
	return len(d.w.Records(event)) + len(d.w.Records(event+" failed"))
}

func (d *door) newest(event, path string) map[string]any {
	d.t.Helper()
	list := d.w.Records(event)
	require.NotEmpty(d.t, list)
	r := list[len(list)-1]
	require.Regexp(d.t, "^api-key-[0-9]+$", r["user"])
	require.Equal(d.t, "127.0.0.1", r["ipaddress"])
	require.Equal(d.t, "ApiKey", r["auth"])
	require.Equal(d.t, "/api/v1"+strings.SplitN(path, "?", 2)[0], r["url"])
	return r
}

// done calls an operation that must be carried out and leave one audit record with these data.
func (d *door) done(status int, event, data, method, path string, body, out any) {
	d.t.Helper()
	before := d.records(event)
	d.want(status, method, path, body, out)
	require.Equal(d.t, before+1, d.records(event))
	r := d.newest(event, path)
	require.NotContains(d.t, r, "reason")
	d.data(data, r)
}

func (d *door) data(want string, r map[string]any) {
	d.t.Helper()
	got, err := json.Marshal(r["data"])
	require.NoError(d.t, err)
	require.JSONEq(d.t, want, string(got))
}

// refusal is unchanged, with the data of the audit record and what the interface makes the sentence of.
func (d *door) refusal(status int, code string, metadata []string, fields map[string][]string, event, sentence, data, method, path string, body any) errorInfo {
	d.t.Helper()
	sent := len(d.w.Sender.Sent)
	info := d.unchanged(status, code, event, sentence, method, path, body)
	require.Equal(d.t, metadata, info.Error.Metadata)
	require.Equal(d.t, fields, info.Error.Validation)
	d.data(data, d.newest(event+" failed", path))
	if d.w.Sender.Err == nil {
		require.Len(d.t, d.w.Sender.Sent, sent, "nothing is sent")
	}
	return info
}

func identifierData(code, subsystem string) string {
	if subsystem == "" {
		return fmt.Sprintf(`"clientIdentifier":{"xRoadInstance":"EE","memberClass":"GOV","memberCode":%q}`, code)
	}
	return fmt.Sprintf(`"clientIdentifier":{"xRoadInstance":"EE","memberClass":"GOV","memberCode":%q,"subsystemCode":%q}`, code, subsystem)
}

func pathOf(id string) string { return "/clients/" + url.PathEscape(id) }

// TestUseCasesOfClients is UC MEMBER_44, 45, 47, 48, 52, 53 and 54.
func TestUseCasesOfClients(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		w.Login()
		w.Import(certificate.Signing, w.Owner)
		sub := worldtest.Client(t, "EE:GOV:2:sub")
		d.run("47 1a", func() {
			for value, c := range map[string][2]string{"  ": {"NotBlank", "Missing parameter: '%s'"}, strings.Repeat("õ", 256): {"Size", "Parameter %s input exceeds 255 characters"}} {
				for _, f := range []struct {
					name string
					body map[string]any
				}{{"memberClass", addition(value, "2", "sub")}, {"memberCode", addition("GOV", value, "sub")}, {"subsystemCode", addition("GOV", "2", value)}} {
					if f.name == "subsystemCode" && c[0] == "NotBlank" {
						continue // a member has none
					}
					d.refusal(400, "validation_failure", nil, map[string][]string{"clientAddDto.client." + f.name: {c[0]}}, "Add client", fmt.Sprintf(c[1], f.name), `{}`,
						"POST", "/clients", f.body)
				}
			}
		})
		d.run("47 3a", func() { // asked, and taken when the answer is yes
			const sentence = "The person/organisation 'EE:GOV:77' is not registered as X-Road member"
			info := d.refusal(400, "warnings_detected", nil, nil, "Add client", sentence, `{`+identifierData("77", "s")+`,"isAuthentication":"HTTP"}`, "POST", "/clients",
				addition("GOV", "77", "s"))
			require.Equal(d.t, "unregistered_member", info.Warnings[0].Code)
			require.Equal(d.t, []string{"EE/GOV/77"}, info.Warnings[0].Metadata)
			require.Equal(d.t, true, d.newest("Add client failed", "/clients")["warning"])
			consent := addition("GOV", "77", "s")
			consent["ignore_warnings"] = true
			d.want(201, "POST", "/clients", consent, nil)
			d.want(204, "DELETE", pathOf("EE:GOV:77:s"), nil, nil)
		})
		d.run("47", func() {
			var c clientView
			d.done(201, "Add client", `{`+identifierData("2", "sub")+`,"isAuthentication":"HTTP","clientStatus":"saved"}`, "POST", "/clients",
				addition(" GOV ", " 2 ", " sub "), &c)
			require.Equal(d.t, "EE:GOV:2:sub", c.ID)
			require.Equal(d.t, "SAVED", c.Status)
			var made struct {
				CSR string `json:"csr_id"`
				Key struct{ ID string }
			}
			generate := map[string]any{"key_usage_type": "SIGNING", "ca_name": "Test CA", "csr_format": "PEM", "member_id": "EE:GOV:2", "subject_field_values": map[string]string{}}
			d.want(200, "POST", "/tokens/0/keys-with-csrs", map[string]any{"key_label": "two", "csr_generate_request": generate}, &made)
			require.Len(d.t, w.Records("Generate key and CSR"), 2, "the owner's and this one: the two events in one")
			status, file := d.call("", "GET", "/keys/"+made.Key.ID+"/csrs/"+made.CSR+"?csr_format=PEM", nil)
			require.Equal(d.t, 200, status)
			require.Contains(d.t, string(file), "BEGIN CERTIFICATE REQUEST")
		})
		d.run("47 2a", func() {
			d.refusal(409, "client_already_exists", []string{"EE:GOV:2:sub"}, nil, "Add client", "Client already exists",
				`{`+identifierData("2", "sub")+`,"isAuthentication":"HTTP"}`, "POST", "/clients", addition("GOV", "2", "sub"))
		})
		d.run("47 1b", func() { // subsystems of a member, from the configuration
			var found []clientView
			d.want(200, "GET", "/clients?internal_search=false&exclude_local=true&member_code=3&show_members=false", nil, &found)
			require.Len(d.t, found, 1)
			require.Equal(d.t, "EE:GOV:3:sub", found[0].ID)
		})
		d.run("44", func() {
			var list []clientView
			d.want(200, "GET", "/clients", nil, &list)
			require.Len(d.t, list, 2)
			require.Equal(d.t, clientView{ID: "EE:GOV:1", Status: "SAVED", MemberName: "Member 1", Connection: "HTTPS", Owner: true, HasValidSigning: true,
				RenameStatus: list[0].RenameStatus}, list[0])
			require.Equal(d.t, "EE:GOV:2:sub SAVED Member 2 Subsystem", strings.Join([]string{list[1].ID, list[1].Status, list[1].MemberName, list[1].SubsystemName}, " "))
			d.want(200, "GET", "/clients?name=subsys", nil, &list)
			require.Len(d.t, list, 1)
		})
		d.run("45", func() {
			var one map[string]any
			d.want(200, "GET", pathOf("EE:GOV:1"), nil, &one)
			require.Equal(d.t, "Member 1 GOV 1", fmt.Sprintf("%v %v %v", one["member_name"], one["member_class"], one["member_code"]))
			var list []map[string]any
			d.want(200, "GET", pathOf("EE:GOV:1")+"/sign-certificates", nil, &list)
			require.Len(d.t, list, 1)
			require.Equal(d.t, true, list[0]["active"])
			details := list[0]["certificate_details"].(map[string]any)
			for _, key := range []string{"issuer_common_name", "serial", "not_after"} {
				require.NotEmpty(d.t, details[key], key)
			}
			d.want(200, "GET", pathOf("EE:GOV:2:sub"), nil, &one)
			require.Equal(d.t, "Member 2 GOV 2 sub", fmt.Sprintf("%v %v %v %v", one["member_name"], one["member_class"], one["member_code"], one["subsystem_code"]))
		})
		register := pathOf("EE:GOV:2:sub") + "/register"
		d.run("48 2a", func() {
			d.want(201, "POST", "/clients", addition("GOV", "2", "new"), nil)
			path := pathOf("EE:GOV:2:new") + "/register?ignore_warnings="
			info := d.refusal(400, "warnings_detected", nil, nil, "Register client", "New subsystem 'new' will be submitted for registration for member 'EE:GOV:2'.",
				`{`+identifierData("2", "new")+`}`, "PUT", path+"false", nil)
			require.Equal(d.t, "new_subsystem", info.Warnings[0].Code)
			require.Equal(d.t, []string{"new", "EE:GOV:2"}, info.Warnings[0].Metadata)
			d.done(204, "Register client", `{`+identifierData("2", "new")+`,"clientStatus":"registration in progress","managementRequestId":42}`, "PUT", path+"true", nil, nil)
			require.Equal(d.t, []string{"clientReg EE:GOV:2:new"}, w.Sender.Sent)
		})
		fails := func(event, what, method, path string) {
			for _, answer := range []struct {
				err        error
				code, text string
			}{
				{&soap.Fault{Code: "invalid_request", String: "no"}, "core.invalid_request", "no"},
				{fault.New(fault.Conflict, "unknown_member", "No signing key"), "management_request_sending_failed", "No signing key"},
				{fault.New(fault.Unavailable, "network_error", "No answer"), "management_request_sending_failed", "No answer"},
			} {
				w.Sender.Err = answer.err
				d.refusal(500, answer.code, []string{answer.text}, nil, event, "Failed to send "+what+" request: "+answer.text, `{`+identifierData("2", "sub")+`}`, method, path, nil)
			}
			w.Sender.Err = nil
		}
		d.run("48 3-5a", func() { fails("Register client", "registration", "PUT", register) })
		d.run("48", func() {
			d.done(204, "Register client", `{`+identifierData("2", "sub")+`,"clientStatus":"registration in progress","managementRequestId":42}`, "PUT",
				register+"?ignore_warnings=false", nil, nil)
			require.Equal(d.t, "clientReg EE:GOV:2:sub", w.Sender.Sent[len(w.Sender.Sent)-1])
		})
		unregister := pathOf("EE:GOV:2:sub") + "/unregister"
		d.run("52 4-6a", func() {
			for _, from := range []string{"registered", "registration in progress"} {
				w.Put(sub, from)
				fails("Unregister client", "deletion", "PUT", unregister)
			}
		})
		d.run("52", func() {
			for _, from := range []string{"registered", "registration in progress"} {
				w.Put(sub, from)
				d.done(204, "Unregister client", `{`+identifierData("2", "sub")+`,"clientStatus":"`+from+`","managementRequestId":42}`, "PUT", unregister, nil, nil)
				var c clientView
				d.want(200, "GET", pathOf("EE:GOV:2:sub"), nil, &c)
				require.Equal(d.t, "DELETION_IN_PROGRESS", c.Status)
			}
		})
		signing := func() int {
			d.t.Helper()
			tokens, err := w.Keys.Tokens(t.Context())
			require.NoError(d.t, err)
			count := 0
			for _, token := range tokens {
				for _, key := range token.Keys {
					for _, c := range key.Certificates {
						if c.Member == sub.Member() {
							count++
						}
					}
				}
			}
			return count
		}
		orphans := pathOf("EE:GOV:2:sub") + "/orphans"
		gone := `{` + identifierData("2", "sub") + `}`
		d.run("53 4a", func() { // another client of the member is left: nothing is asked
			w.Import(certificate.Signing, sub.Member())
			d.done(204, "Delete client", gone, "DELETE", pathOf("EE:GOV:2:sub"), nil, nil)
			d.refused(404, "orphans_not_found", "GET", orphans, nil)
			require.Equal(d.t, 1, signing())
		})
		last := pathOf("EE:GOV:2:new")
		d.run("53 5a", func() { // the last one: asked, and nothing is deleted unless told to
			w.Put(worldtest.Client(t, "EE:GOV:2:new"), "global error")
			d.done(204, "Delete client", `{`+identifierData("2", "new")+`}`, "DELETE", last, nil, nil)
			var info map[string]bool
			d.want(200, "GET", last+"/orphans", nil, &info)
			require.True(d.t, info["orphans_exist"])
			require.Equal(d.t, 1, signing())
		})
		d.run("53", func() {
			before := d.records("Delete orphaned client keys, certs and certificates")
			d.want(204, "DELETE", last+"/orphans", nil, nil)
			require.Equal(d.t, before+1, d.records("Delete orphaned client keys, certs and certificates"))
			require.Zero(d.t, signing())
			d.refused(404, "orphans_not_found", "GET", last+"/orphans", nil)
			d.refused(404, "client_not_found", "GET", last, nil)
			owner, err := w.Clients.Get(t.Context(), w.Owner)
			require.NoError(d.t, err)
			require.Equal(d.t, w.Owner, owner.ID)
		})
	})
}

// TestUseCasesOfInternalServers is UC MEMBER_46, 49, 50, 51 and 55, for the owner and for a client.
func TestUseCasesOfInternalServers(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		d.want(201, "POST", "/clients", addition("GOV", "2", "sub"), nil)
		hash := fmt.Sprintf(`"certHash":%q,"certHashAlgorithm":"SHA-256"`, colons(certificate.SHA256Hex(w.CA.Certificate())))
		for id, data := range map[string]string{"EE:GOV:1": identifierData("1", ""), "EE:GOV:2:sub": identifierData("2", "sub")} {
			path := pathOf(id) + "/tls-certificates"
			d.run("49", func() {
				var c clientView
				for sent, logged := range map[string]string{"HTTP": "HTTP", "HTTPS": "HTTPS", "HTTPS_NO_AUTH": "HTTPS NO AUTH"} {
					d.done(200, "Set connection type for servers in service consumer role", fmt.Sprintf(`{%s,"isAuthentication":%q}`, data, logged), "PATCH", pathOf(id),
						map[string]string{"connection_type": sent}, &c)
					require.Equal(d.t, sent, c.Connection)
				}
			})
			d.run("50 3a", func() {
				d.refusal(400, "invalid_certificate", nil, nil, "Add internal TLS certificate", "Incorrect file format. Only PEM and DER files allowed.", `{`+data+`}`,
					"POST", path, []byte("no certificate"))
			})
			d.run("50", func() {
				d.done(201, "Add internal TLS certificate", `{`+data+`,`+hash+`}`, "POST", path, certificate.EncodePEM(w.CA.Certificate()), nil)
			})
			d.run("50 4a", func() {
				d.refusal(409, "certificate_already_exists", nil, nil, "Add internal TLS certificate", "Certificate already exists", `{`+data+`,`+hash+`}`, "POST", path,
					w.CA.Certificate().Raw)
			})
			d.run("46", func() {
				var c clientView
				d.want(200, "GET", pathOf(id), nil, &c)
				require.NotEmpty(d.t, c.Connection)
				var list []map[string]any
				d.want(200, "GET", path, nil, &list)
				require.Len(d.t, list, 1)
				require.Equal(d.t, certificate.SHA1Hex(w.CA.Certificate()), list[0]["sha1_hash"])
				var own map[string]any
				d.want(200, "GET", "/system/certificate", nil, &own)
				require.NotEmpty(d.t, own["hash"])
			})
			one := path + "/" + certificate.SHA256Hex(w.CA.Certificate())
			d.run("55", func() {
				var shown map[string]any
				d.want(200, "GET", one, nil, &shown)
				require.Equal(d.t, certificate.SHA1Hex(w.CA.Certificate()), shown["sha1_hash"])
				for _, key := range []string{"hash", "issuer_distinguished_name", "subject_distinguished_name", "serial", "version", "not_before", "not_after", "key_usages",
					"public_key_algorithm", "signature", "signature_algorithm"} {
					require.Contains(d.t, shown, key)
				}
			})
			d.run("51", func() {
				d.done(204, "Delete internal TLS certificate", `{`+data+`,`+hash+`}`, "DELETE", one, nil, nil)
				var list []map[string]any
				d.want(200, "GET", path, nil, &list)
				require.Empty(d.t, list)
			})
		}
	})
}

func colons(hex string) string {
	var pairs []string
	for i := 0; i < len(hex); i += 2 {
		pairs = append(pairs, strings.ToUpper(hex[i:i+2]))
	}
	return strings.Join(pairs, ":")
}
