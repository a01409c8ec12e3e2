// Package seed fills a central server's database with a registry of any size, for benchmarks and for tests of scale. The same size gives the same
// rows on both databases, byte for byte; nothing of it runs in a server.
package seed

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/database"
)

// Size is how many rows of each kind are made. Subsystems are spread over the members, clients and requests over the servers; owners of servers
// are the first members, so Servers must not exceed Members.
type Size struct{ Members, Subsystems, Servers, Requests int }

// Full is ten times the largest X-Road instance known.
func Full() Size {
	return Size{Members: 10_000, Subsystems: 100_000, Servers: 5_000, Requests: 500_000}
}

// Instance is the instance identifier of what is made.
const Instance = "EE"

// Classes are the member classes; member n (from 1) is in class n modulo 3.
var Classes = [...]string{"GOV", "COM", "NGO"}

// Groups is how many global groups there are; each has a hundredth of the subsystems.
const Groups = 20

// Fill fills an empty, migrated database and lets the database take its statistics. It refuses one that has members.
func Fill(ctx context.Context, db *database.DB, size Size) error {
	if size.Members < 1 || size.Servers < 1 || size.Servers > size.Members || size.Subsystems < 1 {
		return errors.New("seeding: members, subsystems and servers must be positive, servers at most members")
	}
	err := db.Update(ctx, func(tx *database.Tx) error {
		f := filler{tx: tx, size: size, postgres: db.Driver() == database.Postgres}
		for _, step := range []func() error{f.settings, f.members, f.clients, f.servers, f.groups, f.requests, f.certificates} {
			if err := step(); err != nil {
				return fmt.Errorf("seeding: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return analyze(ctx, db)
}

// analyze must stand outside the big transaction: only then do statistics see all rows.
func analyze(ctx context.Context, db *database.DB) error {
	return db.Update(ctx, func(tx *database.Tx) error { return tx.DB().Exec("ANALYZE").Error })
}

type filler struct {
	tx       *database.Tx
	size     Size
	postgres bool
}

// run replaces {from 1 to n}, {time x} and {now} in a statement by what the database understands, and executes it.
func (f *filler) run(n int, statement string, values ...any) error {
	moment := func(seconds string) string {
		if f.postgres {
			return "to_timestamp(" + seconds + ")"
		}
		return "strftime('%Y-%m-%d %H:%M:%S', " + seconds + ", 'unixepoch') || '+00:00'"
	}
	text := strings.NewReplacer("{numbers}", fmt.Sprintf("(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < %d) SELECT n FROM r) AS x", n),
		"{now}", moment("1770000000"), "{minute n}", moment("(1600000000 + 60 * x.n)"),
		"{class n}", "CASE x.n % 3 WHEN 0 THEN 'GOV' WHEN 1 THEN 'COM' ELSE 'NGO' END").Replace(statement)
	return f.tx.DB().Exec(text, values...).Error
}

func (f *filler) all(n int, statements ...string) error {
	for _, statement := range statements {
		if err := f.run(n, statement); err != nil {
			return err
		}
	}
	return nil
}

func (f *filler) settings() error {
	var members int64
	if err := f.tx.DB().Raw("SELECT COUNT(*) FROM member").Row().Scan(&members); err != nil {
		return err
	}
	if members > 0 {
		return errors.New("the registry has members already")
	}
	return f.all(len(Classes),
		"INSERT INTO member_class (code, description, created_at, updated_at) SELECT {class n}, 'Class ' || {class n}, {now}, {now} FROM {numbers} WHERE true ON CONFLICT DO NOTHING",
		`INSERT INTO system_parameter (key, node, value, updated_at) SELECT CASE x.n WHEN 1 THEN 'instanceIdentifier' ELSE 'centralServerAddress' END,
			CASE x.n WHEN 1 THEN '' ELSE 'node_0' END,
			CASE x.n WHEN 1 THEN 'EE' ELSE '127.0.0.10' END, {now} FROM {numbers} WHERE x.n < 3 ON CONFLICT DO NOTHING`)
}

func (f *filler) members() error {
	if err := f.all(f.size.Members, `INSERT INTO identifier (object_type, instance, member_class, member_code, created_at)
			SELECT 'MEMBER', 'EE', {class n}, CAST(10000000 + x.n AS TEXT), {now} FROM {numbers} ORDER BY x.n`,
		`INSERT INTO member (identifier_id, member_class_id, name, created_at, updated_at)
			SELECT i.id, c.id, 'Member ' || CAST(CAST(i.member_code AS BIGINT) - 10000000 AS TEXT), {now}, {now}
			FROM identifier i JOIN member_class c ON c.code = i.member_class WHERE i.object_type = 'MEMBER' ORDER BY i.id`); err != nil {
		return err
	}
	owner := fmt.Sprintf("(SELECT x.n, 1 + (x.n - 1) %% %d AS m FROM {numbers}) AS x", f.size.Members)
	return f.all(f.size.Subsystems, strings.ReplaceAll(`INSERT INTO identifier (object_type, instance, member_class, member_code, subsystem_code, created_at)
			SELECT 'SUBSYSTEM', 'EE', CASE x.m % 3 WHEN 0 THEN 'GOV' WHEN 1 THEN 'COM' ELSE 'NGO' END, CAST(10000000 + x.m AS TEXT),
			'sub' || CAST(x.n AS TEXT), {now} FROM {owners} ORDER BY x.n`, "{owners}", owner),
		`INSERT INTO subsystem (identifier_id, member_id, name, created_at, updated_at)
			SELECT s.id, m.id, 'Service ' || s.subsystem_code, {now}, {now} FROM identifier s
			JOIN identifier i ON i.object_type = 'MEMBER' AND i.instance = s.instance AND i.member_class = s.member_class AND i.member_code = s.member_code
			JOIN member m ON m.identifier_id = i.id WHERE s.object_type = 'SUBSYSTEM' ORDER BY s.id`)
}

func (f *filler) clients() error {
	const keys = "lower(i.instance), lower(i.member_class), lower(i.member_code), lower(i.subsystem_code), lower(m.name), " +
		"lower(m.name) || '\n' || lower(i.member_class) || '\n' || lower(i.member_code) || '\n' || lower(i.subsystem_code)"
	const insert = `INSERT INTO client (id, type, instance, member_class, member_code, subsystem_code, member_name, subsystem_name, member_id, subsystem_id,
		instance_key, class_key, code_key, subsystem_key, name_key, search)
		SELECT i.id, i.object_type, i.instance, i.member_class, i.member_code, i.subsystem_code, m.name, `
	return f.all(0, insert+"'', m.id, NULL, "+keys+" FROM member m JOIN identifier i ON i.id = m.identifier_id ORDER BY i.id",
		insert+"s.name, NULL, s.id, "+keys+" FROM subsystem s JOIN identifier i ON i.id = s.identifier_id JOIN member m ON m.id = s.member_id ORDER BY i.id")
}

func (f *filler) servers() error {
	return f.all(f.size.Servers, `INSERT INTO identifier (object_type, instance, member_class, member_code, server_code, created_at)
			SELECT 'SERVER', 'EE', {class n}, CAST(10000000 + x.n AS TEXT), 'ss' || CAST(x.n AS TEXT), {now} FROM {numbers} ORDER BY x.n`,
		`INSERT INTO security_server (identifier_id, owner_id, address, created_at, updated_at)
			SELECT s.id, m.id, s.server_code || '.example.org', {now}, {now} FROM identifier s
			JOIN identifier i ON i.object_type = 'MEMBER' AND i.instance = s.instance AND i.member_class = s.member_class AND i.member_code = s.member_code
			JOIN member m ON m.identifier_id = i.id WHERE s.object_type = 'SERVER' ORDER BY s.id`,
		fmt.Sprintf(`INSERT INTO server_client (server_id, subsystem_id, enabled, created_at)
			SELECT (SELECT MIN(id) FROM security_server) + (u.id * 7) %% %d, u.id, TRUE, {now} FROM subsystem u ORDER BY u.id`, f.size.Servers))
}

func (f *filler) groups() error {
	return f.all(Groups, `INSERT INTO global_group (code, description, created_at, updated_at)
			SELECT 'group-' || CAST(x.n AS TEXT), 'Group ' || CAST(x.n AS TEXT), {now}, {now} FROM {numbers} ORDER BY x.n`,
		`INSERT INTO global_group_member (group_id, identifier_id, created_at)
			SELECT g.id, s.identifier_id, {now} FROM global_group g JOIN subsystem s ON s.id % 100 = g.id ORDER BY g.id, s.id`)
}

// requests makes three sorts in turn: two halves of a registration of a client, and one request without a status. One registration in ten is of a
// certificate; one in fifty is not approved.
func (f *filler) requests() error {
	if f.size.Requests == 0 {
		return nil
	}
	statements := []string{
		`INSERT INTO request_processing (type, subject, status, created_at, updated_at)
			SELECT CASE x.n % 10 WHEN 0 THEN 'AUTH_CERT_REGISTRATION_REQUEST' ELSE 'CLIENT_REGISTRATION_REQUEST' END, 'subject ' || CAST(x.n AS TEXT),
			CASE x.n % 200 WHEN 1 THEN 'WAITING' WHEN 2 THEN 'SUBMITTED FOR APPROVAL' WHEN 3 THEN 'DECLINED' WHEN 4 THEN 'REVOKED' ELSE 'APPROVED' END,
			{now}, {now} FROM {numbers} WHERE x.n <= {third} ORDER BY x.n`,
		`INSERT INTO management_request (type, origin, processing_id, status, server_identifier_id, client_identifier_id, address, created_at)
			SELECT CASE WHEN x.n % 3 < 2 THEN p.type WHEN x.n % 9 = 2 THEN 'CLIENT_DELETION_REQUEST' WHEN x.n % 9 = 5 THEN 'AUTH_CERT_DELETION_REQUEST'
				ELSE 'CLIENT_DISABLE_REQUEST' END,
			CASE x.n % 3 WHEN 0 THEN 'SECURITY_SERVER' WHEN 1 THEN 'CENTER' ELSE CASE x.n % 2 WHEN 0 THEN 'CENTER' ELSE 'SECURITY_SERVER' END END,
			CASE WHEN x.n % 3 < 2 THEN p.id END, CASE WHEN x.n % 3 < 2 THEN p.status ELSE '' END,
			(SELECT MIN(identifier_id) FROM security_server) + (x.n / 3 * 7) % {servers},
			CASE WHEN x.n % 3 < 2 AND p.type LIKE 'AUTH%' OR x.n % 9 = 5 THEN NULL ELSE (SELECT MIN(identifier_id) FROM subsystem) + (x.n / 3 * 11) % {subsystems} END,
			CASE WHEN x.n % 3 < 2 AND p.type LIKE 'AUTH%' THEN 'ss.example.org' ELSE '' END, {minute n}
			FROM {numbers} JOIN request_processing p ON p.id = (SELECT MIN(id) FROM request_processing) + x.n / 3 ORDER BY x.n`,
		`INSERT INTO request_count (server_identifier_id, type, origin, status, number)
			SELECT server_identifier_id, type, origin, status, COUNT(*) FROM management_request GROUP BY server_identifier_id, type, origin, status`,
	}
	replace := strings.NewReplacer("{third}", fmt.Sprint(f.size.Requests/3+1), "{servers}", fmt.Sprint(f.size.Servers), "{subsystems}", fmt.Sprint(f.size.Subsystems))
	for n := range statements {
		statements[n] = replace.Replace(statements[n])
	}
	return f.all(f.size.Requests, statements...)
}

// certificates registers one for each server. They are real, and the same at each run: Ed25519 signs without chance.
func (f *filler) certificates() error {
	if f.size.Requests == 0 {
		return nil
	}
	var server, request int64
	if err := f.tx.DB().Raw("SELECT (SELECT MIN(id) FROM security_server), (SELECT MIN(id) FROM management_request)").Row().Scan(&server, &request); err != nil {
		return err
	}
	const batch = 500
	for from := 0; from < f.size.Servers; from += batch {
		var rows []string
		var values []any
		for n := from; n < min(from+batch, f.size.Servers); n++ {
			der, err := Certificate(n)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(der)
			rows = append(rows, "(?, ?, ?, ?, ?)")
			values = append(values, server+int64(n), der, hex.EncodeToString(sum[:]), request, f.tx.Now)
		}
		if err := f.tx.DB().Exec("INSERT INTO authentication_certificate (server_id, certificate, certificate_hash, request_id, created_at) VALUES "+
			strings.Join(rows, ", "), values...).Error; err != nil {
			return err
		}
	}
	return nil
}

// Certificate is the authentication certificate of server n, counted from 0, as DER.
func Certificate(n int) ([]byte, error) {
	seed := sha256.Sum256([]byte(fmt.Sprint("server ", n)))
	key := ed25519.NewKeyFromSeed(seed[:])
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(n) + 1), Subject: pkix.Name{CommonName: fmt.Sprintf("ss%d", n+1)},
		NotBefore: time.Unix(1_600_000_000, 0).UTC(), NotAfter: time.Unix(2_000_000_000, 0).UTC(),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	return x509.CreateCertificate(nil, template, template, key.Public(), key)
}
