package store

import (
	"fmt"
	"strings"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
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
	result := registry.Page[V]{Paging: p}
	if err := t.tx.DB().Raw("SELECT COUNT(*) FROM "+from+c.where(), c.values...).Row().Scan(&result.Total); err != nil {
		return result, err
	}
	by := unique
	if p.Sort != "" {
		expression, ok := order[p.Sort]
		if !ok {
			return result, fmt.Errorf("store: no order for sort key %q", p.Sort)
		}
		by = expression
	}
	if p.Descending {
		by += " DESC"
	}
	var err error
	result.Items, err = all(t.tx.DB().Raw("SELECT "+columns+" FROM "+from+c.where()+" ORDER BY "+by+", "+unique+" LIMIT ? OFFSET ?",
		append(append([]any{}, c.values...), p.Limit, int64(p.Limit)*int64(p.Number))...), turn)
	return result, err
}
