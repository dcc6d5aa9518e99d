package sqlsource

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	mssql "github.com/microsoft/go-mssqldb"
)

// TestParseQuery shows what a query of the operator's may say, and where its marks are.
func TestParseQuery(t *testing.T) {
	t.Parallel()
	dialects := map[string]dialect{"mysql": mySQL(), "postgres": postgreSQL(), "sqlite": sqlite(), "sqlserver": sqlServer()}
	all := []string{"mysql", "postgres", "sqlite", "sqlserver"}
	for _, tt := range []struct {
		query string
		on    []string
		want  string // with marks as <mark>; "" is refused
	}{
		{"SELECT a FROM t WHERE id = :id", all, "SELECT a FROM t WHERE id = <id>"},
		{" select a from t where id=:id;\n", all, "select a from t where id=<id>"},
		{"WITH x AS (SELECT 1) SELECT a FROM x WHERE id = :id AND b = :id", all, "WITH x AS (SELECT 1) SELECT a FROM x WHERE id = <id> AND b = <id>"},
		{"(SELECT a FROM t WHERE id = :id) UNION (SELECT 1)", all, "(SELECT a FROM t WHERE id = <id>) UNION (SELECT 1)"},
		{"SELECT ':id', ' -- ', ';', 'it''s :id', 'delete' FROM t WHERE id = :id", all, "SELECT ':id', ' -- ', ';', 'it''s :id', 'delete' FROM t WHERE id = <id>"},
		{`SELECT "update" FROM t WHERE id = :id`, all, `SELECT "update" FROM t WHERE id = <id>`},
		{"SELECT replace(a, 'x', 'y'), inserted FROM t WHERE id = :id", all, "SELECT replace(a, 'x', 'y'), inserted FROM t WHERE id = <id>"},
		{"SELECT a::text FROM t WHERE id = :id::bigint", []string{"postgres"}, "SELECT a::text FROM t WHERE id = <id>::bigint"},
		{"SELECT a #>> '{b}', c @> d, e ? 'f' FROM t WHERE id = :id", []string{"postgres"}, "SELECT a #>> '{b}', c @> d, e ? 'f' FROM t WHERE id = <id>"},
		{"SELECT `delete;` FROM t WHERE id = :id", []string{"mysql", "sqlite"}, "SELECT `delete;` FROM t WHERE id = <id>"},
		{"SELECT `a` FROM t WHERE id = :id", []string{"postgres", "sqlserver"}, ""},
		{"SELECT [drop it] FROM t WHERE id = :id", []string{"sqlite", "sqlserver"}, "SELECT [drop it] FROM t WHERE id = <id>"},
		{"SELECT [drop it] FROM t WHERE id = :id", []string{"mysql", "postgres"}, ""},
		{"SELECT [a]]b; DROP TABLE t] FROM t WHERE id = :id", []string{"sqlite", "sqlserver"}, ""},

		{"", all, ""},
		{"UPDATE t SET a = :id", all, ""},
		{"EXPLAIN SELECT :id", all, ""},
		{"SELECT a FROM t WHERE id = 1", all, ""}, // without its mark
		{"SELECT a FROM t WHERE id = :id AND b = :limit", all, ""},
		{"SELECT a FROM t WHERE id = :ID", all, ""},
		{"SELECT a FROM t WHERE id = :id2", all, ""},
		{"SELECT a FROM t WHERE id = : id", all, ""},
		{"SELECT @x := 1 FROM t WHERE id = :id", []string{"mysql"}, ""},
		{"SELECT a FROM t WHERE id = :id; SELECT 2", all, ""},
		{"SELECT a FROM t WHERE id = :id;;", all, ""},
		{"SELECT a FROM t WHERE id = :id -- and more", all, ""},
		{"SELECT a /*! , b */ FROM t WHERE id = :id", all, ""},
		{"SELECT a FROM t WHERE id = :id # more", []string{"mysql", "sqlite", "sqlserver"}, ""},
		{"SELECT a FROM t WHERE id = :id AND b = ?", []string{"mysql", "sqlite", "sqlserver"}, ""},
		{"SELECT a FROM t WHERE id = :id AND b = $1", all, ""},
		{"SELECT $$:id$$ FROM t WHERE id = :id", all, ""},
		{"SELECT a FROM t WHERE id = :id AND b = @p1", []string{"mysql", "sqlite", "sqlserver"}, ""},
		{"SELECT a FROM t WHERE id = :id AND b = 'it", all, ""},
		{`SELECT a FROM t WHERE id = :id AND b = '\' OR 1=1 --'`, all, ""},
		{`SELECT "a\" FROM t WHERE id = :id`, all, ""},
		{`SELECT a FROM t WHERE id = :id AND b = \N`, all, ""},
		{"SELECT a INTO u FROM t WHERE id = :id", all, ""},
		{"SELECT a FROM t WHERE id = :id DROP TABLE t", all, ""},
		{"SELECT a FROM t WHERE id = :id\tExec xp_cmdshell", all, ""},
		{"SELECT a FROM t WHERE id = :id FOR UPDATE", all, ""},
		{"SELECT a FROM t WHERE id = :id LOCK IN SHARE MODE", all, ""},
		{"SELECT a FROM t WHERE id = 1INTO u AND :id", all, ""},
		{"WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x WHERE id = :id", all, ""},
		{"SELECT a FROM t WHERE id = :id\x00", all, ""},
		{"SELECT \xff FROM t WHERE id = :id", all, ""},
		{"SELECT a FROM t WHERE id = :id" + strings.Repeat(" OR 1=1", maxQuery/7), all, ""},
	} {
		for _, name := range tt.on {
			parts, err := parseQuery(tt.query, dialects[name], []string{markID})
			var got strings.Builder
			for _, p := range parts {
				got.WriteString(p.text)
				if p.mark != "" {
					got.WriteString("<" + p.mark + ">")
				}
			}
			if got.String() != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%s: %.60q is %.60q, %v; want %.60q", name, tt.query, got.String(), err, tt.want)
			}
		}
	}
}

