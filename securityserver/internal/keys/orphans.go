package keys

import (
	"context"
	"slices"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// orphans is what nobody needs once a member has no client here.
type orphans struct {
	keys         []Key // everything on them belongs to the member
	certificates []Certificate
	requests     []Request
}

// Orphans reports whether keys, certificates or requests of a deleted client's member are left that no other client uses (UC MEMBER_53 4):
// NotFound orphans_not_found otherwise.
func (k *Keys) Orphans(ctx context.Context, id identifier.ClientID) error {
	return k.config.Store.View(ctx, func(tx Tx) error {
		_, err := findOrphans(tx, id)
		return err
	})
}

// DeleteOrphans removes them (UC MEMBER_53 6).
func (k *Keys) DeleteOrphans(ctx context.Context, id identifier.ClientID) error {
	audit.Put(ctx, "clientIdentifier", id)
	return k.config.Store.Update(ctx, func(tx Tx) error {
		found, err := findOrphans(tx, id)
		if err != nil {
			return err
		}
		var hashes, requests, keyIDs []string
		for _, c := range found.certificates {
			hashes = append(hashes, c.Hash)
			if err := tx.DeleteCertificate(c.Hash); err != nil {
				return err
			}
		}
		for _, r := range found.requests {
			requests = append(requests, r.ID)
			if err := tx.DeleteRequest(r.ID); err != nil {
				return err
			}
		}
		for _, key := range found.keys {
			keyIDs = append(keyIDs, key.ID)
			if err := tx.DeleteKey(key.ID); err != nil {
				return err
			}
		}
		audit.Put(ctx, "tokenId", SoftToken)
		audit.Put(ctx, "keyIds", keyIDs)
		audit.Put(ctx, "certHashes", hashes)
		audit.Put(ctx, "certHashAlgorithm", "SHA-256")
		audit.Put(ctx, "certRequestIds", requests)
		return tx.Audit(ctx)
	})
}

func findOrphans(tx Tx, id identifier.ClientID) (orphans, error) {
	var found orphans
	none := fault.New(fault.NotFound, "orphans_not_found", "There is nothing left of '%s'", id.Encoded()).With(id.Encoded())
	ids, err := tx.ClientIDs()
	if err != nil {
		return found, err
	}
	if slices.ContainsFunc(ids, func(other identifier.ClientID) bool { return other.Member() == id.Member() }) {
		return found, none
	}
	tokens, err := tx.Tokens()
	if err != nil {
		return found, err
	}
	for _, key := range allKeys(tokens) {
		if key.Usage != certificate.Signing || len(key.Certificates)+len(key.Requests) == 0 {
			continue
		}
		whole := true
		for _, c := range key.Certificates {
			if c.Member == id.Member() {
				found.certificates = append(found.certificates, c)
			} else {
				whole = false
			}
		}
		for _, r := range key.Requests {
			if r.Member == id.Member() {
				found.requests = append(found.requests, r)
			} else {
				whole = false
			}
		}
		if whole {
			found.keys = append(found.keys, key)
		}
	}
	if len(found.certificates)+len(found.requests) == 0 {
		return found, none
	}
	return found, nil
}
