package sqlsource

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// Old tables are in latin1, cp1251 or MySQL's three-byte utf8, and a database refuses a whole question when one text in
// it cannot be written in the column's character set. Somebody who types an emoji is then nobody, and no outage. The
// sets are not modelled here: after such a refusal the database itself is asked which texts do not fit.

// A pair is an identifier column and a spelling.
type pair struct {
	column   column
	spelling string
}

// isCharsetError reports the refusal of a text that the column's character set, or PostgreSQL's database, cannot hold.
func isCharsetError(err error) bool {
	var (
		my *mysql.MySQLError
		pg *pgconn.PgError
	)
	switch {
	case errors.As(err, &my):
		return my.Number == 1267 || my.Number == 1270 || my.Number == 1271 // illegal mix of collations: of 2, 3, many
	case errors.As(err, &pg):
		return pg.Code == "22P05" // untranslatable_character
	}
	return false
}

// unfit finds the spellings that do not fit, column by column. ASCII fits everywhere.
func (s *Source) unfit(ctx context.Context, shape *shape, spellings []string) (map[pair]bool, error) {
	found := map[pair]bool{}
	for _, f := range s.schema.fields {
		if !f.kind.isIdentifier() {
			continue
		}
		for _, spelling := range spellings {
			arg, ok := shape.columns[f.column].bind(spelling)
			if !ok || !strings.ContainsFunc(spelling, func(r rune) bool { return r >= utf8.RuneSelf }) {
				continue
			}
			switch err := s.probe(ctx, f.column.table, "1", s.dialect.quote(f.column.name)+" = "+s.dialect.mark(1), arg); {
			case isCharsetError(err):
				found[pair{f.column, spelling}] = true
			case err != nil:
				return nil, err
			}
		}
	}
	return found, nil
}
