package csvfile_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/cmd/rekey/csvfile"
	"rekey/sweeper/named"
)

// No cell begins with what a spreadsheet takes for a formula, and what is read back is what went in.
func FuzzRoundTrip(f *testing.F) {
	for _, cell := range []string{"", "a", "=1+1", "+4930", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "'tis", "'=x", "''", "'", "a,b", `say "no"`, " a ", "a\r\nb", "ä", "\xff"} {
		f.Add(cell, "x")
		f.Add("x", cell)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if got := csvfile.Plain(csvfile.Safe(first)); got != first {
			t.Errorf("%q came back as %q", first, got)
		}
		var text bytes.Buffer
		w := csvfile.NewWriter(&text)
		w.Row(first, second)
		w.Row("end", "end")
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&text).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%q, %q: %v", first, second, err)
		}
		for i, went := range []string{first, second} {
			cell := rows[0][i]
			if cell != "" && strings.Contains("=+-@\t\r\n", cell[:1]) {
				t.Errorf("%q is written as the formula %q", went, cell)
			}
			went = strings.ReplaceAll(went, "\r\n", "\n") // as the reader of the standard library does
			if got := csvfile.Plain(cell); got != went {
				t.Errorf("%q came back as %q", went, got)
			}
		}
	})
}

func TestWriter(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	w := csvfile.NewWriter(&text)
	w.Row("id", "note")
	w.Row("=cmd|' /C calc'!A0", `a "b", c`)
	w.Row("")
	w.Row(" a", "-")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "id,note\r\n'=cmd|' /C calc'!A0,\"a \"\"b\"\", c\"\r\n\"\"\r\n\" a\",'-\r\n"
	if got := text.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	full := csvfile.NewWriter(fullDisk{})
	full.Row("a")
	if err := full.Flush(); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("the disk is full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func byKey(line int, source, id string) named.Person {
	return named.Person{Line: line, Key: accounts.LegacyKey{Source: source, LegacyID: id}}
}

func TestReadPeople(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want []named.Person
	}{
		"one column":         {"anna\nbert@example.org\n", []named.Person{{Line: 1, Ref: "anna"}, {Line: 2, Ref: "bert@example.org"}}},
		"without an end":     {"anna", []named.Person{{Line: 1, Ref: "anna"}}},
		"empty lines":        {"\r\n  \r\nanna\r\n\r\n", []named.Person{{Line: 3, Ref: "anna"}}},
		"the first column":   {"anna,x,y\nbert,z\n", []named.Person{{Line: 1, Ref: "anna"}, {Line: 2, Ref: "bert"}}},
		"a header":           {"name,Identifier\nAnna M.,anna\n", []named.Person{{Line: 2, Ref: "anna"}}},
		"ref":                {"REF\nanna\n", []named.Person{{Line: 2, Ref: "anna"}}},
		"keys":               {"legacy_id,source,why\n7,shop,x\n8,blog,\n", []named.Person{byKey(2, "shop", "7"), byKey(3, "blog", "8")}},
		"keys and names":     {"ref,source,legacy_id\nanna,shop,7\nbert,,8\n", []named.Person{byKey(2, "shop", "7"), {Line: 3, Ref: "bert"}}},
		"semicolons":         {"source;legacy_id\nshop;7\n", []named.Person{byKey(2, "shop", "7")}},
		"tabs":               {"why\tidentifier\nx\tanna\n", []named.Person{{Line: 2, Ref: "anna"}}},
		"no header, and one": {"anna;bert\n", []named.Person{{Line: 1, Ref: "anna;bert"}}},
		"a mark before":      {"\xef\xbb\xbfidentifier\nanna\n", []named.Person{{Line: 2, Ref: "anna"}}},
		"quoted":             {`"anna, of x"` + "\n" + `"say ""no"""` + "\n", []named.Person{{Line: 1, Ref: "anna, of x"}, {Line: 2, Ref: `say "no"`}}},
		"an export of ours":  {"source,legacy_id\r\nshop,'=7\r\nshop,''x\r\n", []named.Person{byKey(2, "shop", "=7"), byKey(3, "shop", "'x")}},
		"spaces":             {" anna \n", []named.Person{{Line: 1, Ref: "anna"}}},
		"breaks in keys":     {"source,legacy_id,why\r\nshop,\"a\nb\",\r\nshop,\"a\r\nb\",\"x\n\"\"y\"\"\n\"\r\nshop,'\r7,\r\n", []named.Person{byKey(2, "shop", "a\nb"), byKey(4, "shop", "a\r\nb"), byKey(8, "shop", "\r7")}},
		"no end, of a key":   {"source,legacy_id\nshop,\"a\n\nb\"", []named.Person{byKey(2, "shop", "a\n\nb")}},
	} {
		got, err := csvfile.ReadPeople(strings.NewReader(tt.text))
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
	for name, tt := range map[string]struct{ text, want string }{
		"empty":              {"", "the list names nobody"},
		"a header alone":     {"identifier\n", "the list names nobody"},
		"a line too long":    {"anna\n" + strings.Repeat("a", csvfile.MaxLine+10), "line 2: it is longer than 8192 bytes"},
		"no UTF-8":           {"anna\n\xff\xfe\n", "line 2 is not valid UTF-8"},
		"nobody in a line":   {"source,legacy_id\nshop,\n", "line 2: it names nobody"},
		"an open quote":      {"\"anna\nbert\n", "line 1: its quotation marks do not match"},
		"too many":           {strings.Repeat("a\n", csvfile.MaxPeople+1), "line 100001: a list has at most 100000 people"},
		"an open key":        {"source,legacy_id\nshop,\"7\nshop,8\n", "line 2: its quotation marks do not match"},
		"marks that match":   {"ref,source,legacy_id\n\"anna\nbert\",,\n", "line 2: its quotation marks do not match"},
		"an endless key":     {"source,legacy_id\nshop,\"" + strings.Repeat("a\n", csvfile.MaxLine), "line 2: it is longer than 8192 bytes"},
		"a mark in the end":  {"\"anna\"x\n", "line 1: its quotation marks do not match"},
		"an open second one": {"anna\n\"bert", "line 2: its quotation marks do not match"},
	} {
		if people, err := csvfile.ReadPeople(strings.NewReader(tt.text)); err == nil || err.Error() != tt.want || people != nil {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if people, err := csvfile.ReadPeople(strings.NewReader(strings.Repeat("a\n", csvfile.MaxPeople))); err != nil || len(people) != csvfile.MaxPeople {
		t.Errorf("as many as there may be: %d (%v)", len(people), err)
	}
}

// Whatever a file holds, everybody who is read is named, by valid text, and its error tells none of it.
func FuzzReadPeople(f *testing.F) {
	f.Add("identifier\nanna\n")
	f.Add("source;legacy_id\nshop;'=7\n")
	f.Add("\xef\xbb\xbfref\n\"a\nb\"\n")
	f.Add("source,legacy_id\r\nshop,\"a\r\n\"\"b\"\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		people, err := csvfile.ReadPeople(strings.NewReader(text))
		if (err == nil) == (len(people) == 0) {
			t.Fatalf("%d people and %v", len(people), err)
		}
		last := 0
		for _, p := range people {
			if (p.Ref == "") == (p.Key == accounts.LegacyKey{}) || p.Line <= last || strings.ContainsAny(p.Ref, "\n") {
				t.Errorf("%q: %+v", text, p)
			}
			last = p.Line
		}
	})
}

// Whatever key an old store has, an export of it is read as just that key.
func FuzzExported(f *testing.F) {
	for _, key := range []string{"7", "nl\nid", "cr\rid", "both\r\nid", "\r\n", `"`, "a,b", "=1", " 7 ", "'\n", "\u2028"} {
		f.Add(key, "x")
		f.Add("7", key)
	}
	f.Fuzz(func(t *testing.T, key, why string) {
		if key == "" || len(key) > 1024 || len(why) > 2000 || !utf8.ValidString(key+why) {
			return // no key
		}
		var text bytes.Buffer
		w := csvfile.NewWriter(&text)
		w.Row("source", "legacy_id", "because")
		w.Row("shop", key, why)
		w.Row("shop", "end", "")
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		people, err := csvfile.ReadPeople(&text)
		if err != nil || len(people) != 2 || people[0] != byKey(2, "shop", key) || people[1].Key.LegacyID != "end" {
			t.Errorf("%q came back as %+v (%v)", key, people, err)
		}
	})
}

func ExampleSafe() {
	fmt.Println(csvfile.Safe("=1+1"), csvfile.Safe("anna"))
	// Output: '=1+1 anna
}
