package store

import (
	"time"

	"gorm.io/gorm/clause"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/token"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

type tokenRow struct {
	ID        string
	Name      string
	Sealed    []byte
	CreatedAt time.Time
}

func (tokenRow) TableName() string { return "token" }

type keyRow struct {
	ID        string
	TokenID   string
	Label     string
	Name      string
	Usage     string
	Algorithm string
	PublicKey []byte
	Sealed    []byte
	CreatedAt time.Time
}

func (keyRow) TableName() string { return "token_key" }

type requestRow struct {
	ID        string
	KeyID     string
	Member    string
	Profile   string
	Request   []byte
	CreatedAt time.Time
}

func (requestRow) TableName() string { return "certificate_request" }

type certificateRow struct {
	Hash        string `gorm:"primaryKey"`
	KeyID       string
	Member      string
	Certificate []byte
	Status      string
	Active      bool
	OCSPError   string
	CreatedAt   time.Time
}

func (certificateRow) TableName() string { return "token_certificate" }

func (r certificateRow) toCertificate() (keys.Certificate, error) {
	status, err := keys.ParseStatus(r.Status)
	if err != nil {
		return keys.Certificate{}, err
	}
	member, err := parseMember(r.Member)
	return keys.Certificate{Hash: r.Hash, KeyID: r.KeyID, Member: member, DER: r.Certificate, Status: status, Active: r.Active,
		OCSPError: r.OCSPError}, err
}

func parseMember(encoded string) (identifier.ClientID, error) {
	if encoded == "" {
		return identifier.ClientID{}, nil
	}
	return identifier.ParseClientID(encoded)
}

func encodeMember(id identifier.ClientID) string {
	if id.IsZero() {
		return ""
	}
	return id.Encoded()
}

// Tokens gives all tokens with their keys, and these with their requests and certificates.
func (tx Tx) Tokens() ([]keys.Token, error) {
	var tokens []tokenRow
	if err := tx.DB().Order("id").Find(&tokens).Error; err != nil {
		return nil, err
	}
	byToken, err := tx.keysByToken()
	if err != nil {
		return nil, err
	}
	list := make([]keys.Token, 0, len(tokens))
	for _, t := range tokens {
		list = append(list, keys.Token{ID: t.ID, Name: t.Name, Sealed: t.Sealed, Keys: byToken[t.ID]})
	}
	return list, nil
}

func (tx Tx) keysByToken() (map[string][]keys.Key, error) {
	var rows []keyRow
	if err := tx.DB().Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, err
	}
	requests, err := tx.requestsByKey()
	if err != nil {
		return nil, err
	}
	certificates, err := tx.certificatesByKey()
	if err != nil {
		return nil, err
	}
	found := map[string][]keys.Key{}
	for _, r := range rows {
		found[r.TokenID] = append(found[r.TokenID], keys.Key{ID: r.ID, TokenID: r.TokenID, Label: r.Label, Name: r.Name,
			Usage: certificate.Usage(r.Usage), Algorithm: token.KeyAlgorithm(r.Algorithm), Public: r.PublicKey, Sealed: r.Sealed,
			Requests: requests[r.ID], Certificates: certificates[r.ID]})
	}
	return found, nil
}

func (tx Tx) requestsByKey() (map[string][]keys.Request, error) {
	var rows []requestRow
	if err := tx.DB().Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, err
	}
	found := map[string][]keys.Request{}
	for _, r := range rows {
		member, err := parseMember(r.Member)
		if err != nil {
			return nil, err
		}
		found[r.KeyID] = append(found[r.KeyID], keys.Request{ID: r.ID, KeyID: r.KeyID, Member: member, Profile: r.Profile, DER: r.Request})
	}
	return found, nil
}

func (tx Tx) certificatesByKey() (map[string][]keys.Certificate, error) {
	var rows []certificateRow
	if err := tx.DB().Order("created_at, hash").Find(&rows).Error; err != nil {
		return nil, err
	}
	found := map[string][]keys.Certificate{}
	for _, r := range rows {
		c, err := r.toCertificate()
		if err != nil {
			return nil, err
		}
		found[r.KeyID] = append(found[r.KeyID], c)
	}
	return found, nil
}

// AddToken saves a new token.
func (tx Tx) AddToken(t keys.Token) error {
	return tx.DB().Create(&tokenRow{ID: t.ID, Name: t.Name, Sealed: t.Sealed, CreatedAt: tx.Now}).Error
}

