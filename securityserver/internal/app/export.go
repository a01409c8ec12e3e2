package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/pkg/signature/asic"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/store"
)

// Export writes what the message log keeps of a message into a folder: request.asice and response.asice, the containers that verifiers of
// X-Road's signatures read. Attachments are not kept, so a container of a message that had some holds their digests only. When both ends of the
// exchange were here the two records say the same. It tells how many records there were.
func Export(ctx context.Context, h *host.Host, messageID, folder string) (int, error) {
	records, err := store.NewMessageLog(h.DB).Messages(ctx, messageID)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, fmt.Errorf("exporting a message: %w", err)
	}
	for _, r := range records {
		kind := "request"
		if r.Response {
			kind = "response"
		}
		if err := exportRecord(filepath.Join(folder, kind+".asice"), r); err != nil {
			return 0, fmt.Errorf("exporting a message: %w", err)
		}
	}
	return len(records), nil
}

func exportRecord(path string, r messagelog.Record) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	container := asic.Container{Message: r.Message, Signature: r.Signature, HashChain: r.HashChain, HashChainResult: r.HashResult}
	return container.Write(file, r.Time)
}
