package api_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

const (
	ss1         = "EE:GOV:1:ss1"
	sub         = "EE:GOV:2:sub"
	addCert     = "Add authentication certificate for security server"
	newCert     = "Failed to add authentication certificate adding request: "
	ownedByOne  = `"serverCode":"ss1","ownerCode":"1","ownerClass":"GOV"`
	subAsObject = `"clientIdentifier":{"xRoadInstance":"EE","memberClass":"GOV","memberCode":"2","subsystemCode":"sub"}`
	otherPlace  = "Invalid management service address. Contact central server administrator"
)

// certForm is the form of UC MEMBER_23, or of UC MEMBER_24 with the type of a deletion; origin says who sends it.
func certForm(kind, origin, server string, file []byte) string {
	return fmt.Sprintf(`{"type":%q,"origin":%q,"security_server_id":%q,"authentication_certificate":%q}`, kind, origin, server, base64.StdEncoding.EncodeToString(file))
}

func hashData(der []byte) string {
	digest := sha256.Sum256(der)
	return fmt.Sprintf(`"certHash":%q,"certHashAlgorithm":"SHA-256"`, audit.Hash(digest[:]))
}

func requestData(id any, kind string) string {
	return fmt.Sprintf(`"requestId":%v,"requestType":%q,"securityServerId":%q`, id, kind, ss1)
}

// ss1 registers EE:GOV:1:ss1.
func (d *door) ss1() {
	d.t.Helper()
	der := d.AuthCertificate(ss1)
	d.do(officer, "POST", "/management-requests", ownedServer(ss1, der), 202)
	sent := strings.Replace(certForm("AUTH_CERT_REGISTRATION_REQUEST", "SECURITY_SERVER", ss1, der), `{`, `{"server_address":"127.0.0.20",`, 1)
	d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", d.do(services, "POST", "/management-requests", sent, 202)["id"]), "", 200)
}

func fromServer(client string) string {
	return strings.Replace(clientForm(ss1, client), "CENTER", "SECURITY_SERVER", 1)
}

// sub registers EE:GOV:2:sub at the server.
func (d *door) sub() {
	d.t.Helper()
	d.do(officer, "POST", "/management-requests", clientForm(ss1, sub), 202)
	d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", d.do(services, "POST", "/management-requests", fromServer(sub), 202)["id"]), "", 200)
}

func (d *door) request(id any) map[string]any {
	d.t.Helper()
	return d.do(officer, "GET", fmt.Sprintf("/management-requests/%v", id), "", 200)
}