// SaveToken writes the name and the sealed root key.
func (tx Tx) SaveToken(t keys.Token) error {
	return one(tx.DB().Model(&tokenRow{}).Where("id = ?", t.ID).Updates(map[string]any{"name": t.Name, "sealed": t.Sealed}))
}

// AddKey saves a new key.
func (tx Tx) AddKey(k keys.Key) error {
	return tx.DB().Create(&keyRow{ID: k.ID, TokenID: k.TokenID, Label: k.Label, Name: k.Name, Usage: string(k.Usage), Algorithm: string(k.Algorithm),
		PublicKey: k.Public, Sealed: k.Sealed, CreatedAt: tx.Now}).Error
}

// SaveKey writes the name and the usage.
func (tx Tx) SaveKey(k keys.Key) error {
	return one(tx.DB().Model(&keyRow{}).Where("id = ?", k.ID).Updates(map[string]any{"name": k.Name, "usage": string(k.Usage)}))
}

// DeleteKey removes a key and its requests; its certificates must be gone.
func (tx Tx) DeleteKey(id string) error {
	return one(tx.DB().Where("id = ?", id).Delete(&keyRow{}))
}

// AddRequest saves a certificate signing request.
func (tx Tx) AddRequest(r keys.Request) error {
	return tx.DB().Create(&requestRow{ID: r.ID, KeyID: r.KeyID, Member: encodeMember(r.Member), Profile: r.Profile, Request: r.DER,
		CreatedAt: tx.Now}).Error
}

// DeleteRequest removes one.
func (tx Tx) DeleteRequest(id string) error {
	return one(tx.DB().Where("id = ?", id).Delete(&requestRow{}))
}

// AddCertificate saves a certificate; a duplicate is Conflict certificate_already_exists.
func (tx Tx) AddCertificate(c keys.Certificate) error {
	err := tx.DB().Create(&certificateRow{Hash: c.Hash, KeyID: c.KeyID, Member: encodeMember(c.Member), Certificate: c.DER, Status: c.Status.String(),
		Active: c.Active, OCSPError: c.OCSPError, CreatedAt: tx.Now}).Error
	return duplicate(err, "certificate_already_exists", "Certificate already exists")
}

// SaveCertificate writes what can change of a certificate.
func (tx Tx) SaveCertificate(c keys.Certificate) error {
	return one(tx.DB().Model(&certificateRow{}).Where("hash = ?", c.Hash).
		Updates(map[string]any{"status": c.Status.String(), "active": c.Active, "ocsp_error": c.OCSPError}))
}

// DeleteCertificate removes a certificate and its OCSP response.
func (tx Tx) DeleteCertificate(hash string) error {
	if err := tx.DB().Where("hash = ?", hash).Delete(&responseRow{}).Error; err != nil {
		return err
	}
	return one(tx.DB().Where("hash = ?", hash).Delete(&certificateRow{}))
}

// AuthenticationCertificates are the active ones of this server, in DER.
func (tx Tx) AuthenticationCertificates() ([][]byte, error) {
	var rows []certificateRow
	err := tx.DB().Joins("JOIN token_key ON token_key.id = token_certificate.key_id").
		Where("token_key.usage = ? AND token_certificate.active = ?", string(certificate.Authentication), true).Find(&rows).Error
	list := make([][]byte, 0, len(rows))
	for _, r := range rows {
		list = append(list, r.Certificate)
	}
	return list, err
}

type responseRow struct {
	Hash      string `gorm:"primaryKey"`
	SHA1      string `gorm:"column:sha1"`
	Response  []byte
	FetchedAt time.Time
}

func (responseRow) TableName() string { return "ocsp_response" }

// Responses gives all OCSP responses.
func (tx Tx) Responses() ([]keys.Response, error) {
	var rows []responseRow
	err := tx.DB().Find(&rows).Error
	list := make([]keys.Response, 0, len(rows))
	for _, r := range rows {
		list = append(list, keys.Response{Hash: r.Hash, SHA1: r.SHA1, DER: r.Response, FetchedAt: r.FetchedAt})
	}
	return list, err
}

// SaveResponse replaces the response for a certificate.
func (tx Tx) SaveResponse(r keys.Response) error {
	return tx.DB().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "hash"}}, UpdateAll: true}).
		Create(&responseRow{Hash: r.Hash, SHA1: r.SHA1, Response: r.DER, FetchedAt: tx.Now}).Error
}
