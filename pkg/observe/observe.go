// Package observe makes what one watches a daemon by: its log, its metrics, its health.
package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Logger writes one JSON object a line to w. Level is debug, info, warn or error; "" is info.
func Logger(w io.Writer, level string) (*zap.Logger, error) {
	at := zapcore.InfoLevel
	if level != "" {
		if err := at.Set(level); err != nil {
			return nil, fmt.Errorf("log level %q: use debug, info, warn or error", level)
		}
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey, encoder.EncodeTime = "time", zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000Z07:00")
	encoder.EncodeDuration = zapcore.StringDurationEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(zapcore.AddSync(w)), at)
	return zap.New(core, zap.WithClock(utc{})), nil
}

// utc is the machine's clock in UTC; log lines are not business and take no injected time.
type utc struct{}

func (utc) Now() time.Time                         { return time.Now().UTC() }
func (utc) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

// Registry is a metrics registry with the process's and the runtime's own figures.
func Registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Check is one thing that must work for the daemon to be ready.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Handler serves /metrics, /healthz (the process lives) and /readyz (every check passes; 503 with the names of those that do not). It
// tells strangers about the server: listen on loopback.
func Handler(registry *prometheus.Registry, log *zap.Logger, checks ...Check) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		failed := []string{}
		for _, c := range checks {
			if err := c.Run(ctx); err != nil {
				log.Warn("not ready", zap.String("check", c.Name), zap.Error(err))
				failed = append(failed, c.Name)
			}
		}
		slices.Sort(failed)
		w.Header().Set("Content-Type", "application/json")
		if len(failed) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"ready": len(failed) == 0, "failed": failed})
	})
	return mux
}
