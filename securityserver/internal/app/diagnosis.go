package app

import (
	"net"
	"net/http"
	"time"

	"github.com/ristmik/ristmik/securityserver/internal/diagnosis"
)

// lookTimeout bounds one question that the checklist asks of the network.
const lookTimeout = 5 * time.Second

// diagnosis looks at everything the way it is wired.
func (a *App) diagnosis() *diagnosis.Service {
	return diagnosis.New(diagnosis.Config{Conf: a.loop, Setup: a.setup, Keys: a.keys, Services: a.services,
		Download: func() diagnosis.Download {
			s := a.loop.Status()
			return diagnosis.Download{LastSuccess: s.LastSuccess, Err: s.LastError}
		},
		Authority: a.log.Authority, Registration: a.sender.Reachable, HTTP: &http.Client{Timeout: lookTimeout}, Dial: (&net.Dialer{}).DialContext,
		Lookup: net.DefaultResolver.LookupHost, ServerPort: a.config.ServerPort, OCSPPort: a.config.OCSPPort, PeerServerPort: a.config.PeerServerPort,
		Now: a.host.Now})
}
