package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Dependents is what hangs on the table of people, as far as the database shows it to the user in the DSN.
type Dependents struct {
	Found    []Dependent
	Unmapped []string // the table's columns that the configuration does not read, with their types
	Bytes    int64    // of the table with its indexes; 0 where it is not known
	Rows     int64    // as the database estimates them; 0 where it is not known
	// Hidden says what could not be looked at, and why. What is not found may be there all the same.
	Hidden []string
}

// A Dependent is one thing that would notice if the table were gone, or changed.
type Dependent struct {
	Kind   DependentKind
	Name   string
	Detail string // what it does with the table; never a value of a row
}

// DependentKind is the closed list of what is looked for.
type DependentKind string

// What is looked for.
const (
	ForeignKey DependentKind = "foreign key"
	View       DependentKind = "view"
	Trigger    DependentKind = "trigger"
	Routine    DependentKind = "routine" // function, procedure, scheduled event
	Grant      DependentKind = "grant"   // a database user, or role, with rights on the table
	Client     DependentKind = "client"  // a connection to the same database, other than ours
	Feed       DependentKind = "feed"    // a logical replication that carries the table elsewhere
)

// The bounds of an inspection.
const (
	inspectTimeout = 10 * time.Second // of one question: catalogues are slow where there are many tables
	maxFound       = 500              // of one kind
	maxShown       = 300              // bytes of a name or a detail: schema, table and column
)

// errHidden marks what the database does not show us.
var errHidden = errors.New("no right to see it")

// A look is one question to the catalogue. Its rows have three texts: a name, a detail and a body. A row with a body
// counts only if the body mentions the table: that is how routines are found, of which no catalogue says what they use.
type look struct {
	kind  DependentKind
	what  string // for Hidden
	query string
	args  []target
	// seen is a query that fails, or has no row, where the database would show less than there is. Empty: it shows all.
	seen   string
	lacked string // what the user would need
}

// A target is what a look asks with.
type target int

const (
	schemaName target = iota
	tableName
	quotedTable // schema and table quoted, as PostgreSQL's and SQL Server's functions want them
	ourClient   // the name under which our connections show
)

// An inspector is how one kind of database is looked at.
type inspector struct {
	schema  string // a query for the schema that a table is in where none is configured; empty: there are none
	quote   func(name string) string
	size    look // its row has bytes and rows as name and detail
	columns look // its rows have a column's name and type
	looks   []look
	notes   []string // what such a database can never show
	// nameless: connections carry no name of ours, so as many as our pool holds are taken out of those of our user.
	nameless bool
}

// inspectors maps a DSN's scheme to how its catalogue is read.
func inspectors() map[string]inspector {
	mysql, postgres, sqlite, sqlserver := inspectMySQL(), inspectPostgres(), inspectSQLite(), inspectSQLServer()
	return map[string]inspector{
		"mysql": mysql, "mariadb": mysql, "postgres": postgres, "postgresql": postgres, "sqlite": sqlite,
		"sqlserver": sqlserver, "mssql": sqlserver,
	}
}

// Inspect reads the database's catalogue, and no row of the table: who and what depends on the table of people. What
// may not be read is told in Hidden and is no error; the error is that of a database that does not answer.
func (s *Source) Inspect(ctx context.Context) (Dependents, error) {
	u, err := url.Parse(s.config.DSN)
	if err != nil {
		return Dependents{}, fmt.Errorf("legacy source %s: inspect: the DSN is not a URL", s.config.Name)
	}
	plan, ok := inspectors()[u.Scheme]
	schema, table, named := cutTable(s.config.Table)
	if !ok || !named {
		return Dependents{Hidden: []string{"dependents: the source reads no single table whose catalogue could be asked"}}, nil
	}
	if err := s.Ping(ctx); err != nil {
		return Dependents{}, err
	}
	i := inspection{s: s, table: table, schema: schema}
	if schema == "" && plan.schema != "" {
		if err := i.each(ctx, plan.schema, nil, func(row [3]string) { i.schema = row[0] }); err != nil {
			return Dependents{}, fmt.Errorf("legacy source %s: inspect: %s", s.config.Name, s.describe(err))
		}
	}
	i.quoted = plan.quote(table)
	if schema != "" {
		i.quoted = plan.quote(schema) + "." + i.quoted
	}
	i.read(ctx, plan)
	if plan.nameless {
		i.withoutOurs(u.User.Username())
	}
	if err := ctx.Err(); err != nil {
		return Dependents{}, fmt.Errorf("legacy source %s: inspect: %w", s.config.Name, err)
	}
	i.found.Hidden = append(i.found.Hidden, plan.notes...)
	return i.found, nil
}

// cutTable splits a configured table, and reports false where a source has none.
func cutTable(configured string) (schema, table string, ok bool) {
	table = configured
	if before, after, cut := strings.Cut(configured, "."); cut {
		schema, table = before, after
	}
	return schema, table, checkName(table) == nil && (schema == "" || checkName(schema) == nil)
}

// An inspection is one run of Inspect.
type inspection struct {
	s                     *Source
	schema, table, quoted string
	found                 Dependents
}

