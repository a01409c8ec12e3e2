package main

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ristmik/ristmik/deploy/local/infosystem"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

type testCACommand struct {
	Folder  string `required:"" type:"path"`
	Address string `required:""`
}

// Run serves certificates and OCSP responses on port 8888, time-stamps on 8899. The CA's own certificates are there to be read under /testca/.
func (c *testCACommand) Run() error {
	config := testca.Config{Name: "Test CA"}
	ca, err := testca.Load(c.Folder, config)
	if errors.Is(err, os.ErrNotExist) {
		if ca, err = testca.New(config); err == nil {
			err = ca.Save(c.Folder)
		}
	}
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /testca/sign", ca.SigningHandler())
	for name, der := range map[string][]byte{"ca.pem": ca.Certificate().Raw, "ocsp.pem": ca.OCSPCertificate().Raw, "tsa.pem": ca.TSACertificate().Raw} {
		mux.HandleFunc("GET /testca/"+name, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		})
	}
	mux.Handle("/", ca.OCSPHandler())
	return serve(map[string]http.Handler{c.Address + ":8888": mux, c.Address + ":8899": ca.TSAHandler()})
}

type informationSystemCommand struct {
	Address string `required:""`
}

// Run serves the greeting.
func (c *informationSystemCommand) Run() error {
	return serve(map[string]http.Handler{c.Address: infosystem.Handler("http://" + c.Address + "/")})
}

// serve runs the handlers until the program is asked to end.
func serve(handlers map[string]http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for address, handler := range handlers {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: handler, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
		group.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			return server.Close()
		})
	}
	return group.Wait()
}