// FuzzParseQuery: what is taken is the text as it was, and neither a statement's end nor a comment is outside quotes.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		"SELECT a FROM t WHERE id = :id", "SELECT ':id' FROM t WHERE id=:id;", "WITH \"x\"::y AS [z] `q` :id", "select 'it''s' --", "SELECT [a]] :id", "SELECT é:id",
	} {
		f.Add(seed, 0)
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, which int) {
		d := []dialect{mySQL(), postgreSQL(), sqlite(), sqlServer()}[uint(which)%4]
		parts, err := parseQuery(text, d, []string{markID})
		if err != nil {
			return
		}
		var back strings.Builder
		marks := 0
		for _, p := range parts {
			back.WriteString(p.text)
			if p.mark != "" {
				back.WriteString(":" + p.mark)
				marks++
			}
		}
		if want := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), ";")); back.String() != want || marks == 0 {
			t.Fatalf("%q became %q with %d marks", text, back.String(), marks)
		}
		// Without what is quoted, nothing that ends or hides a statement is left.
		rest := back.String()
		for i := 0; i < len(rest); {
			r, size := utf8.DecodeRuneInString(rest[i:])
			if closing := d.closing(r); closing != 0 {
				i += strings.IndexByte(rest[i+1:], closing) + 2
				continue
			}
			if r == ';' || r == '\\' || strings.HasPrefix(rest[i:], "--") || strings.HasPrefix(rest[i:], "/*") {
				t.Fatalf("%q has %q outside quotes", rest, rest[i:])
			}
			i += size
		}
	})
}

