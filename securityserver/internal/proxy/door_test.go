package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/transport"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
)

// pipes is a listener of one connection that has no network.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// An information system that stops in the middle of its SOAP message is told so after thirty seconds, however slowly it dripped.
func TestSlowInformationSystem(t *testing.T) {
	w := newWorld(t, nil)
	handler := proxy.NewClientProxy(w.config(w.consumer))
	synctest.Test(t, func(t *testing.T) {
		l := pipes{make(chan net.Conn), make(chan struct{})}
		server := proxy.NewHTTPServer(handler, zap.NewNop())
		go server.Serve(l)
		near, far := net.Pipe()
		l.conns <- far
		answered := make(chan *http.Response)
		go func() {
			response, err := http.ReadResponse(bufio.NewReader(near), nil)
			require.NoError(t, err)
			answered <- response
		}()
		started := time.Now()
		_, err := near.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 5000\r\n\r\n<s:"))
		require.NoError(t, err)
		dripped := make(chan struct{})
		go func() { // a byte every ten seconds
			defer close(dripped)
			for {
				time.Sleep(10 * time.Second)
				if _, err := near.Write([]byte(" ")); err != nil {
					return
				}
			}
		}()
		response := <-answered
		require.Equal(t, 30*time.Second, time.Since(started))
		body := make([]byte, response.ContentLength)
		_, err = io.ReadFull(response.Body, body)
		require.NoError(t, err)
		requireFault(t, body, "client.io_error", "Timed out")
		near.Close()
		<-dripped
		require.NoError(t, server.Close())
	})
}

// zeros is a long attachment that nobody has in memory.
type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	clear(p[:n])
	z.left -= n
	return n, nil
}

// A long attachment passes both proxies in constant memory, and its file is gone afterwards.
func TestLongAttachment(t *testing.T) {
	const length = 48 << 20
	limits := transport.DefaultLimits
	limits.Dir = t.TempDir()
	w := newWorld(t, func(w *world) { w.limits = limits })
	var received atomic.Int64
	w.serve = func(rw http.ResponseWriter, r *http.Request) {
		parts, err := soap.NewMultipartReader(r.Body, r.Header.Get("Content-Type"), soap.Limits{})
		var message []byte
		for i := 0; err == nil; i++ {
			var part *soap.PartReader
			if part, err = parts.Next(); err != nil {
				break
			}
			if i == 0 {
				message, err = io.ReadAll(part)
				continue
			}
			n, _ := io.Copy(io.Discard, part)
			received.Add(n)
		}
		rw.Header().Set("Content-Type", "text/xml")
		_, _ = rw.Write(respond(message))
	}
	contentType, frame := multipart(t, w.message(), []byte("@"))
	before, after, _ := bytes.Cut(frame, []byte("@"))
	body := io.MultiReader(bytes.NewReader(before), &zeros{length}, bytes.NewReader(after))

	runtime.GC()
	var start, now runtime.MemStats
	runtime.ReadMemStats(&start)
	peak := uint64(0)
	stop, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		for ticker := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-ticker.C:
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
		}
	}()
	response, err := http.Post(w.consumer.clientURL, contentType, body)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	close(stop)
	<-sampled
	require.Contains(t, string(answer), "echoResponse")
	require.EqualValues(t, length, received.Load())
	if peak > start.HeapAlloc {
		require.Less(t, peak-start.HeapAlloc, uint64(length/3), "the attachment was held in memory")
	}
	left, err := os.ReadDir(limits.Dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
