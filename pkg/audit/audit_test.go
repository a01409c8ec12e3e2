package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

func TestRecordHasXRoadsForm(t *testing.T) {
	client, err := identifier.NewSubsystem("DEV", "COM", "1234", "SUB")
	require.NoError(t, err)
	ctx := audit.Begin(t.Context(), "Register client", audit.Actor{User: "xrd", IP: "192.0.2.7", Auth: "Session", URL: "/api/v1/clients/DEV:COM:1234:SUB/register"})
	audit.Put(ctx, "memberSubsystemName", nil)
	audit.Put(ctx, "clientIdentifier", client)
	audit.Put(ctx, "name", "Jõgi <&> \U0001F600\n")
	audit.Put(ctx, "generatedAt", time.Date(2026, 11, 20, 12, 0, 0, 5, time.FixedZone("", 7200)))
	audit.Put(ctx, "memberIdentifiers", []identifier.ClientID{client.Member()})
	audit.Put(ctx, "broken", func() {})
	audit.Put(ctx, "broken", 7)
	require.Equal(t, `{"event":"Register client failed","user":"xrd","ipaddress":"192.0.2.7",`+
		`"reason":"Only clients with status 'saved' can be registered","warning":false,"auth":"Session",`+
		`"url":"/api/v1/clients/DEV:COM:1234:SUB/register","data":{"memberSubsystemName":null,`+
		`"clientIdentifier":{"xRoadInstance":"DEV","memberClass":"COM","memberCode":"1234","subsystemCode":"SUB"},`+
		`"name":"J\u00F5gi <&> \uD83D\uDE00\n","generatedAt":"2026-11-20T10:00:00+00:00",`+
		`"memberIdentifiers":[{"xRoadInstance":"DEV","memberClass":"COM","memberCode":"1234"}],"broken":7}}`,
		string(audit.Failure(ctx, fault.Wrap(errors.New("secret"), fault.Conflict, "x", "Only clients with status 'saved' can be registered")).JSON()))
}

func TestScope(t *testing.T) {
	ctx := t.Context()
	audit.SetEvent(ctx, "x") // does nothing, and does not fail
	audit.Put(ctx, "x", 1)
	require.False(t, audit.Active(ctx))

	ctx = audit.Begin(ctx, "Revoke management request", audit.Actor{})
	audit.SetEvent(ctx, "Decline management request")
	require.Equal(t, `{"event":"Decline management request","user":"system","data":{}}`, string(audit.Success(ctx).JSON()))
	require.Equal(t, `{"event":"Decline management request failed","user":"system","reason":"Internal error","warning":false,"data":{}}`,
		string(audit.Failure(ctx, errors.New("disk /var full")).JSON()))
	require.Contains(t, string(audit.Failure(ctx, fault.New(fault.Invalid, "warnings_detected", "Sure?")).JSON()), `"warning":true`)
}

func TestHash(t *testing.T) { require.Equal(t, "00:AB:FF", audit.Hash([]byte{0, 0xab, 0xff})) }
