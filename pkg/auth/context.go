package auth

import (
	"context"

	"github.com/ristmik/ristmik/pkg/fault"
)

type principalKey struct{}

// WithPrincipal puts who is asking into a context; the door does it once per request.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom is who is asking, nil for nobody.
func PrincipalFrom(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}

// Require refuses a principal that has none of the permissions: for operations whose permission depends on what the body says. Fault:
// Forbidden.
func Require(ctx context.Context, any ...Permission) error {
	if p := PrincipalFrom(ctx); p != nil && p.May(any...) {
		return nil
	}
	return fault.New(fault.Forbidden, "forbidden", "Access is denied")
}
