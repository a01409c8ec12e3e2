package store

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/securityserver/internal/internaltls"
)

// TLS is the store as the internal TLS key sees it.
func (s *Store) TLS() internaltls.Store { return internalTLS{s} }

type internalTLS struct{ *Store }

func (s internalTLS) View(ctx context.Context, fn func(internaltls.Tx) error) error {
	return s.view(ctx, func(tx Tx) error { return fn(tx) })
}

func (s internalTLS) Update(ctx context.Context, fn func(internaltls.Tx) error) error {
	return s.update(ctx, func(tx Tx) error { return fn(tx) })
}

// internalTLSRow keeps the certificate with its chain behind it.
type internalTLSRow struct {
	ID          int64
	PrivateKey  []byte
	Certificate []byte
	CreatedAt   time.Time
}

func (internalTLSRow) TableName() string { return "internal_tls" }

// InternalTLS gives the key pair for information systems; nil before there is one.
func (tx Tx) InternalTLS() (*tls.Certificate, error) {
	var row internalTLSRow
	err := tx.DB().Where("id = 1").Take(&row).Error
	if database.IsNotFound(err) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	if err != nil {
		return nil, fmt.Errorf("reading the internal TLS key pair: %w", err)
	}
	pair := &tls.Certificate{}
	chain, err := x509.ParseCertificates(row.Certificate)
	if err == nil && len(chain) > 0 {
		pair.Leaf = chain[0]
		pair.PrivateKey, err = x509.ParsePKCS8PrivateKey(row.PrivateKey)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the internal TLS key pair: %w", err)
	}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

// SaveInternalTLS replaces the key pair.
func (tx Tx) SaveInternalTLS(pair *tls.Certificate) error { return tx.saveInternalTLS(pair, true) }

func (tx Tx) saveInternalTLS(pair *tls.Certificate, replace bool) error {
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return fmt.Errorf("encoding the internal TLS key: %w", err)
	}
	conflict := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: !replace, UpdateAll: replace}
	return tx.DB().Clauses(conflict).Create(&internalTLSRow{ID: 1, PrivateKey: key, Certificate: bytes.Join(pair.Certificate, nil), CreatedAt: tx.Now}).Error
}

// SaveInternalTLS stores the key pair. With replace unset one that is there stays: two servers may make one at the same moment.
func (s *Store) SaveInternalTLS(ctx context.Context, pair *tls.Certificate, replace bool) error {
	return s.update(ctx, func(tx Tx) error { return tx.saveInternalTLS(pair, replace) })
}

// InternalTLS gives the key pair for information systems; nil before there is one.
func (s *Store) InternalTLS(ctx context.Context) (pair *tls.Certificate, err error) {
	err = s.view(ctx, func(tx Tx) error {
		pair, err = tx.InternalTLS()
		return err
	})
	return pair, err
}
