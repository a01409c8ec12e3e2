package store

import (
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

type serverRow struct {
	Key                    parts `gorm:"embedded"`
	OwnerName              string
	Address                string
	InMaintenanceMode      bool
	MaintenanceModeMessage string
	CreatedAt, UpdatedAt   time.Time
}

func toServer(r serverRow) (registry.Server, error) {
	id, err := r.Key.server()
	return registry.Server{ID: id, OwnerName: r.OwnerName, Address: r.Address, InMaintenance: r.InMaintenanceMode,
		MaintenanceMessage: r.MaintenanceModeMessage, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC()}, err
}

const (
	serverColumns = `i.instance, i.member_class, i.member_code, i.server_code, o.name AS owner_name, s.address, s.in_maintenance_mode,
		s.maintenance_mode_message, s.created_at, s.updated_at`
	serverTables = "security_server s JOIN identifier i ON i.id = s.identifier_id AND i.object_type = 'SERVER' JOIN member o ON o.id = s.owner_id"
	serverByKey  = "(SELECT s.id FROM security_server s JOIN identifier i ON i.id = s.identifier_id WHERE " + matching + ")"
	memberByKey  = "(SELECT m.id FROM member m JOIN identifier i ON i.id = m.identifier_id WHERE " + matching + ")"
)

// Server gives a registered server, nil when it is not registered.
func (t *Tx) Server(id identifier.SecurityServerID) (*registry.Server, error) {
	list, err := all(t.tx.DB().Raw("SELECT "+serverColumns+" FROM "+serverTables+" WHERE "+matching, serverKey(id)...), toServer)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

var serverOrder = map[string]string{
	"owner_name": "lower(o.name)", "server_id.member_class": "lower(i.member_class)", "server_id.member_code": "lower(i.member_code)",
	"server_id.server_code": "lower(i.server_code)",
}

// Servers lists the registered servers.
func (t *Tx) Servers(text string, p registry.Paging) (registry.Page[registry.Server], error) {
	var c conditions
	if text != "" {
		c.add(`(lower(i.server_code) LIKE lower(?) ESCAPE '!' OR lower(o.name) LIKE lower(?) ESCAPE '!' OR lower(i.member_class) LIKE lower(?) ESCAPE '!'
			OR lower(i.member_code) LIKE lower(?) ESCAPE '!')`, like(text), like(text), like(text), like(text))
	}
	return page(t, serverTables, serverColumns, c, serverOrder, "s.id", p, toServer)
}

// ServersOwnedBy lists a member's servers by code.
func (t *Tx) ServersOwnedBy(member identifier.ClientID) ([]registry.Server, error) {
	return all(t.tx.DB().Raw("SELECT "+serverColumns+" FROM "+serverTables+" WHERE s.owner_id = "+memberByKey+" ORDER BY i.server_code", clientKey(member)...), toServer)
}

// ServersUsedBy lists the servers that have the member or its subsystems as clients.
func (t *Tx) ServersUsedBy(member identifier.ClientID) ([]registry.Server, error) {
	return all(t.tx.DB().Raw("SELECT "+serverColumns+" FROM "+serverTables+` WHERE s.id IN (
		SELECT r.server_id FROM server_client r WHERE r.member_id = `+memberByKey+`
		UNION SELECT r.server_id FROM subsystem u JOIN server_client r ON r.subsystem_id = u.id WHERE u.member_id = `+memberByKey+
		") ORDER BY i.member_class, i.member_code, i.server_code", append(clientKey(member), clientKey(member)...)...), toServer)
}

// AddServer inserts a server of an existing member.
func (t *Tx) AddServer(server identifier.SecurityServerID, address string) error {
	id, err := t.identify(serverKey(server))
	if err != nil {
		return err
	}
	return one(t.tx.DB().Exec(`INSERT INTO security_server (identifier_id, owner_id, address, created_at, updated_at)
		SELECT ?, m.id, ?, ?, ? FROM member m JOIN identifier i ON i.id = m.identifier_id WHERE `+matching,
		append([]any{id, address, t.Now(), t.Now()}, clientKey(server.Owner())...)...))
}

// SetServerAddress changes a server's address.
func (t *Tx) SetServerAddress(server identifier.SecurityServerID, address string) error {
	return one(t.tx.DB().Exec("UPDATE security_server SET address = ?, updated_at = ? WHERE id = "+serverByKey,
		append([]any{address, t.Now()}, serverKey(server)...)...))
}

// SetMaintenance switches a server's maintenance mode; the message goes when it is off.
func (t *Tx) SetMaintenance(server identifier.SecurityServerID, on bool, message string) error {
	return one(t.tx.DB().Exec("UPDATE security_server SET in_maintenance_mode = ?, maintenance_mode_message = ?, updated_at = ? WHERE id = "+serverByKey,
		append([]any{on, message, t.Now()}, serverKey(server)...)...))
}

// ChangeOwner gives a server to another member, and with it the identifier that follows from the owner. The old identifier's row stays for
// the requests that speak of it.
func (t *Tx) ChangeOwner(server identifier.SecurityServerID, owner identifier.ClientID) error {
	renamed, err := identifier.NewSecurityServer(owner, server.ServerCode())
	if err != nil {
		return err
	}
	id, err := t.identify(serverKey(renamed))
	if err != nil {
		return err
	}
	values := append([]any{id}, clientKey(owner)...)
	return one(t.tx.DB().Exec("UPDATE security_server SET identifier_id = ?, owner_id = "+memberByKey+", updated_at = ? WHERE id = "+serverByKey,
		append(append(values, t.Now()), serverKey(server)...)...))
}

// RemoveServer deletes a server that has no clients and certificates left.
func (t *Tx) RemoveServer(server identifier.SecurityServerID) error {
	return one(t.tx.DB().Exec("DELETE FROM security_server WHERE id = "+serverByKey, serverKey(server)...))
}
