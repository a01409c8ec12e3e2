// Package daemon is the life of a process: it runs listeners and loops together, stops them together, and says when it is ready.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// Grace is how long parts may take to finish what they are doing once the process is told to stop.
const Grace = 10 * time.Second

// Part is something that runs until its context ends: a listener or a loop. A part that returns before that stops the others; when it
// returns nil then, that is an error too.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// Daemon says where a process tells about itself.
type Daemon struct {
	Log   *zap.Logger
	Out   io.Writer // gets the line "ready" once the parts run; nil for none
	Ready string    // what stands after "ready" on that line, such as the addresses
}

// errEnded says that a part returned although nobody had told it to.
var errEnded = errors.New("ended by itself")

// Run runs the parts until ctx ends, SIGTERM or SIGINT comes, or a part fails; then it ends the parts' context and waits for them, at most
// Grace. It returns the first failure, nil when it was told to stop and all parts did. Listeners are opened by the caller before Run, so
// that "ready" is true when it is said. A service manager that set NOTIFY_SOCKET is told as well.
func (d Daemon) Run(ctx context.Context, parts ...Part) error {
	ctx, unsignal := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer unsignal()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var (
		group sync.WaitGroup
		once  sync.Once
		first error
	)
	for _, p := range parts {
		group.Go(func() {
			err := d.runPart(ctx, p)
			if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
				return
			}
			if err == nil {
				err = errEnded
			}
			once.Do(func() { first = fmt.Errorf("%s: %w", p.Name, err) })
			d.Log.Error("part failed", zap.String("part", p.Name), zap.Error(err))
			cancel()
		})
	}
	d.sayReady()
	<-ctx.Done()
	d.Log.Info("stopping")
	_ = notify("STOPPING=1")
	unsignal() // a second signal ends the process at once

	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	limit := time.NewTimer(Grace)
	defer limit.Stop()
	select {
	case <-done:
		return first
	case <-limit.C:
		return fmt.Errorf("not all parts stopped within %v", Grace)
	}
}

// runPart makes of a panic an error, so that the other parts stop in order.
func (d Daemon) runPart(ctx context.Context, p Part) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			d.Log.Error("panic", zap.String("part", p.Name), zap.Any("panic", r), zap.Stack("stack"))
		}
	}()
	return p.Run(ctx)
}

func (d Daemon) sayReady() {
	if d.Out != nil {
		line := "ready"
		if d.Ready != "" {
			line += " " + d.Ready
		}
		_, _ = fmt.Fprintln(d.Out, line)
	}
	if err := notify("READY=1"); err != nil {
		d.Log.Warn("service manager not told", zap.Error(err))
	}
}

// notify tells the service manager, when there is one.
func notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}

// Loop is a part that calls fn at once and then every interval. An error is logged and the loop goes on.
func Loop(name string, log *zap.Logger, interval time.Duration, fn func(ctx context.Context) error) Part {
	return Part{Name: name, Run: func(ctx context.Context) error {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				log.Error("loop", zap.String("part", name), zap.Error(err))
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}}
}
