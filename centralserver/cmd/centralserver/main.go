// Command centralserver is an X-Road central server.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/ristmik/ristmik/centralserver/internal/app"
	"github.com/ristmik/ristmik/pkg/host"
)

// version is set by the build.
var version = "development"

type commands struct {
	Serve   serveCommand        `cmd:"" help:"Run the central server."`
	Migrate host.MigrateCommand `cmd:"" help:"Bring the database to this program's version."`
	User    host.UserCommands   `cmd:"" help:"Manage administrators."`
	Config  host.ConfigCommands `cmd:"" help:"Check or print the configuration file."`
	Version versionCommand      `cmd:"" help:"Print the version."`
}

type serveCommand struct{ host.File }

// Run serves.
func (c *serveCommand) Run(ctx context.Context) error {
	config := app.DefaultConfig()
	if err := c.Load(config); err != nil {
		return err
	}
	return app.Serve(ctx, config, version)
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run() error {
	_, err := fmt.Println(version)
	return err
}

func main() {
	var c commands
	parsed := kong.Parse(&c, kong.Name("centralserver"), kong.Description("X-Road central server."), kong.UsageOnError())
	parsed.BindTo(context.Background(), (*context.Context)(nil))
	parsed.BindTo(app.DefaultConfig(), (*host.Settings)(nil))
	if err := parsed.Run(app.Program()); err != nil {
		fmt.Fprintln(os.Stderr, "centralserver:", err)
		os.Exit(1)
	}
}
