package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/auth"
)

// The tests of the use cases are named as the model numbers them: "10" is the main success scenario of UC MEMBER_10, "10 3a" its extension.

// run is a subtest whose failures are its own.
func (d *door) run(name string, fn func(t *testing.T)) {
	whole := d.t
	whole.Run(name, func(t *testing.T) {
		d.t = t
		defer func() { d.t = whole }()
		fn(t)
	})
}

type record struct {
	Event, User, IPAddress, Auth, URL, Reason string
	Data                                      json.RawMessage
}

// lastRecord is the newest audit record; it says who did it, from where and with which request.
func (d *door) lastRecord(path string) record {
	d.t.Helper()
	var r record
	require.NoError(d.t, json.Unmarshal([]byte(d.LastAudit()), &r))
	require.Regexp(d.t, "^api-key-[0-9]+$", r.User)
	require.Equal(d.t, "127.0.0.1", r.IPAddress)
	require.Equal(d.t, "ApiKey", r.Auth)
	require.Equal(d.t, "/api/v1"+path, r.URL)
	return r
}

const countRecords = "SELECT COUNT(*) FROM audit_record"

// done sends JSON that must be accepted with this status and leave one audit record of this event with these data.
func (d *door) done(status int, event, data string, role auth.Role, method, path, body string) map[string]any {
	d.t.Helper()
	written := d.Count(countRecords)
	answered := d.do(role, method, path, body, status)
	require.Equal(d.t, written+1, d.Count(countRecords))
	r := d.lastRecord(path)
	require.Equal(d.t, event, r.Event)
	require.Empty(d.t, r.Reason)
	require.JSONEq(d.t, data, string(r.Data))
	return answered
}

// refusal is what the model says of an extension, and what the interface makes the sentence of.
type refusal struct {
	status        int
	code          string
	metadata      []any
	fields        map[string]any // of validation_failure
	event, reason string
	data          string // of the audit record
	role          auth.Role
	method, path  string
	body          string
}

// refuse sends JSON that must be refused, change nothing but the audit log, and be recorded there.
func (d *door) refuse(c refusal) {
	d.t.Helper()
	before, generation, written := d.State(), d.Generation(), d.Count(countRecords)
	answered := d.do(c.role, c.method, c.path, c.body, c.status)["error"].(map[string]any)
	require.Equal(d.t, c.code, answered["code"])
	if c.metadata != nil {
		require.Equal(d.t, c.metadata, answered["metadata"])
	}
	if c.fields != nil {
		require.Equal(d.t, c.fields, answered["validation_errors"])
	}
	require.Equal(d.t, before, d.State(), "nothing must have changed")
	require.Equal(d.t, generation, d.Generation())
	require.Equal(d.t, written+1, d.Count(countRecords))
	r := d.lastRecord(c.path)
	require.Equal(d.t, c.event+" failed", r.Event)
	require.Equal(d.t, c.reason, r.Reason)
	require.JSONEq(d.t, c.data, string(r.Data))
}

func fields(path, constraint string) map[string]any { return map[string]any{path: []any{constraint}} }

var tooLong = strings.Repeat("õ", 256)

// forEachInput runs fn with an empty and an overlong text, and what UC MEMBER_54 2a and 3a say of each.
func forEachInput(fn func(value, constraint, sentence string)) {
	fn("   ", "NotBlank", "Missing parameter: '%s'")
	fn(tooLong, "Size", "Parameter %s input exceeds 255 characters")
}

