// Command securityserver is the security server of an X-Road member.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/securityserver/internal/app"
)

// version is set by the build.
var version = "unknown"

type commands struct {
	Serve   serve               `cmd:"" help:"Run the server."`
	Migrate host.MigrateCommand `cmd:"" help:"Bring the database to this program's version."`
	User    host.UserCommands   `cmd:"" help:"Manage the administrators."`
	Config  host.ConfigCommands `cmd:"" help:"Look at the configuration file."`
	Message message             `cmd:"" help:"Look into the message log."`
	Version kong.VersionFlag    `help:"Print the version."`
}

type serve struct{ host.File }

// Run serves until a signal comes.
func (s *serve) Run(ctx context.Context, p host.Program, config *app.Config) (err error) {
	if err := s.Load(config); err != nil {
		return err
	}
	h, err := host.Open(ctx, p, config.Config, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	a, err := app.New(h, config, version)
	if err != nil {
		return err
	}
	return a.Run(ctx, daemon.Daemon{Log: h.Log, Out: os.Stdout})
}

type message struct {
	Export export `cmd:"" help:"Write a logged message with its signature into a folder."`
}

type export struct {
	ID string `arg:"" help:"The message's id."`
	host.File
	Folder string `required:"" type:"path"`
}

// Run exports.
func (e *export) Run(ctx context.Context, p host.Program, config *app.Config) (err error) {
	if err := e.Load(config); err != nil {
		return err
	}
	h, err := host.Open(ctx, p, config.Config, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	n, err := app.Export(ctx, h, e.ID, e.Folder)
	if err == nil {
		fmt.Println(n, "records written")
	}
	return err
}

func main() {
	config := app.DefaultConfig()
	k := kong.Parse(&commands{}, kong.Name("securityserver"), kong.Description("The security server of an X-Road member."), kong.UsageOnError(),
		kong.Vars{"version": version}, kong.Bind(app.Program(), config), kong.BindTo(context.Background(), (*context.Context)(nil)),
		kong.BindTo(config, (*host.Settings)(nil)))
	k.FatalIfErrorf(k.Run())
}
