package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rekey/legacy/hash"
	"rekey/legacy/hash/lab"
)

// labQuestion is what the flags of `hash lab` say.
type labQuestion struct {
	lab.Question
	password     string
	passwordFile string
}

func newHashLab(c console) *cobra.Command {
	var q labQuestion
	var output *format
	cmd := &cobra.Command{
		Use:   "lab --hash HASH --password-file FILE|-",
		Short: "Find the scheme or recipe of a hash whose password is known",
		Long: `Given one hash of the old system and the password that it is of, finds how it was made: a scheme by its name, or a
recipe to write behind "scheme:". Everything that is known of the account helps: the salt column, the login name, a
secret of the application.

It tries every scheme, then recipes in growing depth: one digest or HMAC over password, salt, name and pepper; digests
of digests; rounds of any number up to 1,100,000; PBKDF2 likewise. A minute is enough for most.

The password is one that you set for an account of your own, best with capitals, small letters, digits and an
umlaut: for a password of small letters, a recipe that folds letters cannot be told from one that does not.
Exit code 0 if something fits, 1 if nothing does.`,
		Example: `  rekey hash lab --hash 5d1e0e7d… --salt x7 --password-file -
  rekey hash lab --hash '0a1b…:salt' --user anna --pepper "$(cat site.key)" --password-file pw.txt --max-time 10m`,
		Args: cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if err := q.read(c); err != nil {
				return err
			}
			if q.MaxTime <= 0 {
				return misuse("--max-time must be more than nothing")
			}
			return q.search(cmd.Context(), c, *output)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&q.Hash, "hash", "", "the stored `hash`; in single quotes, or the shell will eat its dollar signs")
	f.StringVar(&q.Salt, "salt", "", "the salt `column`, where the application has one")
	f.StringVar(&q.User, "user", "", "the login `name` as stored")
	f.StringVar(&q.Pepper, "pepper", "", "a `secret` of the application: pepper, site key, cookie key; others on this machine can see it while the search runs")
	f.StringVar(&q.passwordFile, "password-file", "", "read the password from the first line of a `file`, or of standard input for -")
	f.StringVar(&q.password, "password", "", "the `password` itself: others on this machine can see it, and the shell keeps it")
	f.DurationVar(&q.MaxTime, "max-time", time.Minute, "how `long` to search")
	cmd.MarkFlagsOneRequired("password", "password-file")
	cmd.MarkFlagsMutuallyExclusive("password", "password-file")
	_ = cmd.MarkFlagRequired("hash") // fails only for a flag that is not there
	output = addOutputFlag(cmd)
	return cmd
}

// read takes the password from where the flags say.
func (q *labQuestion) read(c console) error {
	switch q.passwordFile {
	case "":
		fmt.Fprintln(c.err, "warning: a password on the command line is seen by everybody on this machine, and kept by the shell; use --password-file")
		q.Password = []byte(q.password)
	case "-":
		password, err := readPassword(c)
		if err != nil {
			return err
		}
		q.Password = password
	default:
		f, err := os.Open(q.passwordFile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it was only read
		if q.Password, err = readPassword(console{in: io.Reader(f), out: c.out, err: c.err}); err != nil {
			return err
		}
	}
	if len(q.Password) == 0 {
		return misuse("the password is empty")
	}
	if len(q.Password) > hash.MaxPassword {
		return misuse("the password is longer than %d bytes", hash.MaxPassword)
	}
	if q.Hash == "" || len(q.Hash) > hash.MaxStored || len(q.Salt) > hash.MaxStored {
		return misuse("the hash is empty, or hash or salt longer than %d bytes", hash.MaxStored)
	}
	return nil
}

// search searches and prints. What was found before the time was over is an answer too.
func (q *labQuestion) search(ctx context.Context, c console, f format) error {
	progress := newLabProgress(c.err, q.MaxTime)
	q.Progress = progress.show
	answers, err := lab.Search(ctx, q.Question)
	progress.end()
	if err != nil && !errors.Is(err, lab.ErrTime) {
		return err
	}
	if err := printList(c.out, f, answers, []column[lab.Answer]{
		{"KIND", func(a lab.Answer) string {
			if a.Recipe {
				return "recipe"
			}
			return "scheme"
		}},
		{"PARAMS", func(a lab.Answer) string { return orDash(paramsText(a)) }},
		{"SCHEME", func(a lab.Answer) string { return a.Scheme }},
	}); err != nil {
		return err
	}
	if hint := q.hint(); hint != "" && len(answers) > 0 {
		fmt.Fprintln(c.err, "note: "+hint)
	}
	if len(answers) > 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("nothing fits yet: %w; a larger --max-time goes on", err)
	}
	return errors.New("nothing fits: is it this account's password, are salt, name and pepper all there?")
}

// hint says what the password cannot tell.
func (q *labQuestion) hint() string {
	password := string(q.Password)
	switch {
	case strings.ToLower(password) == password:
		return "the password has no capitals: a recipe with lower($pass) would look the same"
	case strings.ToUpper(password) == password:
		return "the password has no small letters: a recipe with upper($pass) would look the same"
	case len(password) == len([]rune(password)):
		return "the password has no letter beyond ASCII: how the application writes those is not known"
	}
	return ""
}

// A labProgress shows how far a search is: one line on a terminal, and else a line for each stage.
type labProgress struct {
	w        io.Writer
	terminal bool
	most     time.Duration
	stage    string
	shown    time.Duration
}

func newLabProgress(w io.Writer, most time.Duration) *labProgress {
	f, ok := w.(*os.File)
	return &labProgress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), most: most}
}

func (p *labProgress) show(now lab.Progress) {
	const quiet = time.Second // a search that ends within it says nothing
	if now.Elapsed < quiet || p.stage == now.Stage && (!p.terminal || now.Elapsed-p.shown < quiet/4) {
		return
	}
	p.stage, p.shown = now.Stage, now.Elapsed
	text := fmt.Sprintf("%s of %s: %s; %.1f million digests", now.Elapsed.Round(time.Second), p.most, now.Stage, float64(now.Tried)/1e6)
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintln(p.w, text)
	}
}

// end leaves an empty line on a terminal.
func (p *labProgress) end() {
	if p.terminal && p.stage != "" {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// paramsText is an answer's parameters as `hash verify --param` takes them.
func paramsText(a lab.Answer) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(a.Params)) {
		pairs = append(pairs, name+"="+a.Params[name])
	}
	return strings.Join(pairs, " ")
}
