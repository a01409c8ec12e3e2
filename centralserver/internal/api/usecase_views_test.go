package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
)

const one, saved = "EE:GOV:1", "2026-11-20T12:00:00Z"

// TestUseCasesOfViews is UC MEMBER_06 to 09, 17 to 21, 34 and 35: what each list shows, and that looking changes and records nothing.
func TestUseCasesOfViews(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.ss1()
		d.sub()
		before, records := d.State(), d.Count(countRecords)
		owner := func(server map[string]any) {
			d.t.Helper()
			require.Equal(d.t, "Member One", server["owner_name"])
			id := server["server_id"].(map[string]any)
			require.Equal(d.t, "GOV 1 ss1", fmt.Sprintf("%v %v %v", id["member_class"], id["member_code"], id["server_code"]))
		}
		d.run("06", func(*testing.T) { owner(d.list(officer, "/members/EE:GOV:1/owned-servers")[0]) })
		d.run("07", func(t *testing.T) {
			shown := d.list(officer, "/members/EE:GOV:2/subsystems")[0]
			require.Equal(t, "sub", shown["subsystem_id"].(map[string]any)["subsystem_code"])
			require.Equal(t, "ss1", shown["used_security_servers"].([]any)[0].(map[string]any)["server_code"])
			require.Empty(t, d.list(officer, "/members/EE:GOV:1/subsystems")[0]["used_security_servers"], "may be deleted")
		})
		d.run("08", func(*testing.T) { owner(d.list(officer, "/members/EE:GOV:2/used-servers")[0]) })
		lists := func(query string) []any {
			d.t.Helper()
			items := d.do(officer, "GET", "/management-requests?sort=id"+query, "", 200)["items"].([]any)
			for _, item := range items {
				shown := item.(map[string]any)
				require.Equal(d.t, saved, shown["created_at"])
				for _, key := range []string{"id", "type", "origin", "status"} {
					require.Contains(d.t, shown, key)
				}
				require.Equal(d.t, "Member One", shown["security_server_owner"])
				require.Equal(d.t, ss1, shown["security_server_id"].(map[string]any)["encoded_id"])
			}
			return items
		}
		d.run("09", func(t *testing.T) {
			require.Len(t, lists("&memberId=EE:GOV:1"), 4)
			require.Len(t, lists("&memberId=EE:GOV:2"), 2)
		})
		d.run("17", func(t *testing.T) {
			page := d.do(officer, "GET", "/security-servers", "", 200)
			require.Len(t, page["items"], 1)
			owner(page["items"].([]any)[0].(map[string]any))
		})
		d.run("18", func(t *testing.T) {
			shown := d.do(officer, "GET", "/security-servers/"+ss1, "", 200)
			owner(shown)
			require.Equal(t, saved, shown["created_at"])
			require.Equal(t, "127.0.0.20", shown["server_address"])
		})
		d.run("19", func(t *testing.T) {
			list := d.list(officer, "/security-servers/"+ss1+"/clients")
			require.Len(t, list, 1, "the owner is not in it")
			require.Equal(t, "Member Two", list[0]["member_name"])
			require.Equal(t, map[string]any{"instance_id": "EE", "type": "SUBSYSTEM", "member_class": "GOV", "member_code": "2", "subsystem_code": "sub",
				"encoded_id": sub}, list[0]["client_id"])
		})
		d.run("20", func(t *testing.T) {
			list := d.list(officer, "/security-servers/"+ss1+"/authentication-certificates")
			require.Len(t, list, 1)
			for _, key := range []string{"issuer_common_name", "serial", "subject_distinguished_name", "not_after"} {
				require.NotEmpty(t, list[0][key], key)
			}
		})
		d.run("21", func(t *testing.T) {
			require.Len(t, lists("&serverId="+ss1), 4)
			require.Empty(t, lists("&serverId=EE:GOV:1:other"))
		})
		var ids []any
		d.run("34", func(t *testing.T) {
			var kinds []string
			for _, item := range lists("") {
				shown := item.(map[string]any)
				ids = append(ids, shown["id"])
				kinds = append(kinds, fmt.Sprintf("%v %v %v", shown["type"], shown["origin"], shown["status"]))
			}
			require.Equal(t, []string{"AUTH_CERT_REGISTRATION_REQUEST CENTER APPROVED", "AUTH_CERT_REGISTRATION_REQUEST SECURITY_SERVER APPROVED",
				"CLIENT_REGISTRATION_REQUEST CENTER APPROVED", "CLIENT_REGISTRATION_REQUEST SECURITY_SERVER APPROVED"}, kinds)
		})
		d.run("35", func(t *testing.T) {
			shown := d.request(ids[1])
			require.Equal(t, "127.0.0.20", shown["address"])
			require.Equal(t, ids[0], shown["changed_by_request_id"])
			require.Equal(t, "SECURITY_SERVER", shown["origin"])
			require.Equal(t, "Member One", shown["security_server_owner"])
			details := shown["certificate_details"].(map[string]any)
			for _, key := range []string{"issuer_distinguished_name", "serial", "subject_distinguished_name", "not_after"} {
				require.NotEmpty(t, details[key], key)
			}
			shown = d.request(ids[2])
			require.Equal(t, "Member Two", shown["client_owner_name"])
			require.Equal(t, sub, shown["client_id"].(map[string]any)["encoded_id"])
		})
		require.Equal(t, before, d.State())
		require.Equal(t, records, d.Count(countRecords))
	})
}

