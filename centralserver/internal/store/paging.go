package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/database"
)

// conditions collects a WHERE clause and its values.
type conditions struct {
	texts  []string
	values []any
}

func (c *conditions) add(text string, values ...any) {
	c.texts = append(c.texts, text)
	c.values = append(c.values, values...)
}

func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}

// fold makes a text fit to be compared without regard to case, the same for both databases.
func fold(text string) string { return strings.ToLower(text) }

// contains is the condition that a column holds a text, letter by letter: the text's value follows.
func (t *Tx) contains(column string) string {
	if t.postgres() {
		return "strpos(" + column + ", ?) > 0"
	}
	return "instr(" + column + ", ?) > 0"
}

func (t *Tx) postgres() bool { return t.tx.DB().Name() == database.Postgres }

// like makes a pattern that finds the text anywhere; the escape character is an exclamation mark. Case is folded by the database on both
// sides, because each folds its own set of letters.
func like(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + "%"
}

// page counts a list and reads one page of it. order gives the expression of each sort key; unique makes the order total and is the list's
// own order.
func page[R, V any](t *Tx, from, columns string, c conditions, order map[string]string, unique string, p registry.Paging,
	turn func(R) (V, error),
) (registry.Page[V], error) {
	result := registry.Page[V]{Paging: p, Items: []V{}}
	by := []string{unique}
	if p.Sort != "" {
		expression, ok := order[p.Sort]
		if !ok {
			return result, fmt.Errorf("store: no order for sort key %q", p.Sort)
		}
		if expression != unique {
			by = []string{expression, unique}
		}
	}
	if err := t.tx.DB().Raw("SELECT COUNT(*) FROM "+from+c.where(), c.values...).Row().Scan(&result.Total); err != nil {
		return result, err
	}
	w := windowOf(p, result.Total)
	if w.limit == 0 {
		return result, nil
	}
	// Only what is shown is read in full: the page is found by the order's index alone.
	found := "SELECT " + unique + " FROM " + from + c.where() + w.order(by) + " LIMIT ? OFFSET ?"
	var err error
	result.Items, err = all(t.tx.DB().Raw("SELECT "+columns+" FROM "+from+" WHERE "+unique+" IN (SELECT * FROM ("+found+") AS found)"+w.order(by),
		append(append([]any{}, c.values...), w.limit, w.offset)...), turn)
	if w.turned {
		slices.Reverse(result.Items)
	}
	return result, err
}

// window is the rows of a page in the direction in which they are nearer to an end of the list.
type window struct {
	offset, limit int
	descending    bool // of the statement
	turned        bool // the statement runs against the order that was asked for
}

func windowOf(p registry.Paging, total int) window {
	w := window{offset: min(p.Limit*min(p.Number, total), total), descending: p.Descending}
	w.limit = min(p.Limit, total-w.offset)
	if behind := total - w.offset - w.limit; behind < w.offset {
		w.offset, w.descending, w.turned = behind, !w.descending, true
	}
	return w
}

func (w window) order(by []string) string {
	direction := ""
	if w.descending {
		direction = " DESC"
	}
	return " ORDER BY " + strings.Join(by, direction+", ") + direction
}
