// Package cluster runs a private PostgreSQL server for tests: loopback only, in a temporary folder, gone when the process is gone.
package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Cluster is a running server.
type Cluster struct {
	dsn      string
	keepOpen io.Closer // the supervisor stops the server when this pipe ends, also when the process is killed
	cmd      *exec.Cmd
}

// script is the supervisor: it starts the server, says so, and stops it at the end of its input. The end comes when the process that
// started it closes the pipe or dies, whichever is first.
const script = `
set -e
dir=$1 port=$2
finish() { pg_ctl -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true; cd /; rm -rf "$dir"; }
trap finish EXIT
trap '' INT TERM HUP PIPE
initdb -D "$dir/data" -U ristmik -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log"; exit 1; }
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
shared_buffers = 64MB
max_wal_size = 2GB
timezone = 'Asia/Kolkata'
CONF
pg_ctl -D "$dir/data" -l "$dir/log" -w -t 60 start >/dev/null 2>&1 || { cat "$dir/log"; exit 1; }
echo ready
read -r _ || true
`

// Start makes and starts a server; it needs PostgreSQL's programs under /usr/lib/postgresql or in PATH. As root the server runs as the
// system user postgres, because PostgreSQL refuses root.
func Start() (*Cluster, error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	for range 3 { // another process may take the free port before the server does
		var c *Cluster
		if c, err = start(programs); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func start(programs string) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "ristmik-postgres-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	args := []string{"sh", "-c", script, "postgres-for-tests", dir, strconv.Itoa(port)}
	if os.Geteuid() == 0 {
		if err := giveTo("postgres", dir); err != nil {
			return nil, err
		}
		args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt at the terminal is for the tests; the pipe tells the supervisor
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	c := &Cluster{keepOpen: in, cmd: cmd, dsn: fmt.Sprintf("postgres://ristmik@127.0.0.1:%d/postgres?sslmode=disable", port)}
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	if line != "ready\n" {
		rest, _ := io.ReadAll(said)
		_ = c.Stop()
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("starting PostgreSQL: %s%s", line, rest)
	}
	return c, err
}

// DSN is the connection string of the server's maintenance database; the user may create others.
func (c *Cluster) DSN() string { return c.dsn }

// Stop ends the server and removes its data.
func (c *Cluster) Stop() error {
	_ = c.keepOpen.Close()
	return c.cmd.Wait()
}

func find() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("the tests need PostgreSQL: install Debian's package postgresql, or set RISTMIK_TEST_POSTGRES")
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func giveTo(name, dir string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return os.Chown(dir, uid, gid)
}