// TestUseCasesOfServerRegistration is UC MEMBER_12, 13, 23, 24, 36 and 55.
func TestUseCasesOfServerRegistration(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const path, kind = "/management-requests", "AUTH_CERT_REGISTRATION_REQUEST"
		der := d.AuthCertificate(ss1)
		parsed, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		refused := func(status int, code string, metadata []any, event, sentence, data, body string) {
			d.t.Helper()
			d.refuse(refusal{status, code, metadata, nil, event, sentence, data, officer, "POST", path, body})
		}
		const format, usage = "Incorrect file format. Only PEM and DER files allowed.", "This certificate cannot be used for authentication."
		signing, err := d.CA.Issue(testca.Spec{Member: d.Client("EE:GOV:1")})
		require.NoError(t, err)
		d.run("12 6a", func(*testing.T) {
			refused(400, mrBad, []any{format}, addServerEvent, importing+format, "{"+ownedByOne+"}", ownedServer(ss1, []byte("no certificate")))
			refused(400, mrBad, []any{format}, addServerEvent, importing+format, "{}", ownedServer("", []byte("the file is looked at first")))
		})
		d.run("12 6b", func(*testing.T) {
			refused(400, mrBad, []any{usage}, addServerEvent, importing+usage, "{"+ownedByOne+"}", ownedServer(ss1, signing.Certificate.Raw))
		})
		d.run("12 7a", func(*testing.T) {
			d.refuse(refusal{400, "validation_failure", nil, fields("managementRequestDto.securityServerId", "NotBlank"), addServerEvent,
				newServer + "Missing parameter: 'securityServerId'", "{}", officer, "POST", path, ownedServer("  ", der)})
			d.refuse(refusal{400, "validation_failure", nil, fields("managementRequestDto.securityServerId", "Size"), addServerEvent,
				newServer + "Parameter securityServerId input exceeds 255 characters", "{}", officer, "POST", path, ownedServer("EE:GOV:1:"+tooLong, der)})
		})
		var first any
		d.run("12", func(t *testing.T) { // the answer has what 12 11 shows; the file may be PEM
			answered := d.do(officer, "POST", path, ownedServer(ss1, certificate.EncodePEM(parsed)), 202)
			first = answered["id"]
			require.Equal(t, ss1, answered["security_server_id"])
			r := d.lastRecord(path)
			require.Equal(t, addServerEvent, r.Event)
			require.JSONEq(t, "{"+ownedByOne+","+hashData(der)+","+requestData(first, kind)+"}", string(r.Data))
		})
		d.run("13 1a", func(t *testing.T) {
			require.Equal(t, "WAITING", d.request(first)["status"])
			require.NotContains(t, d.request(first), "changed_by_request_id")
		})
		d.run("12 8a", func(*testing.T) {
			refused(409, "management_request_exists", []any{fmt.Sprint(first)}, addServerEvent,
				fmt.Sprintf("%sCertificate is already submitted for registration with request '%v'", newServer, first), "{"+ownedByOne+","+hashData(der)+"}",
				ownedServer(ss1, der))
		})
		d.run("13", func(t *testing.T) {
			second := d.do(services, "POST", path, certForm(kind, "SECURITY_SERVER", ss1, der), 202)["id"]
			for one, other := range map[any]any{first: second, second: first} {
				require.Equal(t, "SUBMITTED FOR APPROVAL", d.request(one)["status"])
				require.Equal(t, other, d.request(one)["changed_by_request_id"])
			}
		})
		approve := func(id any) string { return fmt.Sprintf("/management-requests/%v/approval", id) }
		d.run("36 4a", func(t *testing.T) { // the server is new
			d.do(officer, "GET", "/security-servers/"+ss1, "", 404)
			d.done(200, "Approve registration request", "{"+requestData(first, kind)+"}", officer, "POST", approve(first), "")
			require.Equal(t, "Member One", d.do(officer, "GET", "/security-servers/"+ss1, "", 200)["owner_name"])
			require.EqualValues(t, 2, d.Count("SELECT COUNT(*) FROM management_request r JOIN request_processing p ON p.id = r.processing_id WHERE p.status = 'APPROVED'"))
		})
		d.run("12 9a", func(*testing.T) {
			another := d.AuthCertificate(ss1)
			refused(409, "security_server_exists", []any{"EE/GOV/1/ss1"}, addServerEvent,
				newServer+"Server with owner class 'GOV', owner code '1' and server code 'ss1' already exists.", "{"+ownedByOne+","+hashData(another)+"}",
				ownedServer(ss1, another))
		})
		additional := d.AuthCertificate(ss1)
		form := certForm(kind, "CENTER", ss1, additional)
		d.run("23 4a", func(*testing.T) {
			refused(400, mrBad, []any{format}, addCert, importing+format, "{"+ownedByOne+"}", certForm(kind, "CENTER", ss1, []byte("no certificate")))
		})
		var added any
		d.run("23", func(t *testing.T) {
			answered := d.do(officer, "POST", path, form, 202)
			added = answered["id"]
			require.Equal(t, ss1, answered["security_server_id"])
			r := d.lastRecord(path)
			require.Equal(t, addCert, r.Event)
			require.JSONEq(t, "{"+ownedByOne+","+hashData(additional)+","+requestData(added, kind)+"}", string(r.Data))
		})
		d.run("23 5a", func(*testing.T) {
			refused(409, "management_request_exists", []any{fmt.Sprint(added)}, addCert,
				fmt.Sprintf("%sCertificate is already submitted for registration with request '%v'", newCert, added), "{"+ownedByOne+","+hashData(additional)+"}", form)
		})
		d.run("36", func(t *testing.T) { // the server is known
			d.do(services, "POST", path, certForm(kind, "SECURITY_SERVER", ss1, additional), 202)
			d.done(200, "Approve registration request", "{"+requestData(added, kind)+"}", officer, "POST", approve(added), "")
			require.EqualValues(t, 1, d.Count("SELECT COUNT(*) FROM security_server"))
			require.EqualValues(t, 2, d.Count("SELECT COUNT(*) FROM authentication_certificate"))
		})
		d.run("55", func(t *testing.T) {
			shown := d.list(officer, "/security-servers/"+ss1+"/authentication-certificates")[0]
			require.Equal(t, certificate.SHA256Hex(parsed), shown["hash"])
			require.Equal(t, certificate.SHA1Hex(parsed), shown["sha1_hash"])
			for _, key := range []string{"issuer_distinguished_name", "subject_distinguished_name", "serial", "version", "not_before", "not_after", "key_usages",
				"public_key_algorithm", "signature", "signature_algorithm"} {
				require.Contains(t, shown, key)
			}
		})
		d.run("24", func(t *testing.T) { // from the server's page, and as a request
			id := d.list(officer, "/security-servers/"+ss1+"/authentication-certificates")[0]["id"]
			d.done(204, "Delete authentication certificate of security server", "{"+ownedByOne+","+hashData(der)+"}", officer, "DELETE",
				fmt.Sprintf("/security-servers/%s/authentication-certificates/%v", ss1, id), "")
			answered := d.do(officer, "POST", path, certForm("AUTH_CERT_DELETION_REQUEST", "CENTER", ss1, additional), 202)
			require.NotContains(t, answered, "status")
			r := d.lastRecord(path)
			require.Equal(t, "Delete authentication certificate of security server", r.Event)
			require.JSONEq(t, "{"+ownedByOne+","+hashData(additional)+","+requestData(answered["id"], "AUTH_CERT_DELETION_REQUEST")+"}", string(r.Data))
			require.Empty(t, d.list(officer, "/security-servers/"+ss1+"/authentication-certificates"))
			require.EqualValues(t, 2, d.Count("SELECT COUNT(*) FROM management_request WHERE type = 'AUTH_CERT_DELETION_REQUEST' AND origin = 'CENTER'"))
		})
	})
}

