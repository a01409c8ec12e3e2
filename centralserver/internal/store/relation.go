package store

import (
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

type relationRow struct {
	Client                                   clientRow `gorm:"embedded"`
	OwnerClass, OwnerCode, OwnerName, Server string
	Enabled                                  bool
}

func toRelation(r relationRow) (registry.Relation, error) {
	client, err := toClient(r.Client)
	if err != nil {
		return registry.Relation{}, err
	}
	server, err := parts{Instance: r.Client.Key.Instance, MemberClass: r.OwnerClass, MemberCode: r.OwnerCode, ServerCode: r.Server}.server()
	return registry.Relation{Server: server, ServerOwnerName: r.OwnerName, Client: client, Enabled: r.Enabled}, err
}

const relations = "SELECT " + clientColumns + `, si.member_class AS owner_class, si.member_code AS owner_code, o.name AS owner_name,
	si.server_code AS server, r.enabled
	FROM server_client r LEFT JOIN member cm ON cm.id = r.member_id LEFT JOIN subsystem cs ON cs.id = r.subsystem_id
	JOIN client i ON i.id = COALESCE(cm.identifier_id, cs.identifier_id)
	JOIN security_server s ON s.id = r.server_id JOIN identifier si ON si.id = s.identifier_id JOIN member o ON o.id = s.owner_id`

// ofServer picks relations by the server's key.
const ofServer = "r.server_id = " + serverByKey

// ofClient picks relations by the client's key.
func ofClient(c identifier.ClientID) string {
	row := table(c)
	return "r." + row + "_id = (SELECT x.id FROM " + row + " x JOIN identifier i ON i.id = x.identifier_id WHERE " + matching + ")"
}

// Relation gives a client's registration at a server, nil when there is none.
func (t *Tx) Relation(server identifier.SecurityServerID, client identifier.ClientID) (*registry.Relation, error) {
	list, err := all(t.tx.DB().Raw(relations+" WHERE "+ofServer+" AND "+ofClient(client), append(serverKey(server), clientKey(client)...)...), toRelation)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// ClientsOf lists a server's clients by identifier.
func (t *Tx) ClientsOf(server identifier.SecurityServerID) ([]registry.Relation, error) {
	return all(t.tx.DB().Raw(relations+" WHERE "+ofServer+" ORDER BY i.member_class, i.member_code, i.subsystem_code", serverKey(server)...), toRelation)
}

// RelationsOf lists where exactly this client is registered.
func (t *Tx) RelationsOf(client identifier.ClientID) ([]registry.Relation, error) {
	return all(t.tx.DB().Raw(relations+" WHERE "+ofClient(client)+" ORDER BY si.member_class, si.member_code, si.server_code", clientKey(client)...), toRelation)
}

// AddRelation registers a client at a server.
func (t *Tx) AddRelation(server identifier.SecurityServerID, client identifier.ClientID) error {
	column := table(client) + "_id"
	return one(t.tx.DB().Exec("INSERT INTO server_client (server_id, "+column+", enabled, created_at) SELECT "+serverByKey+
		", c.id, ?, ? FROM "+table(client)+" c JOIN identifier i ON i.id = c.identifier_id WHERE "+matching,
		append(append(serverKey(server), true, t.Now()), clientKey(client)...)...))
}

// EnableRelation enables or disables a registration.
func (t *Tx) EnableRelation(server identifier.SecurityServerID, client identifier.ClientID, enabled bool) error {
	return one(t.tx.DB().Exec("UPDATE server_client AS r SET enabled = ? WHERE "+ofServer+" AND "+ofClient(client),
		append(append([]any{enabled}, serverKey(server)...), clientKey(client)...)...))
}

// RemoveRelation ends a registration.
func (t *Tx) RemoveRelation(server identifier.SecurityServerID, client identifier.ClientID) error {
	return one(t.tx.DB().Exec("DELETE FROM server_client AS r WHERE "+ofServer+" AND "+ofClient(client), append(serverKey(server), clientKey(client)...)...))
}
