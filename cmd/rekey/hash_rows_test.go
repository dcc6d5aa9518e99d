package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"rekey/legacy/hash"
)

const bcryptOfSecret = "$2a$04$gnoxl0KBagjxOPuGpfXfIeir355/ZLdi0zIqxJukQPkJtd0b2EHpu"

// TestRowsKeepTheirOrder mixes costly rows with cheap ones: the cheap ones are done first and must wait.
func TestRowsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	const n = 100
	for i := range n {
		stored := bcryptOfSecret
		if i%3 > 0 {
			stored = "!"
		}
		fmt.Fprintf(&in, `{"id":%d,"password":"secret","hash":%q}`+"\n", i, stored)
	}
	var out bytes.Buffer
	if err := verifyRows(strings.NewReader(in.String()), &out, hash.New(hash.Config{})); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != n {
		t.Fatalf("%d answers to %d rows", len(lines), n)
	}
	for i, line := range lines {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		if string(v.ID) != fmt.Sprint(i) || v.OK != (i%3 == 0) {
			t.Fatalf("answer %d is %s", i, line)
		}
	}
}

// TestRowsAreAnsweredAtOnce: a program that writes one row and waits for its verdict must not wait for ever.
func TestRowsAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	inReader, in := io.Pipe()
	out, outWriter := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- verifyRows(inReader, outWriter, hash.New(hash.Config{})); outWriter.Close() }()
	answers := json.NewDecoder(out)
	for i := range 3 {
		fmt.Fprintf(in, `{"id":%d,"password":"secret","hash":%q}`+"\n", i, bcryptOfSecret)
		var v verdict
		if err := answers.Decode(&v); err != nil || !v.OK {
			t.Fatalf("row %d: %+v, %v", i, v, err)
		}
	}
	in.Close()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestRowsAreBounded(t *testing.T) {
	t.Parallel()
	pad := func(n int) string {
		row := `{"id":"x","password":"","hash":"!","note":""}`
		return strings.Replace(row, `"note":"`, `"note":"`+strings.Repeat("n", n-len(row)), 1)
	}
	for _, tc := range []struct {
		name, row, want string
	}{
		{"the longest row", pad(maxRow), `{"id":"x","ok":false,"error":"no password matches"}`},
		{"one byte more", pad(maxRow + 1), `{"ok":false,"error":"row longer than 65536 bytes"}`},
		{"much more", pad(40 * maxRow), `{"ok":false,"error":"row longer than 65536 bytes"}`},
		{"the longest password", `{"password":"` + strings.Repeat("p", hash.MaxPassword) + `","hash":"!"}`, `{"ok":false,"error":"no password matches"}`},
		{"a longer password", `{"password":"` + strings.Repeat("p", hash.MaxPassword+1) + `","hash":"!"}`, `{"ok":false,"error":"password longer than 4096 bytes"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			after := `{"id":"after","password":"","hash":"!"}`
			if err := verifyRows(strings.NewReader(tc.row+"\r\n\n"+after), &out, hash.New(hash.Config{})); err != nil {
				t.Fatal(err)
			}
			want := tc.want + "\n" + `{"id":"after","ok":false,"error":"no password matches"}` + "\n"
			if out.String() != want {
				t.Errorf("got %s want %s", out.String(), want)
			}
		})
	}
}

// TestRowsTakeExtra puts numbers and nested values where a scheme wants text.
func TestRowsTakeExtra(t *testing.T) {
	t.Parallel()
	var r row
	in := `{"extra":{"user":"Ann","iterations":10,"pepper":"x\"y","nested":{"a":[1]},"flag":true,"none":null}}`
	if err := json.Unmarshal([]byte(in), &r); err != nil {
		t.Fatal(err)
	}
	s := r.stored()
	got := fmt.Sprint(s.User, " ", s.Params)
	if want := `Ann map[flag:true iterations:10 nested:{"a":[1]} pepper:x"y]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRowsTellOfBrokenPipes(t *testing.T) {
	t.Parallel()
	rows := strings.Repeat(`{"password":"","hash":"!"}`+"\n", 500)
	broken := errors.New("broken")
	registry := hash.New(hash.Config{})
	if err := verifyRows(strings.NewReader(rows), failingWriter{broken}, registry); !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
	if err := verifyRows(iotest.ErrReader(broken), io.Discard, registry); !errors.Is(err, broken) {
		t.Errorf("reading: %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func FuzzRow(f *testing.F) {
	f.Add([]byte(`{"id":"a","format":"md5($pass)","password":"x","hash":"y","extra":{"user":1}}`))
	f.Add([]byte(`{"password_hex":"00","hash":"$2a$04$x","salt":"s"}`))
	registry := hash.New(hash.Config{Bounds: hash.Bounds{BcryptCost: 4, Argon2Memory: 64, PBKDF2Iterations: 100}})
	f.Fuzz(func(t *testing.T, line []byte) {
		if v := judge(registry, line); v.OK && v.Error != "" {
			t.Errorf("right and wrong at once: %+v", v)
		}
	})
}
