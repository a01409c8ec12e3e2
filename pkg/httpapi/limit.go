package httpapi

import (
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/ristmik/ristmik/pkg/fault"
)

// The usual rates of one address.
const (
	usualPerSecond = 20
	usualPerMinute = 600
	mostAddresses  = 10_000 // memory that strangers can make us use
)

// limiter keeps two token buckets for each address.
type limiter struct {
	perSecond, perMinute int

	mu        sync.Mutex
	addresses map[string]*rates
}

type rates struct{ second, minute *rate.Limiter }

func newLimiter(perSecond, perMinute int) *limiter {
	if perSecond <= 0 {
		perSecond = usualPerSecond
	}
	if perMinute <= 0 {
		perMinute = usualPerMinute
	}
	return &limiter{perSecond: perSecond, perMinute: perMinute, addresses: map[string]*rates{}}
}

func (l *limiter) allow(address string, now time.Time) bool {
	l.mu.Lock()
	r := l.addresses[address]
	if r == nil {
		l.makeRoom(now)
		r = &rates{
			second: rate.NewLimiter(rate.Limit(l.perSecond), l.perSecond),
			minute: rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), l.perMinute),
		}
		l.addresses[address] = r
	}
	l.mu.Unlock()
	return r.second.AllowN(now, 1) && r.minute.AllowN(now, 1)
}

func (l *limiter) makeRoom(now time.Time) {
	if len(l.addresses) < mostAddresses {
		return
	}
	for address, r := range l.addresses {
		if r.minute.TokensAt(now) >= float64(l.perMinute) {
			delete(l.addresses, address)
		}
	}
	for address := range l.addresses {
		if len(l.addresses) < mostAddresses {
			return
		}
		delete(l.addresses, address)
	}
}

// limit refuses an address that asks too often. Files of the user interface are not counted.
func (s *Server) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		path := c.Request().URL.Path
		if (isAPI(path) || path == "/login" || path == "/logout") && !s.limiter.allow(c.RealIP(), s.config.Now()) {
			return fault.New(fault.TooMany, "too_many_requests", "Too many requests")
		}
		return next(c)
	}
}
