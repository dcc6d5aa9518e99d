package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// maxRow is the longest row, in bytes: a hash and a salt of 8 KiB and a password of 4 KiB, all of it escaped, fit.
const maxRow = 64 << 10

// A row is one question of --jsonl. Other fields are not looked at, so that files which say more can be read too.
type row struct {
	ID          json.RawMessage            `json:"id"`
	Format      string                     `json:"format"`
	Password    *string                    `json:"password"`
	PasswordHex *string                    `json:"password_hex"`
	Hash        string                     `json:"hash"`
	Salt        string                     `json:"salt"`
	Extra       map[string]json.RawMessage `json:"extra"`
}

// A verdict is the answer to a row.
type verdict struct {
	ID     json.RawMessage `json:"id,omitempty"`
	OK     bool            `json:"ok"`
	Scheme string          `json:"scheme,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Mistakes of a row itself. Their texts are fixed, because rows hold passwords.
var (
	errRowJSON     = errors.New("not a JSON object of the expected shape")
	errRowLong     = fmt.Errorf("row longer than %d bytes", maxRow)
	errRowPassword = errors.New("want password or password_hex, and only one of them")
	errRowHex      = errors.New("password_hex is not hex")
	errLongPass    = fmt.Errorf("password longer than %d bytes", hash.MaxPassword)
)

// verifyRows answers the rows of in on out. Rows are hashed on all cores, and answered in their order as soon as that
// allows; no more than a few rows a core are in memory.
func verifyRows(in io.Reader, out io.Writer, registry *hash.Registry) error {
	type job struct {
		line   []byte
		err    error
		answer chan verdict
	}
	workers := runtime.GOMAXPROCS(0)
	todo, ordered, stop := make(chan job), make(chan chan verdict, 4*workers), make(chan struct{})
	for range workers {
		go func() {
			for j := range todo {
				if j.err != nil {
					j.answer <- verdict{Error: j.err.Error()}
					continue
				}
				j.answer <- judge(registry, j.line)
			}
		}()
	}

	var readErr error
	go func() {
		defer close(ordered)
		defer close(todo)
		readErr = eachLine(in, func(line []byte, err error) bool {
			answer := make(chan verdict, 1)
			select {
			case ordered <- answer:
				todo <- job{line, err, answer}
				return true
			case <-stop:
				return false
			}
		})
	}()

	w := bufio.NewWriter(out)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	var writeErr error
	for answer := range ordered {
		if writeErr == nil {
			if writeErr = encoder.Encode(<-answer); writeErr == nil && len(ordered) == 0 {
				writeErr = w.Flush() // nothing else is ready: a reader at the other end may wait for this
			}
			if writeErr != nil {
				close(stop)
			}
		}
	}
	if writeErr == nil {
		writeErr = w.Flush()
	}
	return errors.Join(wrap("read rows", readErr), wrap("write verdicts", writeErr))
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// eachLine calls do for each line that is not blank, with errRowLong in place of a line that is too long to be kept,
// until do returns false.
func eachLine(in io.Reader, do func(line []byte, err error) bool) error {
	r := bufio.NewReaderSize(in, maxRow+2) // and the line break
	for {
		line, err := r.ReadSlice('\n')
		var tooLong error
		for errors.Is(err, bufio.ErrBufferFull) {
			tooLong = errRowLong
			_, err = r.ReadSlice('\n')
		}
		line = bytes.TrimSpace(line)
		if len(line) > maxRow {
			tooLong = errRowLong
		}
		if tooLong != nil {
			line = nil
		}
		if (len(line) > 0 || tooLong != nil) && !do(bytes.Clone(line), tooLong) {
			return nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// judge answers one row.
func judge(registry *hash.Registry, line []byte) verdict {
	var r row
	if err := json.Unmarshal(line, &r); err != nil {
		// The id is worth having even where the rest is of no use.
		var only struct {
			ID json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal(line, &only) // a line that is no JSON at all has no id
		return verdict{ID: only.ID, Error: errRowJSON.Error()}
	}
	v := verdict{ID: r.ID}
	password, err := r.password()
	if err != nil {
		v.Error = err.Error()
		return v
	}
	h, err := registry.Open(r.stored())
	if err != nil {
		v.Error = hashErrorText(err)
		if wrong := registry.CheckScheme(r.Format); strings.Contains(r.Format, "(") && wrong != nil {
			v.Error = wrong.Error() // what is wrong with a recipe, which is the caller's own text
		}
		return v
	}
	v.Scheme, v.OK = h.Scheme, h.Verify(password)
	return v
}

func (r row) password() ([]byte, error) {
	var password []byte
	switch {
	case (r.Password == nil) == (r.PasswordHex == nil):
		return nil, errRowPassword
	case r.Password != nil:
		password = []byte(*r.Password)
	default:
		var err error
		if password, err = hex.DecodeString(*r.PasswordHex); err != nil {
			return nil, errRowHex
		}
	}
	if len(password) > hash.MaxPassword {
		return nil, errLongPass
	}
	return password, nil
}

func (r row) stored() legacy.Stored {
	s := legacy.Stored{Scheme: r.Format, Hash: r.Hash, Salt: r.Salt, Params: map[string]string{}}
	for name, raw := range r.Extra {
		text := string(raw) // numbers as they were written, nested values as their JSON
		if text == "null" {
			continue
		}
		var asString string
		if json.Unmarshal(raw, &asString) == nil {
			text = asString
		}
		if name == "user" {
			s.User = text
		} else {
			s.Params[name] = text
		}
	}
	return s
}
