// Package instance is a whole X-Road instance on one machine: where everything lives, and the programs that make it up.
//
// Each server has an address of its own in 127.0.0.0/8 and X-Road's standard ports on it. All state is in one folder.
package instance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ristmik/ristmik/deploy/local/rest"
)

// Name is the instance's identifier.
const Name = "LOCAL"

// Addresses of the servers. Block shifts all of them, so that tests can run beside a demo: 127.0.<block>.10 and so on.
type Addresses struct{ Block int }

func (a Addresses) host(last int) string { return fmt.Sprintf("127.0.%d.%d", a.Block, last) }

// Central is the central server's address.
func (a Addresses) Central() string { return a.host(10) }

// SecondCentral is the address of the second central server.
func (a Addresses) SecondCentral() string { return a.host(11) }

// Management is the address of the management services' security server.
func (a Addresses) Management() string { return a.host(20) }

// Member is the address of the member's security server.
func (a Addresses) Member() string { return a.host(30) }

// TestCA is the address of the test certification service.
func (a Addresses) TestCA() string { return a.host(40) }

// InformationSystem is the address of the service behind the management security server.
func (a Addresses) InformationSystem() string { return a.host(50) }

// Ports that differ from X-Road's standard ones because those need privileges.
const (
	PublicationPort       = 8000
	InformationSystemPort = 8090
)

// Config says where and on what database the instance runs.
type Config struct {
	Folder    string // all state
	Programs  string // folder with centralserver, securityserver and local
	Addresses Addresses
	// Databases gives the PostgreSQL connection string for "central", "management" and "member"; nil means SQLite.
	Databases func(server string) string
	// SecondCentral adds a central server on the database of the first, which must be PostgreSQL.
	SecondCentral bool
}

// Instance is the set of programs.
type Instance struct {
	Config
	TestCA, Central, Management, Member, InformationSystem *Process
	SecondCentral                                          *Process // nil unless it was asked for
}

// Administrator is the user name on all three servers.
const Administrator = "admin"

// New lays out the folder: secrets, configuration files and the first user of each server. What is there already stays.
func New(ctx context.Context, c Config) (*Instance, error) {
	i := &Instance{Config: c}
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, err
	}
	local := filepath.Join(c.Programs, "local")
	i.TestCA = i.process("testca", c.Addresses.TestCA()+":8888", local, "testca", "--folder", i.path("testca"), "--address", c.Addresses.TestCA())
	i.InformationSystem = i.process("information-system", fmt.Sprintf("%s:%d", c.Addresses.InformationSystem(), InformationSystemPort),
		local, "information-system", "--address", fmt.Sprintf("%s:%d", c.Addresses.InformationSystem(), InformationSystemPort))
	var err error
	if i.Central, err = i.server(ctx, "central", "centralserver", c.Addresses.Central(), centralConfig); err != nil {
		return nil, err
	}
	if c.SecondCentral {
		if i.SecondCentral, err = i.second(); err != nil {
			return nil, err
		}
	}
	if i.Management, err = i.server(ctx, "management", "securityserver", c.Addresses.Management(), securityConfig); err != nil {
		return nil, err
	}
	i.Member, err = i.server(ctx, "member", "securityserver", c.Addresses.Member(), securityConfig)
	return i, err
}

// Processes lists the programs in the order in which they start.
func (i *Instance) Processes() []*Process {
	list := []*Process{i.TestCA, i.InformationSystem, i.Central, i.Management, i.Member}
	if i.SecondCentral != nil {
		list = append(list, i.SecondCentral)
	}
	return list
}

