package proxy_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
)

func TestExchange(t *testing.T) {
	w := newWorld(t, nil)
	request := w.message()
	for range 3 { // the later ones over the kept connection
		contentType, answer := post(t, w.consumer.clientURL, "text/xml; charset=UTF-8", request)
		require.Equal(t, "text/xml; charset=utf-8", contentType)
		m, err := soap.Parse(answer, contentType)
		require.NoError(t, err)
		require.Nil(t, m.Fault, "%s", answer)
		require.Equal(t, "echoResponse", m.BodyName)
		require.Equal(t, soap.RequestHash(request), m.Header.RequestHash.Value)
		require.Contains(t, string(answer), "hi</p:echoResponse>")
	}
	require.Len(t, w.consumer.records, 6)
	require.Len(t, w.provider.records, 6)
	for i, r := range w.consumer.records {
		same := w.provider.records[i]
		require.Equal(t, messagelog.ClientSide, r.Side)
		require.Equal(t, messagelog.ServerSide, same.Side)
		require.Equal(t, i%2 == 1, r.Response)
		require.Equal(t, r.Message, same.Message)
		require.Equal(t, r.Signature, same.Signature)
		require.Equal(t, "m1", r.MessageID)
	}
}

// What the message log keeps proves the message: it verifies again from the records alone.
func TestRecordsVerify(t *testing.T) {
	w := newWorld(t, nil)
	contentType, body := multipart(t, w.message(), []byte("one"), []byte("two"))
	_, answer := post(t, w.consumer.clientURL, contentType, body)
	require.Contains(t, string(answer), "echoResponse")
	require.Len(t, w.consumer.records, 2)
	trust, err := w.snapshot.Load().Trust("EE")
	require.NoError(t, err)
	for i, r := range w.consumer.records {
		s, err := xades.Parse(r.Signature)
		require.NoError(t, err)
		inputs := []hashchain.Input{{Name: xades.MessageName, Digest: s.Digest().Sum(r.Message)}}
		for _, a := range r.Attachments {
			inputs = append(inputs, hashchain.Input{Name: a.Name, Digest: a.Digest})
		}
		require.Len(t, inputs, 3)
		signer := w.consumer.id
		if i == 1 {
			signer = w.provider.id
		}
		require.NoError(t, xades.VerifyMessage(s, trust, signer, r.HashChain, r.HashResult, inputs, now))
	}
}

// multipart makes a request with attachments whose part headers are spelled as only some programs read them.
func multipart(t testing.TB, message []byte, attachments ...[]byte) (contentType string, body []byte) {
	var b bytes.Buffer
	parts := soap.NewMultipartWriter(&b, "is")
	require.NoError(t, parts.WritePart(soap.Fields{{Name: "Content-Type", Value: "text/xml; charset=UTF-8"}, {Name: "content-ID", Value: "<root>"}}, message))
	for _, a := range attachments {
		require.NoError(t, parts.WritePart(soap.Fields{{Name: "content-type", Value: "application/octet-stream"},
			{Name: "signature-algorithm-id", Value: "SHA512withRSA"}}, a))
	}
	require.NoError(t, parts.Close())
	return `multipart/related; type="text/xml"; boundary=is`, b.Bytes()
}

func TestAttachments(t *testing.T) {
	w := newWorld(t, nil)
	big := make([]byte, 3<<20)
	_, err := io.ReadFull(rand.Reader, big)
	require.NoError(t, err)
	files := [][]byte{[]byte("small\r\n--is not a boundary"), {}, big}
	contentType, body := multipart(t, w.message(), files...)
	answerType, answer := post(t, w.consumer.clientURL, contentType, body)
	require.Equal(t, `multipart/related; type="text/xml"; boundary=back`, answerType)
	parts, err := soap.ReadMultipart(bytes.NewReader(answer), answerType, soap.Limits{})
	require.NoError(t, err)
	require.Len(t, parts, 4)
	require.Equal(t, "content-type", parts[0].Headers[0].Name)
	require.Equal(t, soap.Field{Name: "content-ID", Value: "<root>"}, parts[0].Headers[1])
	for i, file := range files {
		require.True(t, bytes.Equal(file, parts[i+1].Body))
		require.Equal(t, "signature-algorithm-id", parts[i+1].Headers[1].Name, "the spelling survives both proxies")
	}
}

// A service's own fault passes unsigned, unlogged and word for word.
func TestServiceFault(t *testing.T) {
	w := newWorld(t, nil)
	sent := []byte(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>e:Server</faultcode><faultstring>no &amp; never</faultstring></e:Fault></e:Body></e:Envelope>`)
	w.serve = answering("text/xml", 500, sent)
	_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Equal(t, string(sent), string(answer))
	require.Len(t, w.provider.records, 1)
	require.Len(t, w.consumer.records, 1)
}

func TestInProcessExchange(t *testing.T) {
	w := newWorld(t, nil)
	owner := w.consumer.id.Member()
	// How the owner connects does not matter.
	w.consumer.clients[owner] = clientOf(owner, "HTTPS")
	request := envelope(owner, w.provider.id, "", `<p:echo xmlns:p="urn:p"/>`)
	response, contentType, err := w.consumer.client.Exchange(context.Background(), "text/xml; charset=UTF-8", request)
	require.NoError(t, err)
	m, err := soap.Parse(response, contentType)
	require.NoError(t, err)
	require.Equal(t, "echoResponse", m.BodyName)

	_, _, err = w.consumer.client.Exchange(context.Background(), "text/xml", w.message())
	require.EqualError(t, err, "server.clientproxy.unknown_member: Client 'SUBSYSTEM:EE/GOV/1/consumer' not found", "only the owner speaks here")
	delete(w.consumer.clients, owner)
	_, _, err = w.consumer.client.Exchange(context.Background(), "text/xml", request)
	require.EqualError(t, err, "server.clientproxy.unknown_member: Client 'MEMBER:EE/GOV/1' not found", "its state counts")
}