func (i *inspection) read(ctx context.Context, plan inspector) {
	i.ask(ctx, plan.size, func(row [3]string) {
		// The numbers are the database's own; what is none counts as unknown.
		i.found.Bytes, i.found.Rows = wholeNumber(row[0]), wholeNumber(row[1])
	})
	read := i.s.columnsRead()
	columns := 0
	i.ask(ctx, plan.columns, func(row [3]string) {
		columns++
		if !slices.ContainsFunc(read, func(name string) bool { return strings.EqualFold(name, row[0]) }) {
			i.found.Unmapped = append(i.found.Unmapped, strings.TrimSpace(row[0]+" "+strings.ToLower(row[1])))
		}
	})
	if columns == 0 {
		i.hide("columns", errHidden.Error())
	}
	for _, l := range plan.looks {
		if ctx.Err() != nil {
			return
		}
		if l.seen != "" && !i.allowed(ctx, l) {
			i.hide(l.what, "no right to see all of them: "+l.lacked)
		}
		n := 0
		i.ask(ctx, l, func(row [3]string) {
			if row[2] != "" && !mentions(row[2], i.table) {
				return
			}
			if n++; n == maxFound+1 {
				i.hide(l.what, fmt.Sprintf("there are more than the %d that are listed", maxFound))
			}
			if n <= maxFound {
				i.found.Found = append(i.found.Found, Dependent{l.kind, row[0], row[1]})
			}
		})
	}
}

// columnsRead lists the columns that the configuration names.
func (s *Source) columnsRead() []string {
	return s.schema.columnsOf(0)
}

// ask runs one look. What fails is hidden, with the database's reason.
func (i *inspection) ask(ctx context.Context, l look, row func([3]string)) {
	if l.query == "" {
		return
	}
	if err := i.each(ctx, l.query, l.args, row); err != nil && ctx.Err() == nil {
		i.hide(l.what, i.s.describe(err))
	}
}

func (i *inspection) hide(what, why string) {
	if text := what + ": " + why; !slices.Contains(i.found.Hidden, text) {
		i.found.Hidden = append(i.found.Hidden, text)
	}
}

// allowed reports whether the database shows us all that a look asks for.
func (i *inspection) allowed(ctx context.Context, l look) bool {
	yes := false
	err := i.each(ctx, l.seen, l.args, func([3]string) { yes = true })
	return err == nil && yes
}

// each runs a query of up to three columns, with as many of the arguments as it has marks for, and hands over its rows,
// cut to what a name may be; the body is whole.
func (i *inspection) each(ctx context.Context, query string, targets []target, row func([3]string)) error {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	var args []any
	for _, t := range targets {
		args = append(args, map[target]string{
			schemaName: i.schema, tableName: i.table, quotedTable: i.quoted, ourClient: ourApplication,
		}[t])
	}
	args = args[:min(len(args), marks(query))]
	rows, err := i.s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		var texts [3]sql.NullString
		if err := rows.Scan([]any{&texts[0], &texts[1], &texts[2]}[:min(len(names), 3)]...); err != nil {
			return err
		}
		row([3]string{printable(texts[0].String), printable(texts[1].String), texts[2].String})
	}
	return rows.Err()
}

// ourApplication is what PostgreSQL knows our connections by.
const ourApplication = "rekey legacy source"

// marks counts the arguments that a query takes: the highest of $1, $2, … and @p1, @p2, …, or the question marks.
func marks(query string) int {
	highest := 0
	for n := 1; n <= 4; n++ {
		if strings.Contains(query, fmt.Sprintf("$%d", n)) || strings.Contains(query, fmt.Sprintf("@p%d", n)) {
			highest = n
		}
	}
	return max(highest, strings.Count(query, "?"))
}

// withoutOurs takes our own pool out of the clients: as many connections of our database user as the pool holds.
func (i *inspection) withoutOurs(user string) {
	ours := i.s.db.Stats().OpenConnections
	var left []Dependent
	for _, d := range i.found.Found {
		var count int
		var rest string
		if d.Kind == Client && strings.HasPrefix(d.Name, user+"@") {
			if n, _ := fmt.Sscanf(d.Detail, "%d %s", &count, &rest); n > 0 {
				mine := min(count, ours)
				if ours -= mine; count == mine {
					continue
				}
				d.Detail = connections(count - mine)
			}
		}
		left = append(left, d)
	}
	i.found.Found = left
}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// mentions reports whether a text of SQL has the table's name as a word, in any case. A word in a comment or a string
// counts too: who looks at it is a person.
func mentions(body, table string) bool {
	body, table = strings.ToLower(body), strings.ToLower(table)
	for from := 0; ; {
		at := strings.Index(body[from:], table)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(body[:at])
		after, _ := utf8.DecodeRuneInString(body[at+len(table):])
		if !inName(before) && !inName(after) {
			return true
		}
		from = at + len(table)
	}
}

func inName(r rune) bool {
	return r == '_' || r == '$' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// printable cuts a name of the catalogue and takes out what would move a terminal's cursor.
func printable(text string) string {
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
}

// wholeNumber reads a count of the catalogue; what is none, or negative, is 0.
func wholeNumber(text string) int64 {
	var n int64
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || n < 0 {
		return 0
	}
	return n
}
