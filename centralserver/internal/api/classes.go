package api

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
)

func memberClass(c registry.MemberClass) gen.MemberClass {
	return gen.MemberClass{Code: c.Code, Description: c.Description}
}

// GetMemberClasses is UC MEMBER_40.
func (a *API) GetMemberClasses(ctx context.Context, _ gen.GetMemberClassesRequestObject) (gen.GetMemberClassesResponseObject, error) {
	list, err := a.Registry.MemberClasses(ctx)
	if err != nil {
		return nil, err
	}
	return gen.GetMemberClasses200JSONResponse(each(list, memberClass)), nil
}

// AddMemberClass is UC MEMBER_41.
func (a *API) AddMemberClass(ctx context.Context, r gen.AddMemberClassRequestObject) (gen.AddMemberClassResponseObject, error) {
	added, err := a.Registry.AddMemberClass(ctx, r.Body.Code, r.Body.Description)
	if err != nil {
		return nil, err
	}
	return gen.AddMemberClass201JSONResponse(memberClass(*added)), nil
}

// UpdateMemberClass is UC MEMBER_42.
func (a *API) UpdateMemberClass(ctx context.Context, r gen.UpdateMemberClassRequestObject) (gen.UpdateMemberClassResponseObject, error) {
	changed, err := a.Registry.DescribeMemberClass(ctx, r.Code, r.Body.Description)
	if err != nil {
		return nil, err
	}
	return gen.UpdateMemberClass200JSONResponse(memberClass(*changed)), nil
}

// DeleteMemberClass is UC MEMBER_43.
func (a *API) DeleteMemberClass(ctx context.Context, r gen.DeleteMemberClassRequestObject) (gen.DeleteMemberClassResponseObject, error) {
	return gen.DeleteMemberClass204Response{}, a.Registry.DeleteMemberClass(ctx, r.Code)
}
