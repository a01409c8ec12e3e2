package testkit

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/database"
)

// Dump is what stands in these tables as text, row by row: equal texts are equal contents.
func Dump(t testing.TB, db *database.DB, tables ...string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, db.View(t.Context(), func(tx *database.Tx) error {
		for _, table := range tables {
			if err := dump(&b, tx, table); err != nil {
				return err
			}
		}
		return nil
	}))
	return b.String()
}

func dump(b *strings.Builder, tx *database.Tx, table string) error {
	rows, err := tx.DB().Raw("SELECT * FROM " + table + " ORDER BY 1").Rows()
	if err != nil {
		return err
	}
	columns, err := rows.Columns()
	if err != nil {
		return errors.Join(err, rows.Close())
	}
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return errors.Join(err, rows.Close())
		}
		fmt.Fprintln(b, table, values)
	}
	return errors.Join(rows.Err(), rows.Close())
}
