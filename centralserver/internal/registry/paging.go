package registry

import (
	"slices"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Paging selects one page of a sorted list.
type Paging struct {
	Limit      int    // items a page, at least 1
	Number     int    // page, counted from 0
	Sort       string // a key that the list knows; "" is the list's own order
	Descending bool
}

// Page is one page of a list and how long the whole list is.
type Page[T any] struct {
	Items  []T
	Total  int
	Paging Paging
}

// Check refuses impossible pages (invalid_pagination_properties) and unknown sort keys (invalid_sort_properties), as X-Road does.
func (p Paging) Check(sortKeys ...string) error {
	switch {
	case p.Limit < 1:
		return fault.New(fault.Invalid, "invalid_pagination_properties", "Page size must not be less than one").With("Page size must not be less than one")
	case p.Number < 0:
		return fault.New(fault.Invalid, "invalid_pagination_properties", "Page index must not be less than zero").With("Page index must not be less than zero")
	case p.Sort != "" && !slices.Contains(sortKeys, p.Sort):
		return fault.New(fault.Invalid, "invalid_sort_properties", "Invalid sort property '%s'", p.Sort).With(p.Sort)
	}
	return nil
}

// The keys that lists can be sorted by.
var (
	ClientSortKeys = []string{"id", "member_name", "client_id.instance_id", "client_id.member_class", "client_id.member_code", "client_type"}
	ServerSortKeys = []string{"owner_name", "server_id.member_class", "server_id.member_code", "server_id.server_code"}
	// GroupMemberSortKeys are those of a global group's members.
	GroupMemberSortKeys = []string{"name", "type", "instance", "class", "code", "subsystem", "created_at"}
)
