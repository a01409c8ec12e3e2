package proxy

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
)

// NewHTTPServer wraps a handler of this package in a server with the limits and time-outs of a door. The caller gives it a listener: plain
// for 8080 and 5577, TLS with ClientProxy.TLSConfig for 8443 and ServerProxy.TLSConfig for 5500.
func NewHTTPServer(handler http.Handler, log *zap.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: messageTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          zap.NewStdLog(log),
	}
}

// gate lets a bounded number of exchanges in.
type gate chan struct{}

func newGate() gate { return make(gate, maxExchanges) }

func (g gate) enter() error {
	select {
	case g <- struct{}{}:
		return nil
	default:
		return fault.New(fault.TooMany, "network_error", "Too many messages at a time")
	}
}

func (g gate) leave() { <-g }

// past is a deadline that has passed, whatever the clock: it ends reads and writes that are under way.
var past = time.Unix(1, 0)

// watch guards a stream against stalls: stop is called when nothing moves for the allowed time.
type watch struct {
	timer   *time.Timer
	allowed atomic.Int64 // time.Duration
	writing atomic.Bool  // the request is read; what may stall is the answer
}

func newWatch(allowed time.Duration, stop func(writing bool)) *watch {
	w := &watch{}
	w.allowed.Store(int64(allowed))
	w.timer = time.AfterFunc(allowed, func() { stop(w.writing.Load()) })
	return w
}

// watchRequest guards reading a request and writing its answer. A request that stalls can still be answered.
func watchRequest(w http.ResponseWriter, allowed time.Duration) *watch {
	control := http.NewResponseController(w)
	return newWatch(allowed, func(writing bool) {
		if writing {
			_ = control.SetWriteDeadline(past) // the connection may be gone already
		} else {
			_ = control.SetReadDeadline(past)
		}
	})
}

func (w *watch) moved()   { w.timer.Reset(time.Duration(w.allowed.Load())) }
func (w *watch) release() { w.timer.Stop() }

// allow changes the allowed time and begins it anew.
func (w *watch) allow(d time.Duration) {
	w.allowed.Store(int64(d))
	w.moved()
}

// reader is r, watched.
func (w *watch) reader(r io.Reader) io.Reader { return watchedReader{r, w} }

type watchedReader struct {
	r io.Reader
	w *watch
}

func (r watchedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.w.moved()
	}
	return n, err
}

// answer turns the watch from the request to its answer.
func (w *watch) answer(to io.Writer) io.Writer {
	w.writing.Store(true)
	w.allow(stallTimeout)
	return watchedWriter{to, w}
}

type watchedWriter struct {
	to io.Writer
	w  *watch
}

func (r watchedWriter) Write(p []byte) (int, error) {
	n, err := r.to.Write(p)
	if n > 0 {
		r.w.moved()
	}
	return n, err
}
