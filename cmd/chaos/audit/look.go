package audit

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/cmd/chaos/history"
	"rekey/legacy"
)

// Look says what is in the stores that must not be, after ops were answered and everybody was asked for every password. steady
// says that the phase was new-first all the time.
func (b Books) Look(ctx context.Context, ops []history.Op, names []string, steady bool) ([]string, error) {
	var text string
	if err := b.New.QueryRowContext(ctx, `SELECT state FROM phase`).Scan(&text); err != nil {
		return nil, err
	}
	var at phase.State
	if err := json.Unmarshal([]byte(text), &at); err != nil {
		return nil, err
	}
	var findings []string
	for _, look := range []func() ([]string, error){
		func() ([]string, error) { return b.strangers(ctx) },
		func() ([]string, error) { return b.stale(ctx) },
		func() ([]string, error) { return b.graves(ctx) },
		func() ([]string, error) { return b.secrets(ops) },
	} {
		found, err := look()
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	for _, name := range names {
		theirs := slices.DeleteFunc(slices.Clone(ops), func(op history.Op) bool { return op.Name != name })
		p := page{Books: b, name: name, ops: theirs, at: at, steady: steady}
		found, err := p.look(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// strangers are notes that nothing of what was done explains: I4, two people of one name, would be one.
func (b Books) strangers(ctx context.Context) ([]string, error) {
	return b.list(ctx, b.New, "note %s of %s: %s", `SELECT class, legacy_id, reason FROM quarantine WHERE class <> 'drifted'`)
}

// stale are accounts of which the old store does not know the last change, though nothing is on its way (I19). Whoever has, or
// had, a second factor is answered for here for good.
func (b Books) stale(ctx context.Context) ([]string, error) {
	return b.list(ctx, b.New, "I19: the old store has not the last change of %s, in doubt %s, and nothing is on its way%s",
		`SELECT id::text, in_doubt::text, '' FROM accounts WHERE deleted_at IS NULL AND (changed_here AND NOT untold OR in_doubt)`)
}

// graves are people of the old store who were deleted (I6).
func (b Books) graves(ctx context.Context) ([]string, error) {
	rows, err := b.New.QueryContext(ctx, `SELECT l.legacy_id FROM legacy_links l JOIN accounts a ON a.id = l.account_id WHERE a.deleted_at IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var findings []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		var name string
		err := b.Legacy.QueryRowContext(ctx, `SELECT user_login FROM wp_users WHERE ID = ?`, id).Scan(&name)
		switch {
		case err == nil:
			findings = append(findings, fmt.Sprintf("I6: %s (%s) was deleted and is in the old store", name, id))
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
	}
	return findings, rows.Err()
}

// secrets are passwords, and tokens of letters, in a log (I17).
func (b Books) secrets(ops []history.Op) ([]string, error) {
	var findings []string
	for _, file := range b.Logs {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, op := range ops {
			if op.New != "" && bytes.Contains(text, []byte(b.Text(op.Name, op.New))) {
				findings = append(findings, fmt.Sprintf("I17: password %s of %s is in %s", op.New, op.Name, file))
			}
		}
		for _, token := range b.Tokens() {
			if bytes.Contains(text, []byte(token)) {
				findings = append(findings, "I17: the token of a letter is in "+file)
			}
		}
	}
	return findings, nil
}

// list makes a finding of each row of three texts.
func (b Books) list(ctx context.Context, db *sql.DB, format, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var findings []string
	for rows.Next() {
		var one, two, three string
		if err := rows.Scan(&one, &two, &three); err != nil {
			return nil, err
		}
		findings = append(findings, fmt.Sprintf(format, one, two, three))
	}
	return findings, rows.Err()
}

// A page is what both stores have of one name.
type page struct {
	Books
	name   string
	ops    []history.Op
	at     phase.State
	steady bool
}

// A hereRow is the account of the new store that holds a name.
type hereRow struct {
	id, encoded string
	disabled    bool
	marked      bool // the copy is known to be old
	unseen      bool // nobody has typed the password: it is kept wrapped
}

func (p page) look(ctx context.Context) ([]string, error) {
	var findings []string
	find := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	there, err := p.there(ctx)
	if err != nil {
		return nil, err
	}
	if len(there) > 1 {
		find("I4: %d people of the old store are called %s", len(there), p.name)
	}
	here, err := p.here(ctx)
	if err != nil {
		return nil, err
	}
	inLegacy, err := p.opens(there)
	if err != nil {
		return nil, err
	}
	inNew, err := p.verifies(here)
	if err != nil {
		return nil, err
	}
	for _, accepted := range [][]string{inLegacy, inNew} {
		if len(accepted) > 1 {
			find("I2: one store takes %s of %s", strings.Join(accepted, " and "), p.name)
		}
	}
	// Everybody has just logged in with what is right, so that each copy is equal to what it is a copy of. In legacy-only no
	// copy is made; who is disabled did not come in; and where the old application wrote, the two may differ.
	// And a second factor, or a wrap, is more than a login with the password settles.
	equal := p.at.Phase > phase.LegacyOnly && !p.did(history.LegacyWrite) && !p.did(history.Enrol)
	if equal && here != nil && !here.disabled && !here.marked && !here.unseen && !slices.Equal(inLegacy, inNew) {
		find("I7: of %s the old store takes %q and the new one %q, in %s", p.name, inLegacy, inNew, Name(p.at))
	}
	counted, err := p.events(ctx)
	if err != nil {
		return nil, err
	}
	findings = append(findings, counted...)
	conflict, err := p.conflict(ctx)
	return append(findings, conflict...), err
}

// there are the hashes that the old store has for the name.
func (p page) there(ctx context.Context) ([]string, error) {
	return p.list(ctx, p.Legacy, "%[1]s", `SELECT user_pass, '', '' FROM wp_users WHERE user_login = '`+p.name+`'`)
}

func (p page) here(ctx context.Context) (*hereRow, error) {
	var row hereRow
	err := p.New.QueryRowContext(ctx, `
SELECT a.id, a.disabled, c.encoded, c.scheme <> 'argon2id', coalesce((SELECT bool_or(l.dirty OR l.drifted) FROM legacy_links l WHERE l.account_id = a.id), FALSE)
  FROM identifiers i JOIN accounts a ON a.id = i.account_id JOIN credentials c ON c.account_id = a.id AND c.kind = 'password'
 WHERE i.canonical = $1`, p.name).Scan(&row.id, &row.disabled, &row.encoded, &row.unseen, &row.marked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // nobody is an answer
	}
	return &row, err
}

// given are all passwords that the name ever had.
func (p page) given() []string {
	given := map[string]bool{}
	for _, op := range p.ops {
		if op.Password != "" && op.Password != "wrong" {
			given[op.Password] = true
		}
		if op.New != "" {
			given[op.New] = true
		}
	}
	all := make([]string, 0, len(given))
	for name := range given {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// opens are the passwords that hashes of the old store are of.
func (p page) opens(hashes []string) (accepted []string, err error) {
	for _, stored := range hashes {
		h, err := p.Hashes.Open(legacy.Stored{Scheme: "phpass", Hash: stored})
		if err != nil {
			return nil, err
		}
		for _, name := range p.given() {
			if h.Verify([]byte(p.Text(p.name, name))) {
				accepted = append(accepted, name)
			}
		}
	}
	return accepted, nil
}

// verifies are the passwords that a credential of the new store is of.
func (p page) verifies(row *hereRow) (accepted []string, err error) {
	if row == nil || row.unseen {
		return nil, nil
	}
	for _, name := range p.given() {
		ok, err := password.Hasher{}.Verify(row.encoded, []byte(p.Text(p.name, name)))
		if err != nil {
			return nil, err
		}
		if ok {
			accepted = append(accepted, name)
		}
	}
	return accepted, nil
}

func (p page) did(kind history.Kind) bool {
	return slices.ContainsFunc(p.ops, func(op history.Op) bool { return op.Kind == kind })
}

// events is I17: each acknowledged change has one event, and what was not acknowledged one at most.
func (p page) events(ctx context.Context) ([]string, error) {
	var subjects []string
	if first := p.Subjects[p.name]; first != "" { // a letter resets the password of somebody who never logged in
		subjects = append(subjects, first)
	}
	for _, op := range p.ops {
		if op.Subject != "" && !slices.Contains(subjects, op.Subject) {
			subjects = append(subjects, op.Subject)
		}
	}
	var findings []string
	for _, c := range []struct {
		kind  history.Kind
		event accounts.EventKind
	}{
		{history.Change, accounts.EventPassword}, {history.Delete, accounts.EventDeleted}, {history.Register, accounts.EventRegistered},
		{history.Reset, accounts.EventReset}, {history.Enrol, accounts.EventFactorEnrolled}, {history.Unenrol, accounts.EventFactorRemoved},
	} {
		done, lost, written := 0, 0, 0
		for _, op := range p.ops {
			switch {
			case op.Kind != c.kind:
			case op.Answer == history.Done:
				done++
			case op.Answer == history.Lost:
				lost++
			}
		}
		for _, subject := range subjects {
			var n int
			err := p.New.QueryRowContext(ctx, `SELECT count(*) FROM events WHERE account_id = $1 AND kind = $2`, subject, string(c.event)).Scan(&n)
			if err != nil {
				return nil, err
			}
			written += n
		}
		if written < done || written > done+lost {
			findings = append(findings, fmt.Sprintf("I17: %s has %d events %s for %d acknowledged and %d unanswered", p.name, written, c.event, done, lost))
		}
	}
	return findings, nil
}

// conflict is the note of a change that met another of the old application's. Where it is told surely: the person was moved
// before the old application wrote, and has changed the password here afterwards.
func (p page) conflict(ctx context.Context) ([]string, error) {
	if !p.steady || p.did(history.Delete) || !p.overwritten() {
		return nil, nil
	}
	var n int
	err := p.New.QueryRowContext(ctx, `
SELECT count(*) FROM quarantine q JOIN legacy_links l ON l.source = q.source AND l.legacy_id = q.legacy_id
  JOIN identifiers i ON i.account_id = l.account_id WHERE i.canonical = $1 AND q.class = 'drifted'`, p.name).Scan(&n)
	if err != nil || n > 0 {
		return nil, err
	}
	return []string{"the old application's password of " + p.name + " was overwritten, and nobody is told"}, nil
}

func (p page) overwritten() bool {
	moved := slices.IndexFunc(p.ops, func(op history.Op) bool { return op.Kind == history.Login && op.Answer == history.Done })
	if moved < 0 {
		return false
	}
	for _, wrote := range p.ops {
		if wrote.Kind != history.LegacyWrite || wrote.Answer != history.Done || wrote.Call < p.ops[moved].Return {
			continue
		}
		for _, changed := range p.ops {
			if changed.Kind == history.Change && changed.Answer == history.Done && changed.Call > wrote.Return {
				return true
			}
		}
	}
	return false
}
