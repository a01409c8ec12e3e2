package store_test

import (
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/store"
)

func TestMessageLog(t *testing.T) {
	migrations := func(driver string) fs.FS { return schema.Migrations("security", driver) }
	testkit.EachDatabase(t, migrations, func(t *testing.T, db *database.DB) {
		log := store.NewMessageLog(db)
		at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		client, err := identifier.NewMember("EE", "GOV", "odd:code/;")
		require.NoError(t, err)
		provider, err := identifier.NewSubsystem("EE", "GOV", "2", "p")
		require.NoError(t, err)
		service, err := identifier.NewService(provider, "echo", "v1")
		require.NoError(t, err)
		request := messagelog.Record{MessageID: "m1", Side: messagelog.ClientSide, Client: client, Service: service, Time: at, Message: []byte("<a/>"),
			DigestURI: "urn:d", Signature: []byte("<s/>"), HashChain: []byte("<c/>"), HashResult: []byte("<r/>"),
			Attachments: []messagelog.Attachment{{Name: "/attachment1", Digest: []byte{1, 2}}, {Name: "/attachment2", Digest: []byte{}}}}
		response := messagelog.Record{MessageID: "m1", Side: messagelog.ServerSide, Response: true, Client: client, Service: service, Time: at,
			Message: []byte("<b/>"), DigestURI: "urn:d", Signature: []byte("<t/>")}
		request.ID, err = log.SaveMessage(t.Context(), request)
		require.NoError(t, err)
		response.ID, err = log.SaveMessage(t.Context(), response)
		require.NoError(t, err)
		other := response
		other.MessageID = "m2"
		_, err = log.SaveMessage(t.Context(), other)
		require.NoError(t, err)

		found, err := log.Messages(t.Context(), "m1")
		require.NoError(t, err)
		require.Equal(t, []messagelog.Record{request, response}, found)
		found, err = log.Messages(t.Context(), "m3")
		require.NoError(t, err)
		require.Empty(t, found)

		pending, err := log.Unstamped(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, []messagelog.Pending{{ID: request.ID, Signature: request.Signature}, {ID: response.ID, Signature: response.Signature}}, pending)
		require.NoError(t, log.SaveTimestamp(t.Context(), request.ID, []byte("<stamped/>"), at))
		require.NoError(t, log.SaveTimestamp(t.Context(), request.ID, []byte("<again/>"), at.Add(time.Hour)), "the first time-stamp stays")
		request.Signature, request.StampedAt = []byte("<stamped/>"), at
		found, err = log.Messages(t.Context(), "m1")
		require.NoError(t, err)
		require.Equal(t, []messagelog.Record{request, response}, found)
		pending, err = log.Unstamped(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, pending, 2)
	})
}
