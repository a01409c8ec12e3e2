// Command local runs a whole X-Road instance on one machine: a test certification service, a central server, two security servers and an information system,
// and takes a security server and its clients through registration, messages and deletion.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/ristmik/ristmik/deploy/local/instance"
	"github.com/ristmik/ristmik/deploy/local/story"
)

type commands struct {
	Run               runCommand               `cmd:"" default:"withargs" help:"Start the instance, tell the story, and stay up (or stop, with --once)."`
	TestCA            testCACommand            `cmd:"" name:"testca" hidden:"" help:"The test certification service."`
	InformationSystem informationSystemCommand `cmd:"" hidden:"" help:"The service behind the management security server."`
}

type runCommand struct {
	Folder string `default:".state/local" help:"Where all state is kept." type:"path"`
	Once   bool   `help:"Tell the whole story on a fresh folder, then stop everything."`
	Remove bool   `help:"Delete the state and do nothing else."`
	Block  int    `default:"0" help:"Third number of the addresses: 127.0.<block>.10 and so on."`
}

func main() {
	var c commands
	parsed := kong.Parse(&c, kong.Name("local"), kong.Description("A whole X-Road instance on one machine."))
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "\n"+err.Error())
		os.Exit(1)
	}
}

// Run is the demonstration.
func (c *runCommand) Run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	folder := c.Folder
	if c.Remove {
		return os.RemoveAll(folder)
	}
	if c.Once {
		if folder, err = os.MkdirTemp("", "ristmik-"); err != nil {
			return err
		}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	i, err := instance.New(ctx, instance.Config{Folder: folder, Programs: filepath.Dir(program), Addresses: instance.Addresses{Block: c.Block}})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, i.Stop())
		// What went wrong can be looked at: only a story that was told to its end is cleared away.
		if err == nil && c.Once {
			err = os.RemoveAll(folder)
		}
	}()
	fmt.Printf("An X-Road instance on this machine; its state and logs are in %s\n\n", folder)
	if err := i.Start(ctx); err != nil {
		return err
	}
	finished := filepath.Join(folder, "finished")
	if _, statErr := os.Stat(finished); statErr != nil {
		s := story.New(i, os.Stdout)
		if err := s.Tell(ctx, story.All()); err != nil {
			return err
		}
		s.Table()
		if err := os.WriteFile(finished, nil, 0o600); err != nil {
			return err
		}
	}
	if c.Once {
		return nil
	}
	describe(i)
	<-ctx.Done()
	fmt.Println("\nstopping; `make demo` starts the same instance again")
	return nil
}

func describe(i *instance.Instance) {
	a := i.Addresses
	fmt.Printf(`
The instance is up. Stop it with Ctrl-C; start it again with `+"`make demo`"+`; delete it with `+"`make demo ARGS=--remove`"+`.

  central server               https://%s:4000   user %s   password %s
  management security server   https://%s:4000   user %s   password %s
  member security server       https://%s:4000   user %s   password %s

What to try next:
  curl http://%s:%d/internalconf?version=6                       the signed global configuration
  curl -k https://%s:4000/api/v1/openapi.yaml                    the central server's REST API
  curl -k -u '%s:%s' -H 'Content-Type: application/json' -d '["XROAD_REGISTRATION_OFFICER"]' https://%s:4000/api/v1/api-keys
                                                                      an API key for scripts
  tail -f %s/member/audit.log                                    what administrators did
`,
		a.Central(), instance.Administrator, i.Secret("central-password"),
		a.Management(), instance.Administrator, i.Secret("management-password"),
		a.Member(), instance.Administrator, i.Secret("member-password"),
		a.Central(), instance.PublicationPort, a.Central(),
		instance.Administrator, i.Secret("central-password"), a.Central(), i.Folder)
}
