package testca

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ristmik/ristmik/pkg/certificate"
)

// state is what is not a key or a certificate.
type state struct {
	Name    string            `json:"name"`
	Profile string            `json:"profile"`
	RSA     bool              `json:"rsa"`
	Serial  int64             `json:"serial"`
	Issued  map[int64]*record `json:"issued"`
}

const stateFile = "state.json"

// Save writes the CA to a folder, which is made when absent; from then on every certificate and revocation is kept there. Keys are files
// with mode 0600. An intermediate CA cannot be saved.
func (c *CA) Save(dir string) error {
	if c.parent != nil {
		return errors.New("saving CA: an intermediate CA cannot be saved")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("saving CA: %w", err)
	}
	for name, p := range c.pairs() {
		der, err := x509.MarshalPKCS8PrivateKey(p.key)
		if err != nil {
			return fmt.Errorf("saving CA: %w", err)
		}
		if err := write(dir, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
			return err
		}
		if err := write(dir, name+".pem", certificate.EncodePEM(p.certificate)); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dir = dir
	return c.keep()
}

// Load reads a CA that Save wrote; Now and Rand are taken from config, the rest from the folder. An absent folder satisfies
// errors.Is(err, fs.ErrNotExist).
func Load(dir string, config Config) (*CA, error) {
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, fmt.Errorf("loading CA: %w", err)
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("loading CA: %w", err)
	}
	config.Name, config.RSA = s.Name, s.RSA
	if config.Profile, err = certificate.ProfileByClass(s.Profile); err != nil {
		return nil, fmt.Errorf("loading CA: %w", err)
	}
	if config, err = config.withDefaults(); err != nil {
		return nil, err
	}
	c := &CA{config: config, dir: dir, serial: s.Serial, issued: s.Issued}
	for name, p := range c.pairs() {
		if err := p.read(dir, name); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *CA) pairs() map[string]*pair {
	return map[string]*pair{"ca": &c.ca, "ocsp": &c.ocsp, "tsa": &c.tsa}
}

// keep writes the state; the caller holds the lock.
func (c *CA) keep() error {
	if c.dir == "" {
		return nil
	}
	data, err := json.MarshalIndent(state{c.config.Name, c.config.Profile.Class(), c.config.RSA, c.serial, c.issued}, "", "  ")
	if err != nil {
		return fmt.Errorf("saving CA: %w", err)
	}
	return write(c.dir, stateFile, data)
}

func (p *pair) read(dir, name string) error {
	data, err := os.ReadFile(filepath.Join(dir, name+".pem"))
	if err != nil {
		return fmt.Errorf("loading CA: %w", err)
	}
	if p.certificate, err = certificate.ParseFile(data); err != nil {
		return fmt.Errorf("loading CA: %s: %w", name, err)
	}
	data, err = os.ReadFile(filepath.Join(dir, name+".key"))
	if err != nil {
		return fmt.Errorf("loading CA: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return fmt.Errorf("loading CA: %s.key is not PEM", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("loading CA: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return fmt.Errorf("loading CA: %s.key is a %T", name, key)
	}
	p.key = signer
	return nil
}

// write replaces a file as a whole, so that a crash leaves the old one.
func write(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("saving CA: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("saving CA: %w", err)
	}
	return nil
}
