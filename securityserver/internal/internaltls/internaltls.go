// Package internaltls keeps the key and certificate that this server shows to information systems: at the client proxy's TLS door, and to
// services that ask for a certificate. Administrators replace them while the doors are open. All servers on a database share them.
package internaltls

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
	"sync/atomic"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
)

// Tx is one transaction.
type Tx interface {
	// InternalTLS gives the pair, with its chain; nil before there is one.
	InternalTLS() (*tls.Certificate, error)
	SaveInternalTLS(pair *tls.Certificate) error
	Audit(ctx context.Context) error
}

// Store runs transactions. Generation changes with every committed Update.
type Store interface {
	View(ctx context.Context, fn func(tx Tx) error) error
	Update(ctx context.Context, fn func(tx Tx) error) error
	Generation() uint64
}

// Config is what a Service needs.
type Config struct {
	Store Store
	Make  func() (*tls.Certificate, error) // a new key with a self-signed certificate
	Rand  io.Reader
}

// Service is the pair in use. It is safe for concurrent use.
type Service struct {
	config Config
	view   atomic.Pointer[view]
}

type view struct {
	generation uint64
	pair       *tls.Certificate
}

// New makes a service.
func New(config Config) *Service { return &Service{config: config} }

var errNone = errors.New("there is no internal TLS key pair")

// Pair gives the pair in use.
func (s *Service) Pair(ctx context.Context) (*tls.Certificate, error) {
	generation := s.config.Store.Generation()
	if v := s.view.Load(); v != nil && v.generation == generation {
		return v.pair, nil
	}
	v := &view{generation: generation}
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		v.pair, err = have(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.view.Store(v)
	return v.pair, nil
}

func have(tx Tx) (*tls.Certificate, error) {
	pair, err := tx.InternalTLS()
	if err == nil && pair == nil {
		err = errNone
	}
	return pair, err
}

// Generate makes a new key with a self-signed certificate (UC SS_11) and uses both from now on. Information systems that trust the old
// certificate must be given the new one.
func (s *Service) Generate(ctx context.Context) error {
	pair, err := s.config.Make()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "key_and_cert_generation_failed", "Generating the key failed")
	}
	return s.config.Store.Update(ctx, func(tx Tx) error { return use(ctx, tx, pair) })
}

// Request makes a certificate signing request (DER) for the key in use. Fault: invalid_distinguished_name.
func (s *Service) Request(ctx context.Context, subject string) ([]byte, error) {
	audit.Put(ctx, "subjectName", subject)
	var der []byte
	err := s.config.Store.Update(ctx, func(tx Tx) error {
		pair, err := have(tx)
		if err != nil {
			return err
		}
		key, ok := pair.PrivateKey.(crypto.Signer)
		if !ok {
			return errors.New("the internal TLS key cannot sign")
		}
		if der, err = certificate.CreateTLSRequest(s.config.Rand, key, subject); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
	return der, err
}

// Import uses another certificate for the key in use: PEM or DER, PEM with its chain behind it. Faults: invalid_certificate, key_not_found,
// certificate_already_exists.
func (s *Service) Import(ctx context.Context, file []byte) (*x509.Certificate, error) {
	chain, err := parseChain(file)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_certificate", "Incorrect file format. Only PEM and DER files allowed.")
	}
	putHash(ctx, chain[0])
	err = s.config.Store.Update(ctx, func(tx Tx) error {
		current, err := have(tx)
		if err != nil {
			return err
		}
		key, isKey := current.PrivateKey.(crypto.Signer)
		public, comparable := chain[0].PublicKey.(interface {
			Equal(other crypto.PublicKey) bool
		})
		if !isKey || !comparable || !public.Equal(key.Public()) {
			return fault.New(fault.Invalid, "key_not_found", "The certificate does not belong to the internal TLS key")
		}
		next := &tls.Certificate{PrivateKey: current.PrivateKey, Leaf: chain[0]}
		for _, c := range chain {
			next.Certificate = append(next.Certificate, c.Raw)
		}
		if bytes.Equal(bytes.Join(next.Certificate, nil), bytes.Join(current.Certificate, nil)) {
			return fault.New(fault.Conflict, "certificate_already_exists", "The certificate is in use already")
		}
		return use(ctx, tx, next)
	})
	return chain[0], err
}

func use(ctx context.Context, tx Tx, pair *tls.Certificate) error {
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fmt.Errorf("reading the new TLS certificate: %w", err)
	}
	putHash(ctx, leaf)
	if err := tx.SaveInternalTLS(pair); err != nil {
		return err
	}
	return tx.Audit(ctx)
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