// Start starts what is not running.
func (i *Instance) Start(ctx context.Context) error {
	for _, p := range i.Processes() {
		if p.Running() {
			continue
		}
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends all programs, the dependent ones first.
func (i *Instance) Stop() error {
	var all []error
	list := i.Processes()
	for n := len(list) - 1; n >= 0; n-- {
		all = append(all, list[n].Stop())
	}
	return errors.Join(all...)
}

// API gives a client of a server's REST API with an API key made by name and password.
func (i *Instance) API(ctx context.Context, server string, roles ...string) (*rest.Client, error) {
	client, err := rest.New("https://" + i.host(server) + ":4000")
	if err != nil {
		return nil, err
	}
	secret := server
	if server == SecondCentral {
		secret = "central" // users are rows of the one database
	}
	return client, client.MakeAPIKey(ctx, Administrator, i.Secret(secret+"-password"), roles...)
}

// Secret reads a password or PIN, making it on first use. Nothing has a default.
func (i *Instance) Secret(name string) string {
	file := i.secretFile(name)
	data, err := os.ReadFile(file)
	if err != nil {
		data = []byte(rand.Text()[:16])
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, data, 0o600)); err != nil {
			return ""
		}
	}
	return strings.TrimSpace(string(data))
}

func (i *Instance) secretFile(name string) string { return i.path("secrets", name) }

func (i *Instance) path(elements ...string) string {
	return filepath.Join(append([]string{i.Folder}, elements...)...)
}

func (i *Instance) host(server string) string {
	switch server {
	case "central":
		return i.Addresses.Central()
	case SecondCentral:
		return i.Addresses.SecondCentral()
	case "management":
		return i.Addresses.Management()
	default:
		return i.Addresses.Member()
	}
}

func (i *Instance) process(name, address string, program ...string) *Process {
	return &Process{Name: name, Log: i.path("logs", name+".log"), Address: address, Program: program}
}

// SecondCentral is the name of the second central server.
const SecondCentral = "central-2"

// second lays out a second central server: its own folder and address, the database, users and token of the first.
func (i *Instance) second() (*Process, error) {
	folder, address := i.path(SecondCentral), i.Addresses.SecondCentral()
	file := filepath.Join(folder, "config.yaml")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	text := "node: node_1\n" + centralConfig(i, "central", folder, address)
	return i.process(SecondCentral, address+":4000", filepath.Join(i.Programs, "centralserver"), "serve", "--config", file), os.WriteFile(file, []byte(text), 0o600)
}

// server writes the configuration of one server on first use and makes its first user, as an operator does before the first start.
func (i *Instance) server(ctx context.Context, name, program, address string, config func(i *Instance, name, folder, address string) string) (*Process, error) {
	folder := i.path(name)
	file := filepath.Join(folder, "config.yaml")
	p := i.process(name, address+":4000", filepath.Join(i.Programs, program), "serve", "--config", file)
	if _, err := os.Stat(filepath.Join(folder, "prepared")); err == nil {
		return p, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	i.Secret(name + "-password")
	i.Secret(name + "-pin")
	if i.Databases != nil {
		if err := os.WriteFile(i.secretFile(name+"-dsn"), []byte(i.Databases(name)), 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(file, []byte(config(i, name, folder, address)), 0o600); err != nil {
		return nil, err
	}
	for _, arguments := range [][]string{
		{"migrate", "--config", file},
		append([]string{"user", "add", Administrator, "--config", file, "--password-file", i.secretFile(name + "-password")}, roles(program)...),
	} {
		command := exec.CommandContext(ctx, filepath.Join(i.Programs, program), arguments...)
		if out, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s %s: %w\n%s", program, strings.Join(arguments, " "), err, out)
		}
	}
	return p, os.WriteFile(filepath.Join(folder, "prepared"), nil, 0o600)
}

// CentralRoles and SecurityRoles are all roles that a person may have on each server.
var (
	CentralRoles  = []string{"XROAD_REGISTRATION_OFFICER", "XROAD_SECURITY_OFFICER", "XROAD_SYSTEM_ADMINISTRATOR"}
	SecurityRoles = []string{"XROAD_REGISTRATION_OFFICER", "XROAD_SECURITY_OFFICER", "XROAD_SERVICE_ADMINISTRATOR", "XROAD_SYSTEM_ADMINISTRATOR"}
)

func roles(program string) []string {
	list := SecurityRoles
	if program == "centralserver" {
		list = CentralRoles
	}
	var arguments []string
	for _, role := range list {
		arguments = append(arguments, "--role", role)
	}
	return arguments
}