// TestUseCasesOfMembers is UC MEMBER_04, 05, 10, 11, 14, 26, 54 and 56.
func TestUseCasesOfMembers(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.run("04", func(t *testing.T) {
			page := d.do(officer, "GET", "/clients?client_type=MEMBER&sort=member_name", "", 200)
			require.Equal(t, 2.0, page["paging_metadata"].(map[string]any)["total_items"])
			first := page["clients"].([]any)[0].(map[string]any)
			require.Equal(t, "Member One", first["member_name"])
			require.Equal(t, "GOV", first["client_id"].(map[string]any)["member_class"])
			require.Equal(t, "1", first["client_id"].(map[string]any)["member_code"])
		})
		d.run("05", func(t *testing.T) {
			require.Equal(t, map[string]any{"member_name": "Member One", "client_id": map[string]any{"instance_id": "EE", "type": "MEMBER", "member_class": "GOV",
				"member_code": "1", "encoded_id": "EE:GOV:1"}}, d.do(officer, "GET", "/members/EE:GOV:1", "", 200))
		})
		add := func(class, code, name string) string {
			return fmt.Sprintf(`{"member_name":%q,"member_id":{"member_class":%q,"member_code":%q}}`, name, class, code)
		}
		data := func(class, code, name string) string {
			return fmt.Sprintf(`{"memberName":%q,"memberClass":%q,"memberCode":%q}`, name, class, code)
		}
		d.run("10", func(t *testing.T) { // and UC MEMBER_54: trimmed; the answer has what 10 6 shows
			answered := d.done(201, "Add member", data("GOV", "3", "Member Three"), officer, "POST", "/members", add(" GOV ", "\t3 ", " Member Three "))
			require.Equal(t, "EE:GOV:3", answered["client_id"].(map[string]any)["encoded_id"])
			require.Equal(t, "Member Three", d.do(officer, "GET", "/members/EE:GOV:3", "", 200)["member_name"])
		})
		d.run("10 3a", func(*testing.T) {
			forEachInput(func(value, constraint, sentence string) {
				trimmed := strings.TrimSpace(value)
				for _, f := range []struct{ name, path, body, data string }{
					{"memberName", "memberAddDto.memberName", add("GOV", "4", value), data("GOV", "4", trimmed)},
					{"memberClass", "memberAddDto.memberId.memberClass", add(value, "4", "x"), data(trimmed, "4", "x")},
					{"memberCode", "memberAddDto.memberId.memberCode", add("GOV", value, "x"), data("GOV", trimmed, "x")},
				} {
					d.refuse(refusal{400, "validation_failure", nil, fields(f.path, constraint), "Add member", "Failed to add member: " + fmt.Sprintf(sentence, f.name),
						f.data, officer, "POST", "/members", f.body})
				}
			})
			d.refuse(refusal{400, "validation_failure", nil, fields("memberAddDto.memberId.memberCode", "NotNull"), "Add member", "Missing parameter: 'memberCode'",
				`{}`, officer, "POST", "/members", `{"member_name":"x","member_id":{"member_class":"GOV"}}`})
		})
		d.run("54", func(t *testing.T) { // 255 characters, whatever their bytes, between spaces that do not count
			longest := tooLong[:2*255]
			answered := d.done(201, "Add member", data("GOV", "longest", longest), officer, "POST", "/members", add("GOV", "longest", " "+longest+"\t"))
			require.Equal(t, longest, answered["member_name"])
			d.do(officer, "DELETE", "/members/EE:GOV:longest", "", 204)
		})
		d.run("10 4a", func(*testing.T) {
			d.refuse(refusal{409, "member_exists", []any{"EE/GOV/1"}, nil, "Add member", "Failed to add member: Member with class GOV and code 1 already exists",
				data("GOV", "1", "Again"), officer, "POST", "/members", add("GOV", "1", "Again")})
		})
		d.run("11", func(t *testing.T) {
			answered := d.done(200, "Edit member name", data("GOV", "3", "Member 3"), officer, "PATCH", "/members/EE:GOV:3", `{"member_name":" Member 3 "}`)
			require.Equal(t, "Member 3", answered["member_name"])
		})
		d.run("11 3a", func(*testing.T) {
			forEachInput(func(value, constraint, sentence string) {
				d.refuse(refusal{400, "validation_failure", nil, fields("memberNameDto.memberName", constraint), "Edit member name",
					"Failed to edit member: " + fmt.Sprintf(sentence, "memberName"), data("GOV", "3", strings.TrimSpace(value)), officer, "PATCH", "/members/EE:GOV:3",
					fmt.Sprintf(`{"member_name":%q}`, value)})
			})
		})
		subsystem := func(code string) string {
			return fmt.Sprintf(`{"subsystem_id":{"member_class":"GOV","member_code":"3","subsystem_code":%q}}`, code)
		}
		subsystemData := func(code string) string {
			return fmt.Sprintf(`{"memberClass":"GOV","memberCode":"3","memberSubsystemCode":%q,"memberSubsystemName":""}`, code)
		}
		d.run("56", func(t *testing.T) {
			d.done(201, "Add subsystem", subsystemData("sub"), officer, "POST", "/subsystems", subsystem(" sub "))
			require.Len(t, d.list(officer, "/members/EE:GOV:3/subsystems"), 1)
		})
		d.run("56 3a", func(*testing.T) {
			forEachInput(func(value, constraint, sentence string) {
				d.refuse(refusal{400, "validation_failure", nil, fields("subsystemAddDto.subsystemId.subsystemCode", constraint), "Add subsystem",
					fmt.Sprintf(sentence, "subsystemCode"), subsystemData(strings.TrimSpace(value)), officer, "POST", "/subsystems", subsystem(value)})
			})
		})
		d.run("56 4a", func(*testing.T) {
			d.refuse(refusal{409, "subsystem_exists", []any{"EE/GOV/3/sub"}, nil, "Add subsystem", "Failed to add subsystem: Subsystem 'sub' already exists",
				subsystemData("sub"), officer, "POST", "/subsystems", subsystem("sub")})
		})
		group := func(id string) {
			d.t.Helper()
			require.NoError(d.t, d.Store.Registry().Update(d.Do(), func(tx registry.Tx) error { return tx.AddToGroup(registry.OwnersGroup, d.Client(id)) }))
		}
		const members = "SELECT COUNT(*) FROM global_group_member"
		gone := `{"memberClass":"GOV","memberCode":"3","memberSubsystemCode":"sub"}`
		d.run("14", func(t *testing.T) {
			group("EE:GOV:3:sub")
			group("EE:GOV:2")
			d.done(204, "Delete subsystem", gone, officer, "DELETE", "/subsystems/EE:GOV:3:sub", "")
			require.Empty(t, d.list(officer, "/members/EE:GOV:3/subsystems"))
			require.EqualValues(t, 1, d.Count(members), "the subsystem's membership, and no other")
		})
		d.run("14 4a", func(t *testing.T) {
			d.do(officer, "POST", "/subsystems", subsystem("sub"), 201)
			d.done(204, "Delete subsystem", gone, officer, "DELETE", "/subsystems/EE:GOV:3:sub", "")
			require.EqualValues(t, 1, d.Count(members))
		})
		d.run("26", func(t *testing.T) {
			d.do(officer, "POST", "/subsystems", subsystem("sub"), 201)
			d.done(204, "Delete member", `{"memberClass":"GOV","memberCode":"3"}`, officer, "DELETE", "/members/EE:GOV:3", "")
			require.Equal(t, "member_not_found", code(d.do(officer, "GET", "/members/EE:GOV:3", "", 404)))
			require.EqualValues(t, 0, d.Count("SELECT COUNT(*) FROM management_request"), "nothing was registered, so there is nothing to take back")
			require.EqualValues(t, 1, d.Count(members))
		})
		d.run("26 6a", func(t *testing.T) {
			d.done(204, "Delete member", `{"memberClass":"GOV","memberCode":"2"}`, officer, "DELETE", "/members/EE:GOV:2", "")
			require.EqualValues(t, 0, d.Count(members))
		})
	})
}

