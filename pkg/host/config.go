// Package host is what the wiring of both daemons has in common: configuration keys, database, users, the administrators' door, the audit log and
// the commands around them. What a daemon does with them stands in its own app package.
package host

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/ristmik/ristmik/pkg/config"
	"github.com/ristmik/ristmik/pkg/database"
)

// Config is the part of a daemon's configuration file that both daemons read.
type Config struct {
	DataDirectory string   `yaml:"data_directory"` // everything that is kept in files
	Bind          string   `yaml:"bind"`           // address of all doors
	AdminPort     int      `yaml:"admin_port"`     // REST API and web interface
	MetricsPort   int      `yaml:"metrics_port"`   // metrics and health, on 127.0.0.1 only; 0 for none
	Database      Database `yaml:"database"`
	Log           Log      `yaml:"log"`
	Token         Token    `yaml:"token"`
	// RequestsPerSecond and RequestsPerMinute limit what one address may ask of the administrators' door.
	RequestsPerSecond int `yaml:"requests_per_second"`
	RequestsPerMinute int `yaml:"requests_per_minute"`
}

// Database says where the data is. The default is an SQLite file in the data directory.
type Database struct {
	Driver  string `yaml:"driver"`   // sqlite or postgres
	DSNFile string `yaml:"dsn_file"` // postgres: file with the connection string
}

// Log is the program's log, JSON lines on standard error.
type Log struct {
	Level string `yaml:"level"` // debug, info, warn, error
}

// Token says how the software token is opened at start: by a person when PINFile is empty.
type Token struct {
	PINFile string `yaml:"pin_file"`
}

// Defaults are those of X-Road's servers.
func Defaults(dataDirectory string) Config {
	return Config{DataDirectory: dataDirectory, Bind: "0.0.0.0", AdminPort: 4000, Database: Database{Driver: database.SQLite},
		Log: Log{Level: "info"}, RequestsPerSecond: 20, RequestsPerMinute: 600}
}

// Validate says what is wrong with the values.
func (c *Config) Validate() error {
	switch {
	case c.DataDirectory == "":
		return errors.New("data_directory is missing")
	case net.ParseIP(c.Bind) == nil:
		return fmt.Errorf("bind: %q is not an IP address", c.Bind)
	case c.AdminPort <= 0 || c.AdminPort > 65535:
		return fmt.Errorf("admin_port: %d is not a port", c.AdminPort)
	case c.MetricsPort < 0 || c.MetricsPort > 65535:
		return fmt.Errorf("metrics_port: %d is not a port", c.MetricsPort)
	case c.RequestsPerSecond <= 0 || c.RequestsPerMinute <= 0:
		return errors.New("requests_per_second and requests_per_minute must be positive")
	}
	switch c.Database.Driver {
	case database.SQLite:
		if c.Database.DSNFile != "" {
			return errors.New("database.dsn_file belongs to the driver postgres")
		}
	case database.Postgres:
		if c.Database.DSNFile == "" {
			return errors.New("database.dsn_file is missing")
		}
	default:
		return fmt.Errorf("database.driver: %q is neither sqlite nor postgres", c.Database.Driver)
	}
	return nil
}

// PIN reads the token's PIN, "" when a person opens the token.
func (c *Config) PIN() (string, error) {
	if c.Token.PINFile == "" {
		return "", nil
	}
	return config.Secret(config.Under(c.DataDirectory, c.Token.PINFile))
}

// Path gives a path below the data directory and makes its folder.
func (c *Config) Path(elements ...string) (string, error) {
	path := filepath.Join(append([]string{c.DataDirectory}, elements...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("making the data directory: %w", err)
	}
	return path, nil
}

// databaseConfig resolves file names and reads the connection string.
func (c *Config) databaseConfig() (database.Config, error) {
	if c.Database.Driver == database.SQLite {
		path, err := c.Path("ristmik.db")
		return database.Config{Driver: database.SQLite, DSN: path}, err
	}
	dsn, err := config.Secret(config.Under(c.DataDirectory, c.Database.DSNFile))
	return database.Config{Driver: database.Postgres, DSN: dsn}, err
}
