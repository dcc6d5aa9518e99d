package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rekey/legacy"
	"rekey/legacy/hash"
)

func newHashVerify(c console) *cobra.Command {
	var stored legacy.Stored
	var params []string
	var rows string
	cmd := &cobra.Command{
		Use:   "verify --hash HASH [--scheme NAME] | --jsonl FILE|-",
		Short: "Tell whether a password matches a stored hash",
		Long: `Reads a password from the terminal, or one line of standard input, and tells whether it matches the hash.
Exit code 0 if it does and 1 if it does not.

With --jsonl, reads rows of JSON, one a line:
  {"id": …, "password": "…" or "password_hex": "…", "hash": "…", "salt": "…", "format": "scheme", "extra": {"user": …, "pepper": …}}
and writes one line for each, in the same order: {"id": …, "ok": true|false, "scheme": "…", "error": "…"}.
Without a format the scheme is recognised by the hash's own marks. A bad row has an error and the rest goes on; exit
code 0 says that all rows were read, whatever the verdicts.`,
		Example: `  rekey hash verify --hash '$P$B7WWMmOgFV.kM7HtH7aZGNRA4cJD3d1'
  printf 'secret' | rekey hash verify --scheme 'md5(md5($pass).$salt)' --salt x7 --hash 0a1b…
  rekey hash verify --jsonl rows.jsonl
  producer | rekey hash verify --jsonl -`,
		Args: cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if rows != "" {
				return verifyFile(c, rows)
			}
			var err error
			if stored.Params, err = parseParams(params); err != nil {
				return err
			}
			return verifyOne(c, stored)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&stored.Hash, "hash", "", "the stored `hash`; in single quotes, or the shell will eat its dollar signs")
	f.StringVar(&stored.Scheme, "scheme", hash.Auto, "`name` of the scheme, or a recipe such as 'md5($pass.$salt)'")
	f.StringVar(&stored.Salt, "salt", "", "the salt `column`, where the application has one")
	f.StringVar(&stored.User, "user", "", "the login `name` as stored, for schemes that hash it in")
	f.StringArrayVar(&params, "param", nil, "`name=value` for what the scheme must be told besides; may be repeated")
	f.StringVar(&rows, "jsonl", "", "verify the rows of a `file`, or of standard input for -")
	cmd.MarkFlagsOneRequired("hash", "jsonl")
	for _, flag := range []string{"hash", "scheme", "salt", "user", "param"} {
		cmd.MarkFlagsMutuallyExclusive("jsonl", flag)
	}
	return cmd
}

func parseParams(pairs []string) (map[string]string, error) {
	params := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := params[name]; !ok || name == "" || twice {
			return nil, misuse("--param wants name=value, each name once")
		}
		params[name] = value
	}
	return params, nil
}

func verifyOne(c console, stored legacy.Stored) error {
	h, err := hash.New(hash.Config{}).Open(stored)
	if errors.Is(err, hash.ErrScheme) {
		return misuse("%w", err)
	}
	if err != nil {
		return err
	}
	password, err := readPassword(c)
	if err != nil {
		return err
	}
	if !h.Verify(password) {
		fmt.Fprintf(c.out, "no match (%s)\n", h.Scheme)
		return done{errQuiet, exitFailed}
	}
	fmt.Fprintf(c.out, "match (%s)\n", h.Scheme)
	return nil
}

// readPassword asks on a terminal, without an echo, and else reads one line.
func readPassword(c console) ([]byte, error) {
	if f, ok := c.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(c.err, "Password: ")
		password, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.err)
		return password, err
	}
	line, err := bufio.NewReader(io.LimitReader(c.in, hash.MaxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read password: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if len(password) > hash.MaxPassword {
		return nil, misuse("the password is longer than %d bytes", hash.MaxPassword)
	}
	return []byte(password), nil
}

func verifyFile(c console, path string) error {
	in := c.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	return verifyRows(in, c.out, hash.New(hash.Config{}))
}
