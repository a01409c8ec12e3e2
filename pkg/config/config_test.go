package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/config"
)

type settings struct {
	Address  string        `yaml:"address"`
	Interval time.Duration `yaml:"interval"`
	Database struct {
		Driver  string `yaml:"driver"`
		DSN     string `yaml:"dsn,omitempty"`
		DSNFile string `yaml:"dsn_file"`
	} `yaml:"database"`
}

func (s *settings) Validate() error {
	if s.Address == "" {
		return errors.New("address is required")
	}
	return nil
}

func TestParse(t *testing.T) {
	s := settings{Interval: time.Minute}
	require.NoError(t, config.Parse([]byte("address: 127.0.0.1:4000\ndatabase: {driver: sqlite}\n"), &s))
	require.Equal(t, "sqlite", s.Database.Driver)
	require.Equal(t, time.Minute, s.Interval)

	for _, c := range []struct{ file, want string }{
		{"address: a\nadr: b\n", "line 2: unknown key adr"},
		{"address: a\ndatabase:\n  drivr: sqlite\n", "line 3: unknown key drivr"},
		{"address: a\ninterval: soon\n", "line 2: cannot unmarshal !!str `soon` into time.Duration"},
		{"address: a\naddress: b\n", "already"},
		{"address: [\n", "line 1"},
		{"address: a\n---\naddress: b\n", "more than one document"},
		{"", "address is required"},
	} {
		err := config.Parse([]byte(c.file), &settings{})
		require.ErrorContains(t, err, c.want, c.file)
		require.NotContains(t, err.Error(), "config_test")
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.ErrorContains(t, config.Load(file, &settings{}), file)
	require.NoError(t, os.WriteFile(file, []byte("x: 1\n"), 0o600))
	require.ErrorContains(t, config.Load(file, &settings{}), file+": line 1: unknown key x")
}

func TestSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(" p w \r\n"), 0o640))
	secret, err := config.Secret(file)
	require.NoError(t, err)
	require.Equal(t, " p w ", secret)
	require.NoError(t, os.Chmod(file, 0o644))
	_, err = config.Secret(file)
	require.ErrorContains(t, err, "can be read by everybody")
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	require.NoError(t, os.Chmod(file, 0o600))
	_, err = config.Secret(file)
	require.ErrorContains(t, err, "is empty")
}

func TestRedactedHidesSecrets(t *testing.T) {
	s := settings{Address: "a"}
	s.Database.DSN, s.Database.DSNFile = "postgres://u:password@h/d", "/etc/dsn"
	text, err := config.Redacted(&s)
	require.NoError(t, err)
	require.Equal(t, "address: a\ninterval: 0s\ndatabase:\n    driver: \"\"\n    dsn: (hidden)\n    dsn_file: /etc/dsn\n", text)
}

func TestUnder(t *testing.T) {
	require.Equal(t, "/data/a.db", config.Under("/data", "a.db"))
	require.Equal(t, "/x/a.db", config.Under("/data", "/x/a.db"))
	require.Empty(t, config.Under("/data", ""))
}
