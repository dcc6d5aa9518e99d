package preset_test

import (
	"regexp"
	"strings"
)

// A rewrite turns words of one dialect into those of another.
type rewrite struct {
	from *regexp.Regexp
	to   string
}

func word(pattern, to string) rewrite { return rewrite{regexp.MustCompile(`(?i)` + pattern), to} }

// The fixtures are in the application's main dialect. Applications that run on several databases have the same columns
// everywhere, in the types that come next; these tables say which. Of a boolean that MySQL keeps as a number it is not
// known what the application makes elsewhere: it stays a number.
var (
	toSQLite = []rewrite{
		word(` unsigned\b| auto_increment\b| collate \w+|\(6\)| with(out)? time zone\b`, ""),
		word(` bit(\(1\))?( |,)`, " boolean$2"),
		word(` (var)?binary\(\d+\)| tinyblob`, " text"), // what an INSERT fills with text
	}
	mySQLToPostgres = []rewrite{
		word(` unsigned\b| auto_increment\b| collate \w+| default '0000-00-00 00:00:00'`, ""),
		word(` (tinyint|bool)(\(\d+\))?( |,)`, " smallint$3"),
		word(` (mediumint|int)\(\d+\)`, " integer"),
		word(` (small|big)int\(\d+\)`, " ${1}int"),
		word(` datetime\b`, " timestamp"),
		word(` (long|medium|tiny)text\b`, " text"),
		word(` (long|tiny)blob\b| (var)?binary\(\d+\)`, " bytea"),
		word(` nvarchar\b`, " varchar"),
	}
	postgresToMySQL = []rewrite{
		word(` character varying\(`, " varchar("),
		word(` character varying\b`, " varchar(255)"),
		word(` timestamp(\(6\))? with(out)? time zone\b`, " datetime"),
		word(` text NOT NULL`, " varchar(255) NOT NULL"), // of a key
	}
)

// toEngine writes a statement for an engine.
func toEngine(statement, dialect, engine string) string {
	if dialect == engine {
		return statement
	}
	var rules []rewrite
	switch engine {
	case "sqlite": // it knows everybody's quotes
		rules = toSQLite
	case "postgres":
		rules = mySQLToPostgres
		statement = strings.ReplaceAll(statement, "`", `"`)
	case "mysql":
		rules = postgresToMySQL
		statement = strings.ReplaceAll(statement, "+00'", "'") // a time of another zone; the session is in UTC
		parts := strings.Split(statement, "'")
		for i := 0; i < len(parts); i += 2 { // between them are texts
			parts[i] = strings.ReplaceAll(parts[i], `"`, "`")
		}
		statement = strings.Join(parts, "'")
	}
	if !strings.HasPrefix(statement, "CREATE TABLE") {
		return statement
	}
	for _, rule := range rules {
		statement = rule.from.ReplaceAllString(statement, rule.to)
	}
	return statement
}