// TestUseCasesOfServers is UC MEMBER_22 and 25, and 26 for a member with a server and registrations.
func TestUseCasesOfServers(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const event = "Edit security server address"
		address := func(value string) string { return fmt.Sprintf(`{"server_address":%q}`, value) }
		data := func(value string) string { return fmt.Sprintf(`{%s,"address":%q}`, ownedByOne, value) }
		d.ss1()
		d.sub()
		d.run("22", func(t *testing.T) {
			for _, good := range []string{"ss1.example.org", "2001:db8::1", "127.0.0.21"} {
				answered := d.done(200, event, data(good), officer, "PATCH", "/security-servers/"+ss1, address(" "+good+" "))
				require.Equal(t, good, answered["server_address"])
			}
		})
		const field = "securityServerAddressDto.serverAddress"
		d.run("22 3a", func(*testing.T) {
			forEachInput(func(value, constraint, sentence string) {
				d.refuse(refusal{400, "validation_failure", nil, fields(field, constraint), event, fmt.Sprintf(sentence, "serverAddress"), data(strings.TrimSpace(value)),
					officer, "PATCH", "/security-servers/" + ss1, address(value)})
			})
		})
		d.run("22 4a", func(*testing.T) {
			for _, bad := range []string{"not an address", "http://ss1", "1.2.3.4.5.", "-ss1.example"} {
				d.refuse(refusal{400, "validation_failure", nil, fields(field, "ValidHostAddress"), event, "Security server address must be DNS name or IP address",
					data(bad), officer, "PATCH", "/security-servers/" + ss1, address(bad)})
			}
		})
		comments := func() (list []string) {
			for _, item := range d.do(officer, "GET", "/management-requests?sort=id&types=CLIENT_DELETION_REQUEST&types=AUTH_CERT_DELETION_REQUEST", "", 200)["items"].([]any) {
				shown := d.request(item.(map[string]any)["id"])
				require.NotContains(d.t, shown, "status")
				list = append(list, fmt.Sprintf("%v %v %v", shown["type"], shown["origin"], shown["comments"]))
			}
			return list
		}
		counts := func() [3]int64 {
			return [3]int64{d.Count("SELECT COUNT(*) FROM security_server"), d.Count("SELECT COUNT(*) FROM server_client"), d.Count("SELECT COUNT(*) FROM authentication_certificate")}
		}
		deletion := func(deleted string, kinds ...string) (list []string) {
			for _, kind := range kinds {
				list = append(list, kind+"_DELETION_REQUEST CENTER '"+deleted+"' deletion")
			}
			return list
		}
		d.run("25 4a", func(t *testing.T) { // and 5a: a client and a certificate
			d.done(204, "Delete security server", "{"+ownedByOne+"}", officer, "DELETE", "/security-servers/"+ss1, "")
			require.Equal(t, deletion("SERVER:EE/GOV/1/ss1", "CLIENT", "AUTH_CERT"), comments())
			require.Equal(t, [3]int64{}, counts())
		})
		d.run("25", func(t *testing.T) { // nothing is registered for it
			d.ss1()
			id := d.list(officer, "/security-servers/"+ss1+"/authentication-certificates")[0]["id"]
			d.do(officer, "DELETE", fmt.Sprintf("/security-servers/%s/authentication-certificates/%v", ss1, id), "", 204)
			known := comments()
			d.done(204, "Delete security server", "{"+ownedByOne+"}", officer, "DELETE", "/security-servers/"+ss1, "")
			require.Equal(t, known, comments())
			require.Equal(t, [3]int64{}, counts())
		})
		d.run("26 5a", func(t *testing.T) {
			known := comments()
			d.ss1()
			d.sub()
			d.done(204, "Delete member", `{"memberClass":"GOV","memberCode":"2"}`, officer, "DELETE", "/members/EE:GOV:2", "")
			require.Equal(t, append(known, deletion("MEMBER:EE/GOV/2", "CLIENT")...), comments())
			require.Equal(t, [3]int64{1, 0, 1}, counts(), "the other member's server stays")
		})
		d.run("26 4a", func(t *testing.T) {
			known := comments()
			require.NoError(t, d.Store.Registry().Update(d.Do(), func(tx registry.Tx) error { return tx.AddMember(d.Client("EE:GOV:2"), "Member Two") }))
			d.sub()
			d.done(204, "Delete member", `{"memberClass":"GOV","memberCode":"1"}`, officer, "DELETE", "/members/"+one, "")
			require.Equal(t, append(known, deletion("SERVER:EE/GOV/1/ss1", "CLIENT", "AUTH_CERT")...), comments())
			require.Equal(t, [3]int64{}, counts())
			require.EqualValues(t, 0, d.Count("SELECT COUNT(*) FROM global_group_member"))
			d.do(officer, "GET", "/members/EE:GOV:2", "", 200)
		})
	})
}

