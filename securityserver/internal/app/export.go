package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/store"
)

// Export writes what the message log keeps of a message below a folder: request and response, each with the entries of an ASiC container.
// It tells how many were written.
func Export(ctx context.Context, h *host.Host, messageID, folder string) (int, error) {
	records, err := store.NewMessageLog(h.DB).Messages(ctx, messageID)
	if err != nil {
		return 0, err
	}
	for _, r := range records {
		kind := "request"
		if r.Response {
			kind = "response"
		}
		if err := exportRecord(filepath.Join(folder, kind), r); err != nil {
			return 0, err
		}
	}
	return len(records), nil
}

func exportRecord(folder string, r messagelog.Record) error {
	if err := os.MkdirAll(filepath.Join(folder, "META-INF"), 0o700); err != nil {
		return fmt.Errorf("exporting a message: %w", err)
	}
	for name, data := range map[string][]byte{"message.xml": r.Message, "META-INF/signatures.xml": r.Signature, "sig-hashchain.xml": r.HashChain,
		"sig-hashchainresult.xml": r.HashResult} {
		if data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			return fmt.Errorf("exporting a message: %w", err)
		}
	}
	return nil
}