// TestUseCasesOfMemberClasses is UC MEMBER_40 to 43.
func TestUseCasesOfMemberClasses(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		body := func(code, description string) string {
			return fmt.Sprintf(`{"code":%q,"description":%q}`, code, description)
		}
		describe := func(description string) string { return fmt.Sprintf(`{"description":%q}`, description) }
		const taken = "description 'Government' has already been taken"
		d.run("40", func(t *testing.T) {
			require.Equal(t, []map[string]any{{"code": "GOV", "description": "Government"}}, d.list(security, "/member-classes"))
		})
		d.run("41", func(t *testing.T) {
			answered := d.done(201, "Add member class", body("NGO", "Associations"), security, "POST", "/member-classes", body(" ngo ", " Associations "))
			require.Equal(t, map[string]any{"code": "NGO", "description": "Associations"}, answered)
		})
		d.run("41 3a", func(*testing.T) {
			forEachInput(func(value, constraint, sentence string) {
				trimmed := strings.TrimSpace(value)
				d.refuse(refusal{400, "validation_failure", nil, fields("memberClassDto.code", constraint), "Add member class", fmt.Sprintf(sentence, "code"),
					body(trimmed, "x"), security, "POST", "/member-classes", body(value, "x")})
				d.refuse(refusal{400, "validation_failure", nil, fields("memberClassDto.description", constraint), "Add member class",
					fmt.Sprintf(sentence, "description"), body("X", trimmed), security, "POST", "/member-classes", body("X", value)})
			})
		})
		d.run("41 4a", func(*testing.T) {
			d.refuse(refusal{409, "member_class_exists", []any{"GOV"}, nil, "Add member class", "Member class with the same code already exists", body("GOV", "x"),
				security, "POST", "/member-classes", body("gov", "x")})
		})
		d.run("41 4b", func(*testing.T) {
			d.refuse(refusal{409, "member_class_description_exists", []any{"Government"}, nil, "Add member class", taken, body("X", "Government"), security, "POST",
				"/member-classes", body("X", "Government")})
		})
		d.run("42", func(t *testing.T) {
			answered := d.done(200, "Edit member class description", body("NGO", "Unions"), security, "PATCH", "/member-classes/NGO", describe(" Unions "))
			require.Equal(t, map[string]any{"code": "NGO", "description": "Unions"}, answered)
		})
		d.run("42 3a", func(*testing.T) {
			forEachInput(func(value, constraint, sentence string) {
				d.refuse(refusal{400, "validation_failure", nil, fields("memberClassDescriptionDto.description", constraint), "Edit member class description",
					fmt.Sprintf(sentence, "description"), body("NGO", strings.TrimSpace(value)), security, "PATCH", "/member-classes/NGO", describe(value)})
			})
		})
		d.run("42 4a", func(*testing.T) {
			d.refuse(refusal{409, "member_class_description_exists", []any{"Government"}, nil, "Edit member class description", taken, body("NGO", "Government"),
				security, "PATCH", "/member-classes/NGO", describe("Government")})
		})
		d.run("43", func(t *testing.T) {
			d.done(204, "Delete member class", `{"code":"NGO"}`, security, "DELETE", "/member-classes/NGO", "")
			require.Len(t, d.list(security, "/member-classes"), 1)
		})
		d.run("43 2a", func(*testing.T) {
			d.refuse(refusal{409, "member_class_is_in_use", []any{"tr.code", "GOV"}, nil, "Delete member class", "Cannot delete member class GOV: found X-Road members " +
				"belonging to the class. Only classes with no registered members can be deleted.", `{"code":"GOV"}`, security, "DELETE", "/member-classes/GOV", ""})
		})
	})
}
