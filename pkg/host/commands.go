package host

import (
	"context"
	"fmt"
	"os"

	"github.com/ristmik/ristmik/pkg/config"
)

// Settings is a daemon's whole configuration: what Config.Load fills.
type Settings interface {
	config.Validator
	Shared() *Config
}

// File is the flag that every command has.
type File struct {
	Config string `required:"" type:"path" help:"The configuration file."`
}

// Load reads the file into settings, which hold the defaults.
func (f File) Load(settings Settings) error { return config.Load(f.Config, settings) }

// MigrateCommand brings the database to this program's version.
type MigrateCommand struct{ File }

// Run migrates.
func (c *MigrateCommand) Run(ctx context.Context, p Program, settings Settings) error {
	if err := c.Load(settings); err != nil {
		return err
	}
	h, err := Open(ctx, p, *settings.Shared(), true)
	if err != nil {
		return err
	}
	return h.Close()
}

// UserCommands manage the administrators. They work beside a running daemon.
type UserCommands struct {
	Add    UserAdd    `cmd:"" help:"Add a user, or give one a new password and new roles."`
	Remove UserRemove `cmd:"" help:"Remove a user and end their sessions."`
	List   UserList   `cmd:"" help:"List users and roles."`
}

// UserAdd makes a user: the first administrator is made like this.
type UserAdd struct {
	Name string `arg:""`
	File
	PasswordFile string   `required:"" type:"path" help:"File with the password."`
	Role         []string `required:"" help:"A role, such as XROAD_SYSTEM_ADMINISTRATOR; may be repeated."`
}

// Run adds.
func (c *UserAdd) Run(ctx context.Context, p Program, settings Settings) error {
	password, err := config.Secret(c.PasswordFile)
	if err != nil {
		return err
	}
	return withHost(ctx, p, settings, c.File, func(h *Host) error { return h.Auth.SaveUser(ctx, c.Name, password, c.Role...) })
}

// UserRemove removes a user.
type UserRemove struct {
	Name string `arg:""`
	File
}

// Run removes.
func (c *UserRemove) Run(ctx context.Context, p Program, settings Settings) error {
	return withHost(ctx, p, settings, c.File, func(h *Host) error { return h.Auth.RemoveUser(ctx, c.Name) })
}

// UserList lists users.
type UserList struct{ File }

// Run lists.
func (c *UserList) Run(ctx context.Context, p Program, settings Settings) error {
	return withHost(ctx, p, settings, c.File, func(h *Host) error {
		users, err := h.Auth.Users(ctx)
		for _, u := range users {
			fmt.Println(u.Name, u.Roles)
		}
		return err
	})
}

// ConfigCommands look at the configuration file.
type ConfigCommands struct {
	Check ConfigCheck `cmd:"" help:"Say what is wrong with the configuration file."`
	Print ConfigPrint `cmd:"" help:"Print the configuration with its defaults, without secrets."`
}

// ConfigCheck reads the file.
type ConfigCheck struct{ File }

// Run checks.
func (c *ConfigCheck) Run(settings Settings) error {
	if err := c.Load(settings); err != nil {
		return err
	}
	fmt.Println("the configuration is valid")
	return nil
}

// ConfigPrint prints it.
type ConfigPrint struct{ File }

// Run prints.
func (c *ConfigPrint) Run(settings Settings) error {
	if err := c.Load(settings); err != nil {
		return err
	}
	text, err := config.Redacted(settings)
	if err == nil {
		_, err = fmt.Fprint(os.Stdout, text)
	}
	return err
}

func withHost(ctx context.Context, p Program, settings Settings, f File, do func(*Host) error) (err error) {
	if err := f.Load(settings); err != nil {
		return err
	}
	h, err := Open(ctx, p, *settings.Shared(), false)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := h.Close(); err == nil {
			err = closeErr
		}
	}()
	return do(h)
}
