package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store"
	"github.com/ristmik/ristmik/centralserver/internal/store/seed"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// TestPagesAreTheWholeList: the pages of a list hold each request once, as many as the list says it has, and the other direction is the same backwards,
// however the list is read.
func TestPagesAreTheWholeList(t *testing.T) {
	testkit.EachDatabase(t, storetest.Migrations, func(t *testing.T, db *database.DB) {
		require.NoError(t, seed.Fill(t.Context(), db, seed.Size{Members: 30, Subsystems: 60, Servers: 12, Requests: 6000}))
		requests := management.New(store.New(db).Management(), management.Settings{})
		for _, c := range []struct {
			filter management.Filter
			want   int
		}{
			{management.Filter{}, 6000}, {management.Filter{Text: "ss"}, 6000}, {management.Filter{Text: "gov"}, 2000}, {management.Filter{Text: "4711"}, 1},
			{management.Filter{Types: []request.Type{request.ClientReg}, Origin: management.Center}, 1800},
		} {
			f, want := c.filter, c.want
			for _, sort := range management.SortKeys {
				name := fmt.Sprintf("%+v by %s", f, sort)
				up, down := pages(t, requests, f, sort, false), pages(t, requests, f, sort, true)
				require.InDelta(t, want, len(up), float64(want)/100, name)
				slices.Reverse(down)
				require.Equal(t, up, down, name)
				once := slices.Clone(up)
				slices.Sort(once)
				require.Len(t, slices.Compact(once), len(up), name)
			}
		}
	})
}

func pages(t *testing.T, requests *management.Service, f management.Filter, sort string, descending bool) (ids []int64) {
	t.Helper()
	for number := 0; ; number++ {
		f.Paging = registry.Paging{Limit: 700, Number: number, Sort: sort, Descending: descending}
		page, err := requests.Requests(t.Context(), f)
		require.NoError(t, err)
		for _, r := range page.Items {
			ids = append(ids, r.ID)
		}
		if len(page.Items) < f.Paging.Limit {
			require.Len(t, ids, page.Total)
			return ids
		}
	}
}
