package api_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/globalconf"
)

// TestGlobalGroups goes through a global group's life with X-Road's codes.
func TestGlobalGroups(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const owners = "/global-groups/security-server-owners"
		added := d.do(officer, "POST", "/global-groups", `{"code":"partners","description":" Partners "}`, 201)
		require.Equal(t, map[string]any{"code": "partners", "description": "Partners", "member_count": 0.0, "created_at": "2026-11-20T12:00:00Z",
			"updated_at": "2026-11-20T12:00:00Z"}, added)
		require.Equal(t, map[string]any{"status": 409.0, "error": map[string]any{"code": "global_group_exists", "metadata": []any{"partners"}}},
			d.do(officer, "POST", "/global-groups", `{"code":"partners","description":"x"}`, 409))
		require.Contains(t, d.LastAudit(), `"event":"Add global group failed"`)
		require.Equal(t, "Others", d.do(officer, "PATCH", "/global-groups/partners", `{"description":"Others"}`, 200)["description"])
		require.Contains(t, d.LastAudit(), `"event":"Edit global group description"`)
		require.Equal(t, []any{"EE:GOV:1", "EE:GOV:1:ms"}, d.do(officer, "POST", "/global-groups/partners/members/add", `{"items":["EE:GOV:1","EE:GOV:1:ms"]}`, 201)["items"])
		require.Equal(t, []any{}, d.do(officer, "POST", "/global-groups/partners/members/add", `{"items":["EE:GOV:1"]}`, 201)["items"])
		require.Contains(t, d.LastAudit(), `"event":"Add members to global group"`)
		refused := d.do(officer, "POST", "/global-groups/partners/members/add", `{"items":["EE:GOV:9"]}`, 404)
		require.Equal(t, map[string]any{"code": "member_not_found", "metadata": []any{"EE:GOV:9"}}, refused["error"])
		require.Equal(t, "invalid_encoded_id", code(d.do(officer, "POST", "/global-groups/partners/members/add", `{"items":["EE"]}`, 400)))
		page := d.do(officer, "POST", "/global-groups/partners/members/", `{"types":["SUBSYSTEM"],"paging_sorting":{"sort":"name"}}`, 200)
		require.Equal(t, map[string]any{"total_items": 1.0, "items": 1.0, "limit": 25.0, "offset": 0.0}, page["paging_metadata"])
		member := page["items"].([]any)[0].(map[string]any)
		require.Equal(t, "Member One", member["name"])
		require.Equal(t, "EE:GOV:1:ms", member["client_id"].(map[string]any)["encoded_id"])
		require.Equal(t, map[string]any{"instances": []any{"EE"}, "member_classes": []any{"GOV"}, "codes": []any{"1"}, "subsystems": []any{"ms"}},
			d.do(officer, "GET", "/global-groups/partners/members/filter-model", "", 200))
		d.do(officer, "DELETE", "/global-groups/partners/members/EE:GOV:1:ms", "", 204)
		require.Contains(t, d.LastAudit(), `"event":"Remove members from global group"`)
		refused = d.do(officer, "DELETE", "/global-groups/partners/members/EE:GOV:1:ms", "", 404)
		require.Equal(t, map[string]any{"code": "member_not_found", "metadata": []any{"memberId", "EE:GOV:1:ms"}}, refused["error"])
		require.Equal(t, "owners_global_group_cannot_be_deleted", code(d.do(officer, "DELETE", owners, "", 400)))
		require.Equal(t, "cannot_add_member_to_owners_group", code(d.do(officer, "POST", owners+"/members/add", `{"items":["EE:GOV:1"]}`, 400)))
		require.Equal(t, "invalid_sort_properties", code(d.do(officer, "POST", owners+"/members", `{"paging_sorting":{"sort":"x"}}`, 400)))
		d.do(officer, "DELETE", "/global-groups/partners", "", 204)
		require.Equal(t, "global_group_not_found", code(d.do(officer, "GET", "/global-groups/partners", "", 404)))
	})
}

