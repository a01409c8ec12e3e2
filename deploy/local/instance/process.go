package instance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is one server of the instance, running as a program of its own.
type Process struct {
	Name    string
	Log     string   // file that its output goes to
	Address string   // host:port that accepts connections once it is ready
	Program []string // program and arguments
	command *exec.Cmd
	done    chan struct{}
	ready   time.Duration
}

// Start runs the program and waits until it accepts connections.
func (p *Process) Start(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(p.Log), 0o750); err != nil {
		return err
	}
	dialer := net.Dialer{Timeout: 200 * time.Millisecond}
	if connection, err := dialer.DialContext(ctx, "tcp", p.Address); err == nil {
		_ = connection.Close()
		return fmt.Errorf("%s cannot start: something else listens on %s already", p.Name, p.Address)
	}
	output, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer output.Close()
	// The process must outlive the context of the step that starts it, and must not get the terminal's Ctrl-C: it is stopped in order.
	p.command = exec.Command(p.Program[0], p.Program[1:]...) //nolint:noctx // lives until Stop
	p.command.Stdout, p.command.Stderr = output, output
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	start := time.Now()
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	p.done = make(chan struct{})
	go func() {
		_ = p.command.Wait()
		close(p.done)
	}()
	if err := p.awaitReady(ctx); err != nil {
		return err
	}
	p.ready = time.Since(start)
	return nil
}

func (p *Process) awaitReady(ctx context.Context) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var dialer net.Dialer
	for {
		connection, err := dialer.DialContext(ctx, "tcp", p.Address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready; the last lines of %s:\n%s", p.Name, p.Log, p.LastLines(5))
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s after %s; see %s", p.Name, p.Address, patience, p.Log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Ready is the time from start to the first accepted connection.
func (p *Process) Ready() time.Duration { return p.ready }

// Running reports whether the program is alive.
func (p *Process) Running() bool {
	if p.command == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop asks the program to end and waits; after ten seconds it is killed.
func (p *Process) Stop() error {
	if !p.Running() {
		return nil
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		p.Kill()
		return fmt.Errorf("%s did not stop within 10 s and was killed", p.Name)
	}
}

// Kill ends the program as a power cut would.
func (p *Process) Kill() {
	if p.Running() {
		_ = p.command.Process.Kill()
		<-p.done
	}
}

// Resident gives the largest resident memory the program had so far, in bytes.
func (p *Process) Resident() int64 {
	if !p.Running() {
		return 0
	}
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}

// LastLines gives the end of the program's log.
func (p *Process) LastLines(n int) string {
	data, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
