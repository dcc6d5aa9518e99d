package sqlsource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// TestOpenRefuses shows that a mistake is named, and that no DSN is quoted.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	good := Config{
		Name: "shop", DSN: "sqlite:///tmp/none.db", Table: "people", Columns: Columns{ID: "id", Email: "email", Password: "pass"},
	}
	tests := []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.DSN = "" }, "want mysql://, postgres://, sqlserver:// or sqlite:///"},
		{func(c *Config) { c.DSN = "oracle://u:hunter2@h/d" }, "want mysql://"},
		{func(c *Config) { c.DSN = "mysql://u:hunter2%zz@h/d" }, "not a URL"},
		{func(c *Config) { c.DSN = "mysql://u:hunter2@h:port/d" }, "not a URL"},
		{func(c *Config) { c.DSN = "mysql://u:hunter2@h/d?multiStatements=true" }, `unknown option "multiStatements"`},
		{func(c *Config) { c.DSN = "mysql://u:hunter2@h/d?tls=perhaps" }, "tls"},
		{func(c *Config) { c.DSN = "postgres://u:hunter2@h/d?sslmode=perhaps" }, "pgx refuses it"},
		{func(c *Config) { c.DSN = "sqlite://relative.db" }, "absolute"},
		{func(c *Config) { c.DSN = "sqlite:///a.db?mode=rwc" }, "without options"},
		{func(c *Config) { c.Table = "" }, "table: a name has 1 to 63 bytes"},
		{func(c *Config) { c.Table = "a.b.c" }, "schema.name"},
		{func(c *Config) { c.Table = "people`" }, "'`'"},
		{func(c *Config) { c.Table = `people" --` }, `'"'`},
		{func(c *Config) { c.Columns.ID = "" }, "columns.id: a name is missing"},
		{func(c *Config) { c.Columns.Password = "" }, "columns.password: a name is missing"},
		{func(c *Config) { c.Columns.Email = "" }, "at least one of username, email and phone"},
		{func(c *Config) { c.Columns.Salt = "a;b" }, "columns.salt"},
		{func(c *Config) { c.Columns.Phone = "a\x00" }, "columns.phone"},
		{func(c *Config) { c.Columns.Disabled = "!" }, "columns.disabled"},
		{func(c *Config) { c.Columns.Disabled = "!!a" }, "columns.disabled"},
		{func(c *Config) { c.Columns.Username = strings.Repeat("a", 64) }, "columns.username"},
		{func(c *Config) { c.Timeout = -1 }, "negative"},
	}
	for _, tt := range tests {
		c := good
		tt.change(&c)
		_, err := Open(c)
		if err == nil || !strings.HasPrefix(err.Error(), "legacy source shop: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q", err, tt.want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	s, err := Open(good)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// TestQueries pins the only texts that are ever built.
func TestQueries(t *testing.T) {
	t.Parallel()
	s := open(t, Config{DSN: "postgres://h/d", Table: "old.people", Columns: Columns{ID: "ID", Username: "name", Phone: "tel", Password: "pass"}})
	known := &shape{key: []columnType{typeInt64}, columns: map[column]columnType{{0, "tel"}: typeInt64}, joins: make([][]bound, 1)}
	lookup, args := s.lookupQuery(known, []string{"anna", "49151"}, nil, maxPeople)
	get, _ := s.getQuery(known, []any{1})
	first, _ := s.listQuery(known, nil, nil, 10)
	next, _ := s.listQuery(known, []any{1}, nil, 10)
	for got, want := range map[string]string{
		lookup: `SELECT "ID", "name", "tel", "pass" FROM "old"."people" WHERE "name" IN ($1, $2) OR "tel" IN ($3) LIMIT 17`,
		get:    `SELECT "ID", "name", "tel", "pass" FROM "old"."people" WHERE "ID" = $1 LIMIT 16`,
		first:  `SELECT "ID", "name", "tel", "pass" FROM "old"."people" ORDER BY "ID" LIMIT 10`,
		next:   `SELECT "ID", "name", "tel", "pass" FROM "old"."people" WHERE "ID" > $1 ORDER BY "ID" LIMIT 10`,
	} {
		if got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if len(args) != 3 || args[2] != int64(49151) {
		t.Errorf("arguments %v", args)
	}
}

func TestTruth(t *testing.T) {
	t.Parallel()
	moment := time.Now()
	for _, value := range []any{nil, false, int64(0), uint64(0), 0.0, "", "0", "f", "F", "false", "no", "n", "off", " 0 ", []byte{}, []byte{0}, []byte("0"), []byte("FALSE"), "0000-00-00 00:00:00"} {
		if truth(value) {
			t.Errorf("%T %v is true", value, value)
		}
	}
	for _, value := range []any{true, int64(1), int64(-1), uint64(2), 0.5, "1", "t", "true", "yes", "blocked", []byte{1}, []byte("1"), []byte("t"), moment, "2020-02-03"} {
		if !truth(value) {
			t.Errorf("%T %v is false", value, value)
		}
	}
}

func TestTimeOf(t *testing.T) {
	t.Parallel()
	moment := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, value := range []any{
		moment, moment.In(time.FixedZone("", 3600)), moment.Unix(), uint64(moment.Unix()), float64(moment.Unix()), moment.UnixMilli(), moment.UnixMicro(),
		"1580702706", "2020-02-03T04:05:06Z", "2020-02-03T09:05:06+05:00", "2020-02-03 04:05:06", []byte("2020-02-03 04:05:06.000"), "2020-02-03 09:05:06+05",
		"2020-02-03 09:05:06+05:00", "2020-02-03T04:05:06", " 2020-02-03 04:05:06 ",
	} {
		if got := timeOf(value); !got.Equal(moment) || got.Location() != time.UTC {
			t.Errorf("%T %v is %v", value, value, got)
		}
	}
	for _, value := range []any{
		nil, int64(0), int64(-1), "", "0", "never", "0000-00-00 00:00:00", "2020-00-00", "0001-01-01T00:00:00Z", true, 1e300, "infinity", "99999999999999999999",
		time.Time{}, []byte("2020-02-03 04:05:06 and more"),
	} {
		if got := timeOf(value); !got.IsZero() {
			t.Errorf("%T %v is %v, want the zero time", value, value, got)
		}
	}
	if got := timeOf("2020-02-03"); !got.Equal(moment.Truncate(24 * time.Hour)) {
		t.Errorf("a date is %v", got)
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]columnType{
		"BIGINT": typeInt64, "UNSIGNED INT": typeUint64, "INT2": typeInt16, "INT4": typeInt32, "INT8": typeInt64, "int(11)": typeInt64, "POINT": typeText, "INTERVAL": typeText,
		"VARCHAR(20)": typeText, "TEXT": typeText, "": typeText, "16437": typeText, "DECIMAL(10,0)": typeDecimal, "NUMERIC": typeDecimal,
		"UUID": typeUUID, "VARBINARY": typeBinary, "BLOB": typeBinary, "BYTEA": typeBinary,
	} {
		if got := typeOf(name); got != want {
			t.Errorf("%q is type %d, want %d", name, got, want)
		}
	}
	for _, text := range []string{"", "a", "1a", "01", "+1", "-0", "1.0", " 1", "9223372036854775808", "１"} {
		if value, ok := typeInt64.bind(text); ok {
			t.Errorf("%q is bound as the number %v", text, value)
		}
	}
}

// stub is a driver whose answers a test decides: each connection attempt calls answer.
type stub struct {
	asked  atomic.Int64
	answer func(ctx context.Context) error
}

func (s *stub) Connect(ctx context.Context) (driver.Conn, error) {
	s.asked.Add(1)
	if err := s.answer(ctx); err != nil {
		return nil, err
	}
	return emptyConn{}, nil
}
func (s *stub) Driver() driver.Driver { return nil }

// emptyConn is a database whose table is empty.
type emptyConn struct{}

func (emptyConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (emptyConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (emptyConn) Close() error                        { return nil }
func (emptyConn) ResetSession(context.Context) error  { return driver.ErrBadConn } // each question connects anew
func (emptyConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return emptyRows{}, nil
}

type emptyRows struct{}

func (emptyRows) Columns() []string         { return []string{"id", "email", "pass"} }
func (emptyRows) Close() error              { return nil }
func (emptyRows) Next([]driver.Value) error { return io.EOF }

// stubbed returns a source over a stub, for a bubble of synctest.
func stubbed(t *testing.T, answer func(ctx context.Context) error) (*Source, *stub) {
	t.Helper()
	s, err := Open(Config{
		Name: "shop", DSN: "mysql://u:hunter2@h/d", Table: "people", Columns: Columns{ID: "id", Email: "email", Password: "pass"},
		BreakAfter: 3, BreakFor: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.db.Close()
	connector := &stub{answer: answer}
	s.db = sql.OpenDB(connector)
	s.rows = s.db
	return s, connector
}

// TestBreaker: failures in a row open it, open answers at once without asking, and one try closes it again.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		s, connector := stubbed(t, func(context.Context) error { return down })
		defer s.Close()
		lookup := func() error {
			_, err := s.Lookup(t.Context(), "anna")
			return err
		}
		for range 3 {
			if err := lookup(); !errors.Is(err, down) {
				t.Fatalf("closed: %v", err)
			}
		}
		asked := connector.asked.Load()
		for range 10 {
			if err := lookup(); !errors.Is(err, guard.ErrOpen) || errors.Is(err, legacy.ErrNoUser) {
				t.Fatalf("open: %v, want ErrOpen", err)
			}
		}
		if _, err := s.Get(t.Context(), "1"); !errors.Is(err, guard.ErrOpen) {
			t.Errorf("open, Get: %v", err)
		}
		if connector.asked.Load() != asked {
			t.Error("the database is asked though the breaker is open")
		}

		time.Sleep(5 * time.Second) // the bubble's clock
		if err := lookup(); !errors.Is(err, down) {
			t.Errorf("half open: %v", err)
		}
		if err := lookup(); !errors.Is(err, guard.ErrOpen) {
			t.Errorf("after a try that failed: %v, want ErrOpen", err)
		}

		time.Sleep(5 * time.Second)
		connector.answer = func(context.Context) error { return nil }
		for range 5 {
			if err := lookup(); err != nil {
				t.Errorf("recovered: %v", err)
			}
		}
		connector.answer = func(context.Context) error { return down }
		for range 2 {
			if err := lookup(); !errors.Is(err, down) {
				t.Errorf("two failures after success: %v", err)
			}
		}
		connector.answer = func(context.Context) error { return nil }
		if err := lookup(); err != nil {
			t.Errorf("failures that are not in a row: %v", err)
		}
	})
}

// TestBreakerProbesOneAtATime: while one question tries, others are answered at once; and a try that its caller gave
// up hands the permit back.
func TestBreakerProbesOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		s, connector := stubbed(t, func(context.Context) error { return down })
		defer s.Close()
		for range 3 {
			_, _ = s.Lookup(t.Context(), "anna") // opens it
		}
		time.Sleep(5 * time.Second)
		connector.answer = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		tried := make(chan error)
		go func() {
			_, err := s.Lookup(ctx, "anna")
			tried <- err
		}()
		synctest.Wait()
		if _, err := s.Lookup(t.Context(), "anna"); !errors.Is(err, guard.ErrOpen) {
			t.Errorf("beside the try: %v, want ErrOpen", err)
		}
		cancel()
		if err := <-tried; !errors.Is(err, context.Canceled) {
			t.Errorf("the try: %v", err)
		}
		connector.answer = func(context.Context) error { return nil }
		time.Sleep(5 * time.Second)
		if _, err := s.Lookup(t.Context(), "anna"); err != nil {
			t.Errorf("the permit of the try is lost: %v", err)
		}
	})
}

// TestAbandonedQuestionsDoNotOpenTheBreaker: impatient callers say nothing about the database.
func TestAbandonedQuestionsDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, connector := stubbed(t, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		defer s.Close()
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				synctest.Wait()
				cancel()
			}()
			if _, err := s.Lookup(ctx, "anna"); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		}
		connector.answer = func(context.Context) error { return nil }
		if _, err := s.Lookup(t.Context(), "anna"); err != nil {
			t.Errorf("then: %v", err)
		}
	})
}