// TestTrustedAnchors shows and refuses anchors; package confgen tests what becomes of one that is trusted.
func TestTrustedAnchors(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		anchor := globalconf.Anchor{GeneratedAt: storetest.Start(), Instance: "OTHER", Sources: []globalconf.AnchorSource{
			{DownloadURL: "http://127.0.0.1:1/externalconf", Certificates: [][]byte{[]byte("certificate")}}}}
		hash := globalconf.AnchorHash(anchor.Encode())
		a := d.upload(security, "POST", "/trusted-anchors/preview", "anchor", anchor.Encode())
		require.Equal(t, 200, a.status)
		require.JSONEq(t, `{"instance_identifier":"OTHER","generated_at":"2026-11-20T12:00:00Z","hash":"`+hash+`"}`, a.body)
		require.Contains(t, d.upload(security, "POST", "/trusted-anchors/preview", "anchor", []byte("x")).body, `"code":"malformed_anchor"`)
		a = d.upload(security, "POST", "/trusted-anchors", "anchor", anchor.Encode())
		require.Equal(t, 400, a.status)
		require.Contains(t, a.body, `"code":"trusted_anchor_verification_failed"`)
		require.Contains(t, d.LastAudit(), `"event":"Add trusted anchor failed"`)
		require.Empty(t, d.list(admin, "/trusted-anchors"))

		require.NoError(t, d.Store.Configuration().Update(d.Do(), func(tx confgen.Tx) error {
			held, err := d.configuration.PreviewTrustedAnchor(anchor.Encode())
			require.NoError(t, err)
			return tx.SaveTrustedAnchor(*held)
		}))
		path := "/trusted-anchors/" + url.PathEscape(hash)
		require.Equal(t, hash, d.list(admin, "/trusted-anchors")[0]["hash"])
		require.Equal(t, answer{200, string(anchor.Encode())}, d.send(admin, "GET", path+"/download", "", nil))
		d.do(security, "DELETE", path, "", 204)
		require.Contains(t, d.LastAudit(), `"event":"Delete trusted anchor"`)
		require.Equal(t, "trusted_anchor_not_found", code(d.do(admin, "GET", path+"/download", "", 404)))
		require.Equal(t, "trusted_anchor_not_found", code(d.do(security, "DELETE", path, "", 404)))
	})
}

func TestConfigurationParts(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const file = `<conf xmlns="http://x-road.eu/xsd/xroad.xsd" xmlns:x=""/>`
		path := "/configuration-sources/INTERNAL/configuration-parts"
		require.Len(t, d.list(admin, path), 13)
		require.Equal(t, map[string]any{"content_identifier": "NEXTUPDATE", "file_name": "nextupdate-params.xml", "optional": true}, d.list(admin, path)[12])
		require.Equal(t, "configuration_part_file_not_found", code(d.do(admin, "GET", path+"/NEXTUPDATE/0/download", "", 404)))
		require.Contains(t, d.upload(security, "POST", path, "file", []byte(file), "content_identifier", "NEXTUPDATE").body, `"code":"configuration_part_validation_failed"`)
		require.Contains(t, d.LastAudit(), `"event":"Upload configuration part failed"`)
		valid := `<xro:conf xmlns:xro="http://x-road.eu/xsd/xroad.xsd"><verifyNextUpdate>true</verifyNextUpdate></xro:conf>`
		require.Equal(t, answer{204, ""}, d.upload(security, "POST", path, "file", []byte(valid), "content_identifier", "NEXTUPDATE"))
		require.Contains(t, d.LastAudit(), `"event":"Upload configuration part"`)
		require.Equal(t, answer{200, valid}, d.send(admin, "GET", path+"/NEXTUPDATE/0/download", "", nil))
		require.Equal(t, 0.0, d.list(admin, path)[12]["version"])
		require.Contains(t, d.upload(security, "POST", "/configuration-sources/EXTERNAL/configuration-parts", "file", []byte(valid), "content_identifier", "NEXTUPDATE").body,
			`"code":"unknown_configuration_part"`)
	})
}