// FuzzKey: a key has one text, and a text is of one key.
func FuzzKey(f *testing.F) {
	f.Add("a", "b", `a\:b:c`)
	f.Add("", "", `\\:`)
	f.Add(":", `\`, "a:b:c")
	f.Fuzz(func(t *testing.T, a, b, id string) {
		parts, ok := splitKey(joinKey([]string{a, b}), 2)
		if !ok || parts[0] != a || parts[1] != b {
			t.Fatalf("%q and %q came back as %q, %v", a, b, parts, ok)
		}
		for n := 1; n <= 3; n++ {
			if parts, ok := splitKey(id, n); ok && joinKey(parts) != id {
				t.Fatalf("%q is the key %q, whose text is %q", id, parts, joinKey(parts))
			}
		}
	})
}

func TestListOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		t    columnType
		want []string
		bad  bool
	}{
		{"", typeText, nil, false},
		{" , ,", typeText, nil, false},
		{"admin", typeText, []string{"admin"}, false},
		{" a, b c ,d,", typeText, []string{"a", "b c", "d"}, false},
		{`["a", "b,c", ""]`, typeText, []string{"a", "b,c"}, false},
		{"[]", typeText, nil, false},
		{"null", typeText, []string{"null"}, false},
		{"null", typeJSON, nil, false},
		{"", typeJSON, nil, false},
		{`["a"`, typeText, nil, true},
		{`["a"] b`, typeText, nil, true},
		{`["a", 1]`, typeText, nil, true},
		{`[["a"]]`, typeText, nil, true},
		{`{"a": true}`, typeText, nil, true},
		{`"a"`, typeJSON, nil, true},
		{`{a,"b, c",NULL}`, typeArray, nil, true},
		{`{a,"b, c"}`, typeArray, []string{"a", "b, c"}, false},
		{"{}", typeArray, nil, false},
		{"", typeArray, nil, false},
		{`{{a},{b}}`, typeArray, []string{"a", "b"}, false},
		{"{a", typeArray, nil, true},

		// Made with PHP 8.2: php -r 'echo serialize([…]);'
		{`a:0:{}`, typeText, nil, false},
		{`a:1:{s:13:"administrator";b:1;}`, typeText, []string{"administrator"}, false},
		{`a:2:{s:6:"editor";b:0;s:10:"subscriber";b:1;}`, typeText, []string{"subscriber"}, false},
		{`a:2:{i:0;s:10:"ROLE_ADMIN";i:1;s:9:"ROLE_USER";}`, typeText, []string{"ROLE_ADMIN", "ROLE_USER"}, false},
		{`a:1:{i:0;s:6:"päß";}`, typeText, nil, true},
		{`a:1:{i:0;s:5:"päß";}`, typeText, []string{"päß"}, false},
		{`a:1:{i:0;s:5:"a";s:";}`, typeText, []string{`a";s:`}, false},
		{`a:1:{i:0;b:1;}`, typeText, nil, true},
		{`a:2:{i:0;s:1:"a";}`, typeText, nil, true},
		{`a:1:{i:0;s:1:"a";}x`, typeText, nil, true},
		{`a:1:{i:0;s:9:"a";}`, typeText, nil, true},
		{`a:1:{i:0;s:-1:"a";}`, typeText, nil, true},
		{`a:01:{i:0;s:1:"a";}`, typeText, nil, true},
		{`a:9999999:{}`, typeText, nil, true},
		{`a:1:{i:0;O:8:"stdClass":0:{}}`, typeText, nil, true},
		{`a:1:{i:0;a:0:{}}`, typeText, nil, true},
		{`a:1:{s:1:"a";b:2;}`, typeText, nil, true},
		{`a:b`, typeText, []string{"a:b"}, false},

		{strings.Repeat("a,", maxNames), typeText, slices.Repeat([]string{"a"}, maxNames), false},
		{strings.Repeat("a,", maxNames+1), typeText, nil, true},
		{strings.Repeat("a", maxIdentifier+1), typeText, nil, true},
		{strings.Repeat(" ", maxList+1), typeText, nil, true},
	} {
		got, err := listOf(tt.text, tt.t)
		if !slices.Equal(got, tt.want) || (err != nil) != tt.bad {
			t.Errorf("%.40q: %.80q, %v; want %.80q", tt.text, got, err, tt.want)
		}
	}
}

// FuzzListOf: no list is longer than its bounds, and no error tells the text.
func FuzzListOf(f *testing.F) {
	for _, seed := range []string{"a,b", `["a"]`, `a:1:{s:1:"a";b:1;}`, `a:1:{i:0;s:1:"a";}`, "{a,b}", "null"} {
		f.Add(seed, 0)
	}
	f.Fuzz(func(t *testing.T, text string, which int) {
		names, err := listOf(text, []columnType{typeText, typeArray, typeJSON}[uint(which)%3])
		if err != nil && (names != nil || len(text) > 20 && strings.Contains(err.Error(), text)) {
			t.Fatalf("%v beside %d names", err, len(names))
		}
		if len(names) > maxNames || slices.ContainsFunc(names, func(n string) bool { return n == "" || len(n) > maxIdentifier }) {
			t.Fatalf("%q", names)
		}
	})
}

// FuzzTOTP: a secret is of a sensible length or refused.
func FuzzTOTP(f *testing.F) {
	for _, seed := range []string{"", "====", "JBSWY3DPEHPK3PXP", "jbsw y3dp-ehpk", "1", "A", strings.Repeat("A", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := totpOf(text)
		if err == nil && len(found) > 0 && (len(found[0].Secret) == 0 || len(found[0].Secret) > maxTOTP) {
			t.Fatalf("a secret of %d bytes", len(found[0].Secret))
		}
		if err != nil && found != nil {
			t.Fatal("an error and a secret")
		}
	})
}

func TestTOTPOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"JBSWY3DPEHPK3PXP": "Hello!\xde\xad\xbe\xef", "jbsw y3dp-EHPK 3pxp": "Hello!\xde\xad\xbe\xef", "MY======": "f", "MY": "f",
	} {
		if found, err := totpOf(text); err != nil || len(found) != 1 || string(found[0].Secret) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", " ", "==="} {
		if found, err := totpOf(text); err != nil || found != nil {
			t.Errorf("%q: %d secrets, %v", text, len(found), err)
		}
	}
	for _, text := range []string{"A", "JBSWY3D0", "MY=A", "otpauth://totp/x?secret=MY", strings.Repeat("A", 8*maxTOTP), "ÄÄ", "\x00"} {
		if found, err := totpOf(text); err == nil {
			t.Errorf("%.20q: %d secrets and no error", text, len(found))
		}
	}
}

func TestLocaleOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"pt_BR.UTF-8": "pt-BR", "de": "de", " en-US ": "en-US", "ca_ES@valencia": "ca-ES", "zh-Hant-TW": "zh-Hant-TW", "": "", "C": "", "de_": "", "-de": "", "d--e": "",
		"<script>": "", "日本": "", strings.Repeat("a", 36): "",
	} {
		if got := localeOf(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestShown: what is not clearly true is not verified.
func TestShown(t *testing.T) {
	t.Parallel()
	for _, value := range []any{true, int64(1), int64(1580702706), 1.0, "1", "t", "TRUE", " yes ", "on", []byte{1}, []byte("1"), time.Now(), "2020-02-03 04:05:06", []byte("20200203040506")} {
		if !shown(value, false) {
			t.Errorf("%T %v is not verified", value, value)
		}
	}
	for _, value := range []any{nil, false, int64(0), int64(-1), 0.0, "", "0", "no", "pending", "2", "0000-00-00 00:00:00", []byte{0}, []byte{}, []byte("x"), time.Time{}} {
		if shown(value, false) {
			t.Errorf("%T %v is verified", value, value)
		}
	}
	for value, want := range map[any]bool{nil: false, false: true, true: false, int64(0): true, int64(1): false, "": true, "pending": false, "0": true} {
		if got := shown(value, true); got != want {
			t.Errorf("%T %v the other way round: %v", value, value, got)
		}
	}
}

// TestSameExtra: values of every type can be compared.
func TestSameExtra(t *testing.T) {
	t.Parallel()
	moment := time.Now()
	values := []any{nil, "a", int64(1), 1.0, true, moment, []string{"a"}, []string{"a", "b"}}
	for i, a := range values {
		for j, b := range values {
			if got := sameExtra(a, b); got != (i == j) {
				t.Errorf("%v and %v: %v", a, b, got)
			}
		}
	}
	if !sameExtra(moment, moment.In(time.FixedZone("", 3600))) {
		t.Error("a time in another zone is another time")
	}
}

// TestSQLServerTypes: there is no server here, so its driver's values are made by hand.
func TestSQLServerTypes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]columnType{
		"BIT": typeBool, "UNIQUEIDENTIFIER": typeGUID, "CHAR": typePadded, "NCHAR": typePadded, "VARCHAR": typeVarchar, "NVARCHAR": typeText, "TINYINT": typeInt64,
		"BIGINT": typeInt64, "DECIMAL": typeDecimal, "MONEY": typeDecimal, "FLOAT": typeFloat, "REAL": typeFloat, "VARBINARY": typeBinary, "IMAGE": typeBinary,
		"DATETIME2": typeTime, "SMALLDATETIME": typeTime, "DATETIMEOFFSET": typeTime, "DATE": typeTime, "TIME": typeText, "XML": typeText,
	} {
		if got := sqlServerType(name); got != want {
			t.Errorf("%s is type %d, want %d", name, got, want)
		}
	}
	// RFC 9562's example as SQL Server sends it: the first three groups with their bytes reversed.
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	raw := []byte{0x10, 0xb8, 0xa7, 0x6b, 0xad, 0x9d, 0xd1, 0x11, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	if got, ok := typeGUID.keyText(raw); !ok || got != id {
		t.Errorf("the key is %q", got)
	}
	if got, ok := typeGUID.text(raw[:15]); ok {
		t.Errorf("15 bytes are %q", got)
	}
	if arg, ok := typeGUID.bindKey(id); !ok || arg != id {
		t.Errorf("the key is bound as %v", arg)
	}
	if _, ok := typeGUID.bindKey(strings.ToUpper(id)); ok {
		t.Error("a key has two texts")
	}
	if arg, ok := typeVarchar.bind("anna"); !ok || arg != mssql.VarChar("anna") {
		t.Errorf("ASCII is bound as %T", arg)
	}
	if arg, ok := typeVarchar.bind("änna"); !ok || arg != "änna" {
		t.Errorf("other text is bound as %T", arg)
	}
	if got, _ := typePadded.text("anna   "); got != "anna" {
		t.Errorf("padding stays: %q", got)
	}
}
