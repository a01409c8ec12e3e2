// Package story is the main job of an X-Road instance, told by an administrator's script: everything goes through the public REST APIs and SOAP,
// nothing is set behind a server's back.
//
// Each step looks at what is there before it acts, so that a story that was interrupted, or whose servers were killed, goes on.
package story

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/rest"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Step is one thing that the story does and shows.
type Step struct {
	Title string
	Run   func(ctx context.Context, s *Story) (proved string, err error)
}

// Moment is a point of a client's registration at which tests kill servers.
type Moment string

// The moments, in order.
const (
	Saved    Moment = "saved"       // the client was added, nothing was sent
	Sending  Moment = "sending"     // clientReg is about to be sent
	Sent     Moment = "in progress" // the answer came
	Paired   Moment = "paired"      // the complementary request was added
	Approved Moment = "approved"    // the pair was approved
	Listed   Moment = "registered"  // the security server has seen it in the configuration
)

// Moments lists all of them.
var Moments = []Moment{Saved, Sending, Sent, Paired, Approved, Listed}

func (s *Story) at(m Moment) {
	if s.Moment != nil {
		s.Moment(m)
	}
}

// Result is a step that was done.
type Result struct {
	Title, Proved string
	Elapsed       time.Duration
}

// Story holds what the steps share.
type Story struct {
	Instance *instance.Instance
	Out      io.Writer
	Moment   func(name Moment) // called at the moments of a registration; nil outside tests
	Results  []Result

	start                       time.Time
	central, management, member *rest.Client
	names                       names
	last                        *Exchange
}

// names are the identifiers of everything that the story makes.
type names struct {
	operator, consumer, guest                   identifier.ClientID // members
	managementServices, greeter, caller, tenant identifier.ClientID // subsystems
	managementServer, memberServer              identifier.SecurityServerID
}

// New prepares the story of an instance whose servers run.
func New(i *instance.Instance, out io.Writer) *Story {
	return &Story{Instance: i, Out: out, names: makeNames(), start: time.Now()}
}

// AskCentral lets the steps that follow speak with another central server of the instance.
func (s *Story) AskCentral(ctx context.Context, server string) (err error) {
	s.central, err = s.Instance.API(ctx, server, instance.CentralRoles...)
	return err
}

// Tenant is the subsystem that Registration registers, and where.
func (s *Story) Tenant() (identifier.SecurityServerID, identifier.ClientID) {
	return s.names.memberServer, s.names.tenant
}

func makeNames() names {
	member := func(class, code string) identifier.ClientID {
		id, err := identifier.NewMember(instance.Name, class, code)
		mustBeNil(err)
		return id
	}
	subsystem := func(m identifier.ClientID, code string) identifier.ClientID {
		id, err := m.Subsystem(code)
		mustBeNil(err)
		return id
	}
	server := func(m identifier.ClientID, code string) identifier.SecurityServerID {
		id, err := identifier.NewSecurityServer(m, code)
		mustBeNil(err)
		return id
	}
	n := names{operator: member("GOV", "1000"), consumer: member("COM", "2000"), guest: member("COM", "3000")}
	n.managementServices = subsystem(n.operator, "management")
	n.greeter = subsystem(n.operator, "greeting")
	n.caller = subsystem(n.consumer, "portal")
	n.tenant = subsystem(n.guest, "office")
	n.managementServer = server(n.operator, "management-server")
	n.memberServer = server(n.consumer, "member-server")
	return n
}

// mustBeNil guards the constants above; a name that is wrong is a programming error.
func mustBeNil(err error) {
	if err != nil {
		panic(err)
	}
}

// Failure is a step that did not do what it should.
type Failure struct {
	Step string
	Err  error
	Logs string
}

// Error says which step failed, what was expected and what came.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %v\nthe servers' logs are in %s", f.Step, f.Err, f.Logs)
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// patience is how long a step is tried again while a server does not answer.
const patience = 30 * time.Second

// Tell runs the steps in order and prints each as it is done.
func (s *Story) Tell(ctx context.Context, steps []Step) error {
	for _, step := range steps {
		begin := time.Now()
		proved, err := s.try(ctx, step)
		if err != nil {
			fmt.Fprintf(s.Out, "[%6.1f s] FAILED  %s\n", time.Since(s.start).Seconds(), step.Title)
			return &Failure{Step: step.Title, Err: err, Logs: s.Instance.Folder + "/logs"}
		}
		elapsed := time.Since(begin)
		s.Results = append(s.Results, Result{step.Title, proved, elapsed})
		fmt.Fprintf(s.Out, "[%6.1f s] %-58s %s\n", time.Since(s.start).Seconds(), step.Title, proved)
	}
	return nil
}

// try repeats a step while servers cannot be reached: a server that is being restarted is no failure, an answer is.
func (s *Story) try(ctx context.Context, step Step) (string, error) {
	deadline := time.Now().Add(patience)
	for {
		proved, err := step.Run(ctx, s)
		if err == nil || !unreachable(err) || time.Now().After(deadline) || ctx.Err() != nil {
			return proved, err
		}
		wait(ctx, 100*time.Millisecond)
	}
}

func unreachable(err error) bool {
	var answered *rest.Error
	if errors.As(err, &answered) {
		return answered.Status >= 500 && answered.Code == ""
	}
	var network net.Error
	var dial *url.Error
	return errors.As(err, &network) || errors.As(err, &dial) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Until looks until look says yes, and tells what it saw last when it never does.
func (s *Story) until(ctx context.Context, expected string, look func() (seen string, ok bool, err error)) error {
	deadline := time.Now().Add(patience)
	for {
		seen, ok, err := look()
		if ok && err == nil {
			return nil
		}
		if err != nil && !unreachable(err) {
			return err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			if err != nil {
				seen = err.Error()
			}
			return fmt.Errorf("expected %s within %s, saw %s", expected, patience, seen)
		}
		wait(ctx, 200*time.Millisecond)
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Table prints every step with what it proved and how long it took.
func (s *Story) Table() {
	width := 0
	for _, r := range s.Results {
		width = max(width, len(r.Title))
	}
	proved := 0
	for _, r := range s.Results {
		proved = max(proved, len(r.Proved))
	}
	line := strings.Repeat("-", width) + "-+-" + strings.Repeat("-", proved) + "-+-" + strings.Repeat("-", 6)
	fmt.Fprintf(s.Out, "\n%-*s | %-*s | %6s\n%s\n", width, "step", proved, "what was proved", "ms", line)
	for _, r := range s.Results {
		fmt.Fprintf(s.Out, "%-*s | %-*s | %6d\n", width, r.Title, proved, r.Proved, r.Elapsed.Milliseconds())
	}
	fmt.Fprintln(s.Out, line)
}