// TestDeadline: a question has a deadline of its own, of which the caller needs none.
func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := stubbed(t, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		defer s.Close()
		start := time.Now()
		_, err := s.Lookup(context.Background(), "anna")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if want := "legacy source shop: read users: no answer within 2s"; err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	})
}

// TestDriverErrorsTellNoSecret: whatever a driver's error says, the password in the DSN is not in ours.
func TestDriverErrorsTellNoSecret(t *testing.T) {
	t.Parallel()
	s, _ := stubbed(t, func(context.Context) error { return errors.New("cannot dial u:hunter2@h for anna") })
	defer s.Close()
	_, err := s.Lookup(t.Context(), "anna")
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "anna") {
		t.Errorf("%v", err)
	}
}

// TestUnreadableKey shows that a row without a usable key is nobody, is named, and that its values are not told.
func TestUnreadableKey(t *testing.T) {
	t.Parallel()
	s, err := Open(Config{Name: "shop", DSN: "sqlite:///tmp/none.db", Table: "people", Columns: Columns{ID: "id", Email: "email", Password: "pass"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := &reader{fields: s.schema.fields, types: make([]columnType, len(s.schema.fields))}
	for key, reason := range map[any]string{
		nil: "the key is empty", "": "the key is empty", "a\x00b": "not UTF-8 text", "\xff": "not UTF-8 text",
		strings.Repeat("k", maxIdentifier+1): "longer than 1024 bytes", true: "a value of type bool is no text",
	} {
		values := make([]any, len(r.fields))
		for i, f := range r.fields {
			if values[i] = "hunter2"; f.kind == fieldID {
				values[i] = key
			}
		}
		_, err := r.user(values)
		var row *legacy.RowError
		if !errors.As(err, &row) || row.Column != "id" || row.Reason != reason || row.Key != "" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("key %.10q: %v, want %q", key, err, reason)
		}
	}
	for _, key := range []string{strings.Repeat("k", 64), strings.Repeat("k", maxIdentifier)} { // it names one record, and can be asked for
		if row := unreadable(key, r.fields[0], "test"); row.Key != key || len(row.Error()) > 120 {
			t.Errorf("%d bytes of a key of %d: %v", len(row.Key), len(key), row)
		}
	}
}
