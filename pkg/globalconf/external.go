package globalconf

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"
)

// VerifyExternal downloads what an external anchor leads to and verifies it as that of a federated instance: signature, expiry, hashes, and
// shared parameters about that instance. Nothing is kept. client nil: NewHTTPClient. The error is that of the most telling source, a fault
// with a code global_conf_*.
func VerifyExternal(ctx context.Context, anchor *Anchor, client *http.Client, now func() time.Time) error {
	empty, err := os.MkdirTemp("", "anchor-")
	if err != nil {
		return fmt.Errorf("verifying an anchor: %w", err)
	}
	defer func() { _ = os.RemoveAll(empty) }() // nothing was written into it
	c := NewClient(ClientConfig{Directory: empty, HTTP: client, Now: now})
	c.mu.Lock()
	defer c.mu.Unlock()
	only := func(p Part) bool { return p.Identifier == SharedParametersID && p.Instance == anchor.Instance }
	if _, err := c.fromAnySource(ctx, anchor, only, now()); err != nil {
		return fmt.Errorf("downloading configuration of %s: %w", anchor.Instance, err)
	}
	return nil
}
