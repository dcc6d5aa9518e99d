package sqlsource

import (
	"context"
	"fmt"
	"strings"

	"rekey/legacy"
)

// likeEscape stands before a character of a LIKE pattern that means itself. A backslash would be taken by the texts of some
// databases.
const likeEscape = "!"

// literally makes a part of a pattern that matches just this. "[" means something to SQL Server.
var literally = strings.NewReplacer(
	likeEscape, likeEscape+likeEscape, "%", likeEscape+"%", "_", likeEscape+"_", "[", likeEscape+"[",
)

// mostFound is the most that one search returns.
const mostFound = 1000

// Searches is legacy.Searcher's: the table is what is searched, and queries of the operator's own know whole names alone.
func (s *Source) Searches() bool { return s.config.Table != "" }

// Search is legacy.Searcher's. It reads the whole table where the part is in few, so one search runs at a time, and how long it
// takes says nothing about the store.
func (s *Source) Search(ctx context.Context, part string, limit int) ([]legacy.User, error) {
	if !s.Searches() || limit < 1 || limit > mostFound {
		return nil, fmt.Errorf("legacy source %s: search users: there is no table to search, or not 1 to %d people are wanted", s.config.Name, mostFound)
	}
	if len(askable([]string{part})) == 0 {
		return nil, nil // nobody can have that
	}
	var users []legacy.User
	err := s.guard.Aside(ctx, "search users", func(ctx context.Context) error {
		select {
		case s.searching <- struct{}{}:
			defer func() { <-s.searching }()
		case <-ctx.Done():
			return ctx.Err()
		}
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		query, args := s.searchQuery(shape, part, limit)
		if query == "" {
			return nil // no column has text
		}
		found, bad, err := s.read(ctx, query, args, limit)
		switch {
		case isCharsetError(err):
			return nil // the database has no such characters
		case err != nil:
			return err
		}
		users = found
		return joined(bad)
	})
	return users, err
}

// searchQuery returns the SELECT that finds whoever has a part in an identifier that is text or bytes, and its arguments.
func (s *Source) searchQuery(shape *shape, part string, limit int) (string, []any) {
	var asks []ask
	for _, f := range s.schema.fields {
		if !f.kind.isIdentifier() {
			continue
		}
		switch shape.columns[f.column] {
		case typeText, typePadded, typeVarchar:
			asks = append(asks, ask{column: f.column, args: patterns(part, asItIs), like: s.ref})
		case typeBinary:
			asText := func(c column) string { return s.dialect.asText(s.ref(c)) }
			asks = append(asks, ask{column: f.column, args: patterns(part, s.dialect.ofText), like: asText})
		default: // a part of a number is in everybody's
		}
	}
	return s.identifierQuery(shape, asks, limit)
}

// patterns are what a column is compared with, as the column has text: in lower case, and as typed, for databases that lower only
// ASCII.
func patterns(part string, ofText func(string) string) []any {
	pattern := func(part string) string { return "%" + literally.Replace(ofText(part)) + "%" }
	return []any{pattern(strings.ToLower(part)), pattern(part)}
}

// anyLike appends the condition that a column has one of the patterns.
func (s *Source) anyLike(q *statement, a ask) {
	name := a.like(a.column)
	q.add("LOWER(", name, ") LIKE ")
	q.arg(a.args[0])
	q.add(" ESCAPE '"+likeEscape+"' OR ", name, " LIKE ")
	q.arg(a.args[1])
	q.add(" ESCAPE '" + likeEscape + "'")
}
