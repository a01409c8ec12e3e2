package store

import (
	"fmt"
	"slices"
	"strconv"
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

func (c *conditions) clone() conditions {
	return conditions{slices.Clone(c.texts), slices.Clone(c.values)}
}

// unindexed says the same so that no index is used for it: where most rows meet a condition, the order's index is the one to walk.
func (c *conditions) unindexed() conditions {
	var same conditions
	for _, text := range c.texts {
		same.texts = append(same.texts, "("+text+") IS TRUE")
	}
	same.values = c.values
	return same
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
	c, total, err := t.narrowed(from, c, unique)
	if err != nil {
		return result, err
	}
	result.Total = total
	w := windowOf(p, result.Total)
	if w.limit == 0 {
		return result, nil
	}
	// Only what is shown is read in full: the page is found by the order's index alone.
	found := "SELECT " + unique + " FROM " + from + c.where() + w.order(by) + " LIMIT ? OFFSET ?"
	result.Items, err = all(t.tx.DB().Raw("SELECT "+columns+" FROM "+from+" WHERE "+unique+" IN (SELECT * FROM ("+found+") AS found)"+w.order(by),
		append(append([]any{}, c.values...), w.limit, w.offset)...), turn)
	if w.turned {
		slices.Reverse(result.Items)
	}
	return result, err
}

// few is how many rows are gathered and sorted rather than met on a walk through the whole list.
const few = 5000

// narrowed tells how long a list is. Conditions that only few rows meet are replaced by those rows, so that they are looked for once.
func (t *Tx) narrowed(from string, c conditions, unique string) (conditions, int, error) {
	if len(c.texts) > 0 {
		ids, err := t.ids("SELECT "+unique+" AS id FROM "+from+c.where()+" LIMIT ?", append(append([]any{}, c.values...), few+1)...)
		if err != nil {
			return c, 0, err
		}
		if len(ids) <= few {
			found, list := t.listed(ids)
			var only conditions
			only.add(unique+" IN ("+found+")", list)
			return only, len(ids), nil
		}
	}
	var total int
	err := t.tx.DB().Raw("SELECT COUNT(*) FROM "+from+c.where(), c.values...).Row().Scan(&total)
	return c, total, err
}

// ids reads the numbers of rows, column id.
func (t *Tx) ids(statement string, values ...any) ([]int64, error) {
	var ids []int64
	err := t.tx.DB().Raw(statement, values...).Scan(&ids).Error
	return ids, err
}

// listed gives the numbers of rows as a subquery with one value, however many they are.
func (t *Tx) listed(ids []int64) (subquery, value string) {
	var list []byte
	for n, id := range ids {
		if n > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, id, 10)
	}
	if t.postgres() {
		return "SELECT unnest(CAST(CAST(? AS text) AS bigint[]))", "{" + string(list) + "}"
	}
	return "SELECT value FROM json_each(?)", "[" + string(list) + "]"
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
