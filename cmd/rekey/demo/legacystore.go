package demo

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
	_ "modernc.org/sqlite" // the driver
)

// fillStore makes the SQLite file of the old systems.
func fillStore(ctx context.Context, path string, people []*person, progress func()) (err error) {
	// The file is thrown away at the end, so nothing is waited for.
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(off)&_pragma=synchronous(off)")
	if err != nil {
		return fmt.Errorf("open the old store: %w", err)
	}
	defer func() {
		if closeErr := db.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("close the old store: %w", closeErr)
		}
	}()
	db.SetMaxOpenConns(1)
	for _, s := range sources() {
		if _, err := db.ExecContext(ctx, s.table); err != nil {
			return fmt.Errorf("create the table of %s: %w", s.name, err)
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("fill the old store: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to roll back
	statements := map[string]*sql.Stmt{}
	for _, s := range sources() {
		if statements[s.name], err = tx.PrepareContext(ctx, s.insert); err != nil {
			return fmt.Errorf("fill the table of %s: %w", s.name, err)
		}
	}
	for _, p := range people {
		values := []any{p.id, p.username, p.email, p.stored}
		if p.salt != "" {
			values = append(values, p.salt)
		}
		if _, err := statements[p.source.name].ExecContext(ctx, values...); err != nil {
			return fmt.Errorf("fill the table of %s: %w", p.source.name, err)
		}
		progress()
	}
	return tx.Commit()
}

// newProgress returns a step that draws a bar on a terminal, and a line every tenth of the way elsewhere.
func newProgress(w io.Writer, what string, steps int) func() {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		bar := progressbar.NewOptions(steps, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30), progressbar.OptionShowCount())
		return func() { _ = bar.Add(1) } // a bar that cannot be drawn is no reason to stop
	}
	done := 0
	return func() {
		if done++; done == steps || done%max(steps/4, 1) == 0 {
			fmt.Fprintf(w, "%s: %d of %d\n", what, done, steps)
		}
	}
}
