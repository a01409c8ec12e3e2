package daemon

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// KeyType is the kind of key that SelfSigned makes.
type KeyType string

// The kinds: P-256 for browsers and tools, RSA-3072 for X-Road's servers, which expect RSA.
const (
	P256 KeyType = "P-256"
	RSA  KeyType = "RSA-3072"
)

// SelfSigned gives the TLS key pair kept as <name>.key and <name>.crt (PEM) in a folder. The first time it makes them: a key that its owner
// alone can read and a self-signed certificate for the host names and addresses, valid from an hour before now for twenty years. A key pair
// that is there is never replaced, and half of one is an error.
func SelfSigned(now time.Time, folder, name string, kind KeyType, hosts ...string) (*tls.Certificate, error) {
	keyFile, certFile := filepath.Join(folder, name+".key"), filepath.Join(folder, name+".crt")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil {
		return &pair, nil
	}
	_, noKey := os.Stat(keyFile)
	_, noCert := os.Stat(certFile)
	if !errors.Is(noKey, fs.ErrNotExist) || !errors.Is(noCert, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the TLS key pair %s: %w", keyFile, err)
	}
	made, err := NewSelfSigned(now, kind, hosts...)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	// The certificate goes last: where it is, the key is.
	if err := writeWhole(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	if err := writeWhole(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]}), 0o644); err != nil {
		_ = os.Remove(keyFile)
		return nil, err
	}
	return made, nil
}

// NewSelfSigned makes a key and a self-signed certificate as SelfSigned does, and keeps nothing.
func NewSelfSigned(now time.Time, kind KeyType, hosts ...string) (*tls.Certificate, error) {
	if len(hosts) == 0 {
		return nil, errors.New("making a TLS key pair: no host name given")
	}
	key, err := newKey(kind)
	if err != nil {
		return nil, fmt.Errorf("making a TLS key: %w", err)
	}
	der, err := selfSign(now, key, hosts)
	if err != nil {
		return nil, fmt.Errorf("making a TLS certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

func newKey(kind KeyType) (crypto.Signer, error) {
	switch kind {
	case P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA:
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("unknown kind %q", kind)
}

func selfSign(now time.Time, key crypto.Signer, hosts []string) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: hosts[0]},
		NotBefore:    now.Add(-time.Hour).UTC(),
		NotAfter:     now.AddDate(20, 0, 0).UTC(),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}

// writeWhole leaves the whole file or none.
func writeWhole(file string, data []byte, mode fs.FileMode) error {
	draft, err := os.CreateTemp(filepath.Dir(file), ".draft-*") // created with 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(data)
	err = errors.Join(err, draft.Chmod(mode), draft.Sync(), draft.Close())
	if err != nil {
		return err
	}
	return os.Rename(draft.Name(), file)
}
