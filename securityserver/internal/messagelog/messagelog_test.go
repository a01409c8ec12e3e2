package messagelog_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/store"
)

var message = []byte("<message/>")

// signed makes a record with a real signature.
func signed(t *testing.T, ca *testca.CA) messagelog.Record {
	member, err := identifier.NewMember("EE", "GOV", "1")
	require.NoError(t, err)
	service, err := identifier.NewService(member, "echo", "")
	require.NoError(t, err)
	key, err := ca.Issue(testca.Spec{Usage: certificate.Signing, Member: member})
	require.NoError(t, err)
	s, err := xades.Sign(rand.Reader, time.Now(), key, signature.SHA512, inputs())
	require.NoError(t, err)
	return messagelog.Record{MessageID: "m1", Side: messagelog.ClientSide, Client: member, Service: service, Message: message, DigestURI: signature.SHA512.URI, Signature: s.XML}
}

func inputs() []hashchain.Input {
	return []hashchain.Input{{Name: xades.MessageName, Digest: signature.SHA512.Sum(message)}}
}

func newCA(t *testing.T) *testca.CA {
	ca, err := testca.New(testca.Config{})
	require.NoError(t, err)
	return ca
}

func newLog(t *testing.T, authorities ...messagelog.Authority) *messagelog.Log {
	db := testkit.SQLite(t, time.Now, func(driver string) fs.FS { return schema.Migrations("security", driver) })
	return messagelog.New(messagelog.Config{
		Store:       store.NewMessageLog(db),
		Authorities: func(context.Context) ([]messagelog.Authority, error) { return authorities, nil },
		HTTP:        http.DefaultClient, Now: time.Now, Rand: rand.Reader, Log: zap.NewNop(),
	})
}

func serve(t *testing.T, handler http.Handler) string {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestStamp(t *testing.T) {
	ca := newCA(t)
	down := messagelog.Authority{URL: "http://127.0.0.1:1", Certificate: ca.TSACertificate()}
	log := newLog(t, down, messagelog.Authority{URL: serve(t, ca.TSAHandler()), Certificate: ca.TSACertificate()})
	for range 3 {
		require.NoError(t, log.Append(t.Context(), signed(t, ca)))
	}
	done, err := log.Stamp(t.Context())
	require.NoError(t, err, "the second authority answers when the first does not")
	require.Equal(t, 3, done)
	require.False(t, log.Status().LastSuccess.IsZero())
	done, err = log.Stamp(t.Context())
	require.NoError(t, err)
	require.Zero(t, done)

	found, err := log.Find(t.Context(), "m1")
	require.NoError(t, err)
	require.Len(t, found, 3)
	for _, r := range found {
		require.WithinDuration(t, time.Now(), r.StampedAt, time.Minute)
		require.Contains(t, string(r.Signature), "EncapsulatedTimeStamp")
		s, err := xades.Parse(r.Signature)
		require.NoError(t, err)
		require.NoError(t, s.Verify(nil, nil, inputs()), "the time-stamp leaves the signature valid")
	}
}

// openssl agrees about the tokens that are stored.
func TestTokenByOpenSSL(t *testing.T) {
	ca := newCA(t)
	var token []byte
	keep := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		answer, err := ca.Timestamp(query)
		require.NoError(t, err)
		token = answer
		_, _ = w.Write(answer)
	})
	log := newLog(t, messagelog.Authority{URL: serve(t, keep), Certificate: ca.TSACertificate()})
	record := signed(t, ca)
	require.NoError(t, log.Append(t.Context(), record))
	_, err := log.Stamp(t.Context())
	require.NoError(t, err)

	s, err := xades.Parse(record.Signature)
	require.NoError(t, err)
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	out, err := exec.Command("openssl", "ts", "-verify", "-in", file("token", token), "-data", file("value", s.Value()),
		"-CAfile", file("ca", certificate.EncodePEM(ca.Certificate())), "-untrusted", file("tsa", certificate.EncodePEM(ca.TSACertificate()))).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestBadTokens(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	bend := func(change func(*timestamp.Request)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query, _ := io.ReadAll(r.Body)
			request, err := timestamp.ParseRequest(query)
			if err == nil {
				change(request)
				query, err = request.Marshal()
			}
			if err == nil {
				query, err = ca.Timestamp(query)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusTeapot)
				return
			}
			_, _ = w.Write(query)
		})
	}
	for name, c := range map[string]struct {
		handler http.Handler
		text    string
	}{
		"other message":   {bend(func(r *timestamp.Request) { r.HashedMessage[0] ^= 1 }), "not over our signature value"},
		"other nonce":     {bend(func(r *timestamp.Request) { r.Nonce = big.NewInt(7) }), "does not carry our nonce"},
		"no nonce":        {bend(func(r *timestamp.Request) { r.Nonce = nil }), "does not carry our nonce"},
		"other authority": {other.TSAHandler(), "not signed by the approved authority"},
		"not a token":     {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("no")) }), "asking the time-stamping authority"},
		"refusal":         {http.NotFoundHandler(), "status 404"},
		"too long":        {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte{1}, 2<<20)) }), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			log := newLog(t, messagelog.Authority{URL: serve(t, c.handler), Certificate: ca.TSACertificate()})
			record := signed(t, ca)
			require.NoError(t, log.Append(t.Context(), record))
			_, err := log.Stamp(t.Context())
			require.ErrorContains(t, err, c.text)
			require.ErrorContains(t, log.Status().LastError, c.text)
			found, err := log.Find(t.Context(), "m1")
			require.NoError(t, err)
			require.True(t, found[0].StampedAt.IsZero())
			require.Equal(t, record.Signature, found[0].Signature, "nothing changed")
		})
	}
	t.Run("certificate for something else", func(t *testing.T) {
		log := newLog(t, messagelog.Authority{URL: serve(t, ca.TSAHandler()), Certificate: ca.OCSPCertificate()})
		require.NoError(t, log.Append(t.Context(), signed(t, ca)))
		_, err := log.Stamp(t.Context())
		require.ErrorContains(t, err, "not for time-stamping")
	})
}

// broken is a store whose disk is full.
type broken struct{ messagelog.Store }

func (broken) SaveMessage(context.Context, messagelog.Record) (int64, error) {
	return 0, errors.New("disk full")
}

func TestAppendFails(t *testing.T) {
	log := messagelog.New(messagelog.Config{Store: broken{}, Now: time.Now, Log: zap.NewNop()})
	err := log.Append(t.Context(), messagelog.Record{})
	require.Equal(t, "logging_failed.internal_error", fault.CodeOf(err))
	require.Equal(t, "Failed to save message to message log", fault.From(err).Message)
}

// rounds counts how often the loop asks for work.
type rounds struct {
	messagelog.Store
	asked int
}

func (r *rounds) Unstamped(context.Context, int) ([]messagelog.Pending, error) {
	r.asked++
	return nil, nil
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counted := &rounds{}
		log := messagelog.New(messagelog.Config{
			Store:       counted,
			Authorities: func(context.Context) ([]messagelog.Authority, error) { return make([]messagelog.Authority, 1), nil },
			Interval:    func() time.Duration { return 10 * time.Second }, Now: time.Now, Log: zap.NewNop(),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- log.Run(ctx) }()
		time.Sleep(35 * time.Second)
		synctest.Wait()
		require.Equal(t, 3, counted.asked)
		cancel()
		require.NoError(t, <-done)
	})
}
