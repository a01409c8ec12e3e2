package confgen

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
)

// Anchor reads the anchor of a source; the fault is not found when no key has been made yet.
func (s *Service) Anchor(ctx context.Context, source SourceType) (StoredAnchor, error) {
	var anchor StoredAnchor
	err := s.store.View(ctx, func(tx Tx) error {
		stored, err := tx.Anchor(source)
		if err != nil {
			return err
		}
		if stored == nil {
			return fault.New(fault.NotFound, "anchor_not_found", "Configuration anchor not found")
		}
		anchor = *stored
		return nil
	})
	return anchor, err
}

// AnchorFileName is the name under which an anchor is downloaded.
func (a StoredAnchor) AnchorFileName(instance string) string {
	return fmt.Sprintf("configuration_anchor_%s_%s_UTC_%s.xml", instance, a.Source.word(), a.GeneratedAt.UTC().Format("2006-01-02_15_04_05"))
}

// RecreateAnchor makes the anchor of a source anew from the keys and addresses of all nodes (GCONF_12/17).
func (s *Service) RecreateAnchor(ctx context.Context, source SourceType) (StoredAnchor, error) {
	audit.SetEvent(ctx, "Re-create "+source.word()+" configuration anchor")
	err := s.store.Update(ctx, func(tx Tx) error {
		if err := s.recreateAnchor(tx, source); err != nil {
			return err
		}
		stored, err := tx.Anchor(source)
		if err != nil {
			return err
		}
		if stored == nil {
			return fault.New(fault.Conflict, "no_configuration_signing_keys_configured", "The source has no signing keys")
		}
		audit.Put(ctx, "anchorFileHash", stored.Hash)
		audit.Put(ctx, "anchorFileHashAlgorithm", "SHA-224")
		return nil
	})
	if err != nil {
		return StoredAnchor{}, err
	}
	return s.Anchor(ctx, source)
}

// DownloadURL is where a source's directory is published.
func (s *Service) DownloadURL(ctx context.Context, source SourceType) (string, error) {
	var url string
	err := s.store.View(ctx, func(tx Tx) error {
		address, err := tx.Parameter(registry.ParameterAddress)
		url = "http://" + s.publicAddress(address) + "/" + source.directory()
		return err
	})
	return url, err
}

func (s *Service) recreateAnchor(tx Tx, source SourceType) error {
	nodes, err := tx.Nodes(source)
	if err != nil || len(nodes) == 0 {
		return err
	}
	p, err := readParameters(tx)
	if err != nil {
		return err
	}
	anchor := globalconf.Anchor{GeneratedAt: tx.Now(), Instance: p.instance}
	for _, node := range nodes {
		anchor.Sources = append(anchor.Sources, globalconf.AnchorSource{
			DownloadURL: "http://" + s.publicAddress(node.Address) + "/" + source.directory(), Certificates: node.Certificates,
		})
	}
	data := anchor.Encode()
	return tx.SaveAnchor(StoredAnchor{Source: source, Data: data, Hash: globalconf.AnchorHash(data), GeneratedAt: tx.Now().Truncate(time.Second)})
}

func (s *Service) publicAddress(address string) string {
	if s.config.PublicPort == 80 {
		return address
	}
	return address + ":" + strconv.Itoa(s.config.PublicPort)
}
