package store

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

type certificateRow struct {
	Key             parts `gorm:"embedded"`
	ID              int64
	Certificate     []byte
	CertificateHash string
	RequestID       int64
	CreatedAt       time.Time
}

func toCertificate(r certificateRow) (registry.AuthCertificate, error) {
	server, err := r.Key.server()
	return registry.AuthCertificate{ID: r.ID, Server: server, DER: r.Certificate, Hash: r.CertificateHash, RequestID: r.RequestID, CreatedAt: r.CreatedAt.UTC()}, err
}

const certificates = `SELECT c.id, c.certificate, c.certificate_hash, c.request_id, c.created_at, i.instance, i.member_class, i.member_code, i.server_code
	FROM authentication_certificate c JOIN security_server s ON s.id = c.server_id JOIN identifier i ON i.id = s.identifier_id WHERE `

// Certificate gives a registered authentication certificate by hash, nil when it is not registered.
func (t *Tx) Certificate(hash string) (*registry.AuthCertificate, error) {
	list, err := all(t.tx.DB().Raw(certificates+"c.certificate_hash = ?", hash), toCertificate)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// CertificatesOf lists a server's authentication certificates in order of registration.
func (t *Tx) CertificatesOf(server identifier.SecurityServerID) ([]registry.AuthCertificate, error) {
	return all(t.tx.DB().Raw(certificates+matching+" ORDER BY c.id", serverKey(server)...), toCertificate)
}

// AddCertificate registers a certificate for an existing server.
func (t *Tx) AddCertificate(server identifier.SecurityServerID, der []byte, requestID int64) error {
	return one(t.tx.DB().Exec(`INSERT INTO authentication_certificate (server_id, certificate, certificate_hash, request_id, created_at)
		SELECT s.id, ?, ?, ?, ? FROM security_server s JOIN identifier i ON i.id = s.identifier_id WHERE `+matching,
		append([]any{der, hashOf(der), requestID, t.Now()}, serverKey(server)...)...))
}

// RemoveCertificate takes a certificate off its server.
func (t *Tx) RemoveCertificate(id int64) error {
	return one(t.tx.DB().Exec("DELETE FROM authentication_certificate WHERE id = ?", id))
}

func hashOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
