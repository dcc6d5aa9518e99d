package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"time"

	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/sweepbench/crowd"
	"rekey/cmd/sweepbench/fill"
)

const generateText = `
Writes made-up people into the empty database of an old store (MariaDB or MySQL by LOAD DATA LOCAL, PostgreSQL by COPY, SQLite by
prepared statements), with indexes, and prints as JSON what a move of them has to come to. People are written as they are made: memory
does not grow with their number. The same flags, seed and pool file give the same people.

Each has a name (a fifth of them not in ASCII), most an address, a hash of the pool, the day on which they came, in the last
15 years, and most the day on which they were last seen: half of those in the last three years. They type the password that the pool
file has beside the hash.`

// A generated is what is printed.
type generated struct {
	Plan     crowd.Plan   `json:"plan"`
	Expected crowd.Counts `json:"expected"`
	Legacy   string       `json:"legacy"` // an entry of rekey's configuration, without the password of the store
	Seconds  float64      `json:"seconds"`
	Rate     float64      `json:"people_per_second"`
	Peak     int64        `json:"peak_bytes"` // of this process
}

func generate(ctx context.Context, args []string, out io.Writer) error {
	f := newFlags("generate", generateText)
	to := f.String("to", "", "`DSN` of an empty database: mysql://…, postgres://… or sqlite:///path")
	var plan crowd.Plan
	f.Int64Var(&plan.People, "people", 10_000, "how many")
	f.Uint64Var(&plan.Seed, "seed", 1, "which ones")
	f.Float64Var(&plan.Weak, "weak", 0, "`share` whose hash is salted MD5, which has to be wrapped: 0 to 1")
	f.Float64Var(&plan.Disabled, "disabled", 0.02, "`share` of those who are disabled")
	f.Int64Var(&plan.Collisions, "collisions", 0, "pairs of people with one e-mail address in two spellings")
	f.Int64Var(&plan.Unreadable, "unreadable", 0, "people whose hash was cut")
	f.Int64Var(&plan.Untypable, "untypable", 0, "people whose name nobody can type, and who have no address")
	profiles := f.Bool("profiles", false, "name the column of display names in the configuration")
	from := addPoolFlags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if *to == "" {
		return errors.New("-to is missing")
	}
	if err := plan.Check(); err != nil {
		return err
	}
	pool, err := from.open()
	if err != nil {
		return err
	}
	said := generated{Plan: plan}
	begin := time.Now()
	if err := fill.Fill(ctx, *to, crowd.Everybody(plan, pool, &said.Expected)); err != nil {
		return err
	}
	said.Seconds = time.Since(begin).Seconds()
	said.Rate = float64(plan.People) / said.Seconds
	said.Peak = gauge.Memory(os.Getpid(), "VmHWM")
	said.Legacy = fill.YAML("old", redacted(*to), *profiles)
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(said)
}

// redacted is a DSN without its password.
func redacted(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.User == nil {
		return dsn
	}
	u.User = url.User(u.User.Username())
	return u.String()
}