// TestUseCasesOfManagementServices is UC MEMBER_32, 33 and 57.
func TestUseCasesOfManagementServices(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const path = "/management-services-configuration"
		d.ss1()
		d.run("33", func(t *testing.T) {
			answered := d.done(200, "Edit provider of management services", `{"serviceProviderIdentifier":"EE:GOV:1:ms","serviceProviderName":"Member One"}`,
				security, "PATCH", path, `{"service_provider_id":"EE:GOV:1:ms"}`)
			require.Equal(t, "SUBSYSTEM:EE:GOV:1:ms", answered["service_provider_id"])
		})
		d.run("57", func(t *testing.T) { // the answer has what 57 6 shows
			const to = path + "/register-provider"
			records := d.Count(countRecords)
			answered := d.do(security, "POST", to, `{"security_server_id":"EE:GOV:1:ss1"}`, 200)
			require.Equal(t, "SUBSYSTEM:EE:GOV:1:ms", answered["service_provider_id"])
			require.Equal(t, "SERVER:EE:GOV:1:ss1", answered["security_server_id"])
			require.Equal(t, records+1, d.Count(countRecords))
			r := d.lastRecord(to)
			require.Equal(t, "Register management service provider as security server client", r.Event)
			for _, part := range []string{`"serverCode":"ss1"`, `"ownerClass":"GOV"`, `"ownerCode":"1"`, `"clientIdentifier":"EE:GOV:1:ms"`} {
				require.Contains(t, string(r.Data), part)
			}
			items := d.do(officer, "GET", "/management-requests?types=CLIENT_REGISTRATION_REQUEST", "", 200)["items"].([]any)
			require.Len(t, items, 1)
			require.Equal(t, "APPROVED", items[0].(map[string]any)["status"])
			require.EqualValues(t, 1, d.Count("SELECT COUNT(*) FROM server_client"))
		})
		d.run("32", func(t *testing.T) {
			require.Equal(t, map[string]any{"service_provider_id": "SUBSYSTEM:EE:GOV:1:ms", "service_provider_name": "Member One", "security_server_id": "SERVER:EE:GOV:1:ss1",
				"security_server_owners_global_group_code": "security-server-owners", "services_address": "https://127.0.0.10:4002/managementservice/manage/",
				"wsdl_address": "http://127.0.0.10:8000/managementservices.wsdl"}, d.do(security, "GET", path, "", 200))
		})
	})
}
