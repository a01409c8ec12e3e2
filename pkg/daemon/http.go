package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// HTTP is a part that serves h on l, with TLS when config is given. Slow and idle callers are cut off: 10 s for the header, 1 minute for
// the request, 5 minutes for the answer, 2 minutes between requests. What is running when the process is told to stop is finished.
func HTTP(name string, logger *zap.Logger, l net.Listener, h http.Handler, config *tls.Config) Part {
	return Serve(name, logger, l, &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}, config)
}

// Serve is HTTP for a server with limits of its own. Errors of single connections are logged at level debug: strangers cause them.
func Serve(name string, logger *zap.Logger, l net.Listener, server *http.Server, config *tls.Config) Part {
	return Part{Name: name, Run: func(ctx context.Context) error {
		server.ErrorLog = log.New(debugWriter{logger.With(zap.String("listener", name))}, "", 0)
		server.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
		if config != nil {
			config = config.Clone()
			if len(config.NextProtos) == 0 {
				config.NextProtos = []string{"h2", "http/1.1"}
			}
			server.TLSConfig = config
			l = tls.NewListener(l, config)
		}
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(l) }()
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace-time.Second)
		defer cancel()
		if err := server.Shutdown(limit); err != nil {
			_ = server.Close()
		}
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}}
}

type debugWriter struct{ log *zap.Logger }

func (w debugWriter) Write(p []byte) (int, error) {
	w.log.Debug(string(p))
	return len(p), nil
}

// TLS is what the administrator's doors speak: TLS 1.2 and 1.3 with authenticated encryption and forward secrecy only.
func TLS(certificate *tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{*certificate},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		},
	}
}
