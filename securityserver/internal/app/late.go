package app

import (
	"context"

	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
)

// late is the sender for keys, clients and the server itself, which exist before it: it signs with the keys and sends through the proxy, and the proxy asks
// keys and clients.
type late struct{ app *App }

func (l late) RegisterAuthCertificate(ctx context.Context, server identifier.SecurityServerID, address string, auth signature.Credential) (int64, error) {
	return l.app.sender.RegisterAuthCertificate(ctx, server, address, auth)
}

func (l late) DeleteAuthCertificate(ctx context.Context, server identifier.SecurityServerID, certificate []byte) (int64, error) {
	return l.app.sender.DeleteAuthCertificate(ctx, server, certificate)
}

func (l late) RegisterClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID, subsystemName string) (int64, error) {
	return l.app.sender.RegisterClient(ctx, server, client, subsystemName)
}

func (l late) DeleteClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error) {
	return l.app.sender.DeleteClient(ctx, server, client)
}

func (l late) DisableClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error) {
	return l.app.sender.DisableClient(ctx, server, client)
}

func (l late) EnableClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error) {
	return l.app.sender.EnableClient(ctx, server, client)
}

func (l late) RenameClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID, name string) (int64, error) {
	return l.app.sender.RenameClient(ctx, server, client, name)
}

func (l late) ChangeOwner(ctx context.Context, server identifier.SecurityServerID, owner identifier.ClientID) (int64, error) {
	return l.app.sender.ChangeOwner(ctx, server, owner)
}

func (l late) ChangeAddress(ctx context.Context, server identifier.SecurityServerID, address string) (int64, error) {
	return l.app.sender.ChangeAddress(ctx, server, address)
}

func (l late) EnableMaintenance(ctx context.Context, server identifier.SecurityServerID, message string) (int64, error) {
	return l.app.sender.EnableMaintenance(ctx, server, message)
}

func (l late) DisableMaintenance(ctx context.Context, server identifier.SecurityServerID) (int64, error) {
	return l.app.sender.DisableMaintenance(ctx, server)
}

// current is the configuration for setup, which exists before the configuration client.
type current struct{ app *App }

func (c current) Current() *globalconf.Snapshot { return c.app.loop.Current() }
