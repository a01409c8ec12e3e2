package registry

import (
	"context"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Groups lists the global groups by code.
func (s *Service) Groups(ctx context.Context) ([]Group, error) {
	return view(ctx, s, func(tx Tx) ([]Group, error) { return tx.Groups() })
}

// Group gives one global group. Fault: global_group_not_found.
func (s *Service) Group(ctx context.Context, code string) (*Group, error) {
	return view(ctx, s, func(tx Tx) (*Group, error) {
		g, err := tx.Group(code)
		if err == nil && g == nil {
			err = fault.New(fault.NotFound, "global_group_not_found", "Global group '%s' not found", code).With(code)
		}
		return g, err
	})
}