// TestUseCasesOfClientRegistration is UC MEMBER_15, 16, 37, 38 and 39.
func TestUseCasesOfClientRegistration(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const path, kind = "/management-requests", "CLIENT_REGISTRATION_REQUEST"
		d.ss1()
		subsystems := func() int { return len(d.list(officer, "/members/EE:GOV:2/subsystems")) }
		decide := func(id any) string { return fmt.Sprintf("/management-requests/%v", id) }
		var first any
		d.run("15 4a", func(*testing.T) {
			forEachInput(func(value, constraint, sentence string) {
				d.refuse(refusal{400, "validation_failure", nil, fields("managementRequestDto.clientId", constraint), addClientEvent,
					newClient + fmt.Sprintf(sentence, "clientId"), "{}", officer, "POST", path, clientForm(ss1, value)})
				d.refuse(refusal{400, "validation_failure", nil, fields("managementRequestDto.securityServerId", constraint), addClientEvent,
					newClient + fmt.Sprintf(sentence, "securityServerId"), "{}", officer, "POST", path, clientForm(value, sub)})
			})
		})
		d.run("15", func(t *testing.T) { // the answer has what 15 9 shows
			require.Zero(t, subsystems())
			answered := d.do(officer, "POST", path, clientForm(ss1, sub), 202)
			first = answered["id"]
			require.Equal(t, "WAITING", answered["status"])
			require.Equal(t, sub, answered["client_id"])
			r := d.lastRecord(path)
			require.Equal(t, addClientEvent, r.Event)
			require.JSONEq(t, "{"+ownedByOne+","+subAsObject+","+requestData(first, kind)+"}", string(r.Data))
			require.Equal(t, 1, subsystems(), "saved with the request")
		})
		submitted := func(id any) refusal {
			const saved = "2026-11-20 12:00:00 UTC"
			return refusal{409, "management_request_exists", []any{fmt.Sprint(id), "EE/GOV/2/sub", "EE/GOV/1/ss1", saved}, nil, addClientEvent,
				fmt.Sprintf("%sA request for registering 'SUBSYSTEM:EE/GOV/2/sub', as a client to security server 'SERVER:EE/GOV/1/ss1' has already been submitted "+
					"(%s, request ID: '%v')'", newClient, saved, id), "{" + ownedByOne + "," + subAsObject + "}", officer, "POST", path, clientForm(ss1, sub)}
		}
		d.run("15 6a", func(*testing.T) { d.refuse(submitted(first)) })
		d.run("39", func(t *testing.T) { // the type and the answer have what 39 6 shows
			records := d.Count(countRecords)
			answered := d.do(officer, "DELETE", decide(first), "", 200)
			require.Equal(t, "REVOKED", answered["status"])
			require.Equal(t, kind, answered["type"])
			require.Equal(t, records+1, d.Count(countRecords))
			by := d.request(first)["changed_by_request_id"]
			r := d.lastRecord(decide(first))
			require.Equal(t, "Revoke client registration request", r.Event)
			require.JSONEq(t, fmt.Sprintf(`{%s,%s,"revokingRequestId":%v}`, requestData(first, kind), subAsObject, by), string(r.Data))
			require.Equal(t, "CLIENT_DELETION_REQUEST", d.request(by)["type"])

			lone := d.do(officer, "POST", path, certForm("AUTH_CERT_REGISTRATION_REQUEST", "CENTER", ss1, d.AuthCertificate(ss1)), 202)["id"]
			d.do(officer, "DELETE", decide(lone), "", 200)
			require.Equal(t, "Revoke authentication certificate registration request", d.lastRecord(decide(lone)).Event)
			require.Equal(t, "AUTH_CERT_DELETION_REQUEST", d.request(d.request(lone)["changed_by_request_id"])["type"])
		})
		d.run("15 8a", func(t *testing.T) { // a subsystem that is there, and a member; a revoked request is no duplicate
			first = d.do(officer, "POST", path, clientForm(ss1, sub), 202)["id"]
			d.do(officer, "POST", path, clientForm(ss1, "EE:GOV:2"), 202)
			require.Equal(t, 1, subsystems())
		})
		d.run("38", func(t *testing.T) {
			pair := d.do(services, "POST", path, fromServer(sub), 202)["id"]
			answered := d.done(200, "Decline registration request", "{"+requestData(pair, kind)+","+subAsObject+"}", officer, "DELETE", decide(pair), "")
			require.Equal(t, pair, answered["id"])
			for _, id := range []any{pair, first} {
				require.Equal(t, "DECLINED", d.request(id)["status"])
			}
			require.EqualValues(t, 0, d.Count("SELECT COUNT(*) FROM server_client"))
		})
		d.run("37", func(t *testing.T) { // declined requests are no duplicates
			first = d.do(officer, "POST", path, clientForm(ss1, sub), 202)["id"]
			second := d.do(services, "POST", path, fromServer(sub), 202)["id"]
			d.done(200, "Approve registration request", "{"+requestData(first, kind)+","+subAsObject+"}", officer, "POST", decide(first)+"/approval", "")
			for _, id := range []any{first, second} {
				require.Equal(t, "APPROVED", d.request(id)["status"])
			}
			require.Len(t, d.list(officer, "/security-servers/"+ss1+"/clients"), 1)
		})
		d.run("14", func(*testing.T) { // its precondition
			d.refuse(refusal{400, "subsystem_registered_and_cannot_be_deleted", nil, nil, "Delete subsystem",
				"Subsystem 'SUBSYSTEM:EE/GOV/2/sub' is registered as a security server client and cannot be deleted",
				`{"memberClass":"GOV","memberCode":"2","memberSubsystemCode":"sub"}`, officer, "DELETE", "/subsystems/" + sub, ""})
		})
		d.run("15 5a", func(*testing.T) {
			d.refuse(refusal{409, "management_request_client_already_registered", []any{"EE/GOV/2/sub", "EE/GOV/1/ss1"}, nil, addClientEvent,
				newClient + "'SUBSYSTEM:EE/GOV/2/sub' has already been registered as a client to security server 'SERVER:EE/GOV/1/ss1'",
				"{" + ownedByOne + "," + subAsObject + "}", officer, "POST", path, clientForm(ss1, sub)})
		})
		d.run("16", func(t *testing.T) { // from the subsystem's page, and as a request
			const event = "Unregister member as security server client"
			d.done(204, event, "{"+ownedByOne+","+subAsObject+"}", officer, "DELETE", "/subsystems/"+sub+"/servers/"+ss1, "")
			require.Empty(t, d.list(officer, "/security-servers/"+ss1+"/clients"))
			d.sub()
			answered := d.do(officer, "POST", path, strings.Replace(clientForm(ss1, sub), kind, "CLIENT_DELETION_REQUEST", 1), 202)
			r := d.lastRecord(path)
			require.Equal(t, event, r.Event)
			require.JSONEq(t, "{"+ownedByOne+","+subAsObject+","+requestData(answered["id"], "CLIENT_DELETION_REQUEST")+"}", string(r.Data))
			require.Empty(t, d.list(officer, "/security-servers/"+ss1+"/clients"))
			require.EqualValues(t, 3, d.Count("SELECT COUNT(*) FROM management_request WHERE type = 'CLIENT_DELETION_REQUEST' AND origin = 'CENTER' AND comments = ''"),
				"both, and that of the revocation")
			require.Equal(t, 1, subsystems(), "the subsystem itself stays")
		})
	})
}
