// Package doorkey keeps the TLS key and certificate that the central server shows at the registration service and the management services,
// and whose certificate the global configuration publishes. Administrators replace them while the doors are open.
package doorkey

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
)

// Tx is what is needed of a transaction: to be one.
type Tx interface{ Now() time.Time }

// Store runs transactions under the promises of registry.Store.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
}

// Config is what the keys need.
type Config struct {
	File  string                           // key and certificates, PEM, once an administrator has replaced the first pair
	First *tls.Certificate                 // the pair before that
	Make  func() (*tls.Certificate, error) // a new key with a self-signed certificate
	Store Store
	Rand  io.Reader
}

// Keys is the pair in use. It is safe for concurrent use.
type Keys struct {
	config Config
	mutex  sync.Mutex // changes wait for each other
	pair   atomic.Pointer[tls.Certificate]
}

// Open reads the file, if there is one.
func Open(c Config) (*Keys, error) {
	k := &Keys{config: c}
	k.pair.Store(c.First)
	pair, err := tls.LoadX509KeyPair(c.File, c.File)
	switch {
	case err == nil:
		k.pair.Store(&pair)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading the TLS key of the management services: %w", err)
	}
	return k, nil
}

// Get gives the pair in use; it is made for tls.Config.GetCertificate.
func (k *Keys) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.pair.Load(), nil }

// Certificate gives the DER of the certificate in use.
func (k *Keys) Certificate() []byte { return k.pair.Load().Certificate[0] }

// Generate makes a new key with a self-signed certificate and uses both from now on.
func (k *Keys) Generate(ctx context.Context) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	pair, err := k.config.Make()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "key_generation_failed", "Generating the key failed")
	}
	return k.use(ctx, pair)
}

// Request makes a certificate signing request (DER) for the key in use. Fault: invalid_distinguished_name.
func (k *Keys) Request(ctx context.Context, subject string) ([]byte, error) {
	audit.Put(ctx, "subjectName", subject)
	signer, ok := k.pair.Load().PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the TLS key of the management services cannot sign")
	}
	der, err := certificate.CreateTLSRequest(k.config.Rand, signer, subject)
	if err != nil {
		return nil, err
	}
	return der, k.config.Store.Update(ctx, func(Tx) error { return nil })
}

// Import uses another certificate for the key in use: PEM or DER, PEM with its chain behind it. Faults: cannot_convert_bytes_to_certificate,
// key_not_found, certificate_already_exists.
func (k *Keys) Import(ctx context.Context, fileName string, file []byte) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	audit.Put(ctx, "certFileName", fileName)
	chain, err := parseChain(file)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "cannot_convert_bytes_to_certificate", "Cannot convert bytes to certificate")
	}
	putHash(ctx, chain[0])
	current := k.pair.Load()
	signer, ok := current.PrivateKey.(crypto.Signer)
	own, comparable := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !comparable || !own.Equal(signer.Public()) {
		return fault.New(fault.Invalid, "key_not_found", "The certificate does not belong to the key of the management services")
	}
	next := &tls.Certificate{PrivateKey: current.PrivateKey}
	for _, c := range chain {
		next.Certificate = append(next.Certificate, c.Raw)
	}
	if bytes.Equal(bytes.Join(next.Certificate, nil), bytes.Join(current.Certificate, nil)) {
		return fault.New(fault.Invalid, "certificate_already_exists", "The certificate is in use already")
	}
	return k.use(ctx, next)
}

// use keeps the pair and shows it to who connects next. The file goes last: when it cannot be written, the audit record is not either.
func (k *Keys) use(ctx context.Context, pair *tls.Certificate) error {
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fmt.Errorf("reading the new TLS certificate: %w", err)
	}
	putHash(ctx, leaf)
	if err := k.config.Store.Update(ctx, func(Tx) error { return write(k.config.File, pair) }); err != nil {
		return err
	}
	k.pair.Store(pair)
	return nil
}

func putHash(ctx context.Context, c *x509.Certificate) {
	audit.Put(ctx, "certHash", audit.Hash(certificate.HashSHA256(c)))
	audit.Put(ctx, "certHashAlgorithm", "SHA-256")
}

func parseChain(file []byte) ([]*x509.Certificate, error) {
	if !bytes.Contains(file, []byte("-----BEGIN")) {
		one, err := x509.ParseCertificate(file)
		return []*x509.Certificate{one}, err
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("the file holds a %s", block.Type)
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, one)
	}
	if len(chain) == 0 {
		return nil, errors.New("the file holds no certificate")
	}
	return chain, nil
}

// write leaves the whole file or the one before.
func write(file string, pair *tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return fmt.Errorf("writing the TLS key: %w", err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range pair.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	draft, err := os.CreateTemp(filepath.Dir(file), ".draft-*") // created with 0600
	if err != nil {
		return fmt.Errorf("writing the TLS key: %w", err)
	}
	_, err = draft.Write(data)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err == nil {
		err = os.Rename(draft.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("writing the TLS key: %w", errors.Join(err, os.Remove(draft.Name())))
	}
	return nil
}
