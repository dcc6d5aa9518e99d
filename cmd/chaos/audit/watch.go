// Package audit reads both stores, past all proxies, and says what is in them that must not be: while everything runs, and when
// it is at rest. It serves the chaos harness; what people were answered is not its business.
package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"rekey/accounts/phase"
)

// A Watch looks at the new store again and again.
type Watch struct {
	db     *sql.DB
	policy string // how every credential begins

	mu       sync.Mutex
	findings []string
	states   map[int64]phase.State // by epoch
	versions map[string]int64      // of credentials, by account
	epoch    int64                 // of the last look
	live     map[string]bool       // the replicas that were, then
	looks    int
}

// lookEvery is the time between two looks.
const lookEvery = 50 * time.Millisecond

// NewWatch returns a watch over the new store. policy is how every credential has to begin.
func NewWatch(db *sql.DB, policy string) *Watch {
	return &Watch{db: db, policy: policy, states: map[int64]phase.State{}, versions: map[string]int64{}}
}

// Run looks until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			w.find("the watch cannot read: %v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Findings are what was seen that must not be, each once.
func (w *Watch) Findings() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.findings...)
}

// Looks is how often it has looked.
func (w *Watch) Looks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looks
}

func (w *Watch) find(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(w.findings, text) && len(w.findings) < 20 {
		w.findings = append(w.findings, text)
	}
}

func (w *Watch) look(ctx context.Context) error {
	tx, err := w.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it was read from only
	w.mu.Lock()
	w.looks++
	w.mu.Unlock()
	if err := w.phases(ctx, tx); err != nil {
		return err
	}
	return w.credentials(ctx, tx)
}

// phases is I18: the phase is coherent with what each live replica has acknowledged. It is asked when the phase has moved, of
// those who were alive before: who has just started or woken is told of the phase by the answer to the renewal that is seen
// here, and does nothing before.
func (w *Watch) phases(ctx context.Context, tx *sql.Tx) error {
	var text string
	if err := tx.QueryRowContext(ctx, `SELECT state FROM phase`).Scan(&text); err != nil {
		return err
	}
	var now phase.State
	if err := json.Unmarshal([]byte(text), &now); err != nil {
		return err
	}
	w.states[now.Epoch] = now
	moved, before, live := now.Epoch > w.epoch, w.live, map[string]bool{}
	w.epoch, w.live = now.Epoch, live
	rows, err := tx.QueryContext(ctx, `
SELECT id, name, epoch FROM replicas WHERE renewed > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - $1`, phase.DefaultLease().TTL.Microseconds())
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, name string
		var epoch int64
		if err := rows.Scan(&id, &name, &epoch); err != nil {
			return err
		}
		live[id] = true
		if !moved || !before[id] {
			continue
		}
		if why := w.incoherent(epoch, now); why != "" {
			w.find("I18: %s %s", name, why)
		}
	}
	return rows.Err()
}

// incoherent says what is wrong with a live replica that has acknowledged an epoch, or "".
func (w *Watch) incoherent(epoch int64, now phase.State) string {
	behind, known := w.states[epoch]
	if known && !phase.Coexist(behind, now) {
		return fmt.Sprintf("may be in %s of epoch %d while the installation is in %s of epoch %d", Name(behind), epoch, Name(now), now.Epoch)
	}
	// A move that is taken back before everybody has heard of it waits for nobody: they are where they were.
	takenBack := known && epoch == now.Epoch-2 && Name(behind) == Name(now) && behind.Percent == now.Percent
	if epoch < now.Epoch-1 && !takenBack {
		return fmt.Sprintf("is in epoch %d while the installation is in epoch %d", epoch, now.Epoch)
	}
	return ""
}

// Name says what a state is.
func Name(s phase.State) string {
	if s.Frozen {
		return s.Phase.String() + " frozen"
	}
	return s.Phase.String()
}

// afterWrap is what stands before the policy of a wrap: how an account is kept whose password nobody has typed.
var afterWrap = regexp.MustCompile(`^\$rekey-wrap\$k=[^$]+`)

// credentials is I11, versions only grow; and I14, no credential is weaker than the policy.
func (w *Watch) credentials(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT account_id, version, encoded FROM credentials WHERE kind = 'password'`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, encoded string
		var version int64
		if err := rows.Scan(&id, &version, &encoded); err != nil {
			return err
		}
		if version < w.versions[id] {
			w.find("I11: the credential of %s went from version %d to %d", id, w.versions[id], version)
		}
		w.versions[id] = version
		if !strings.HasPrefix(afterWrap.ReplaceAllString(encoded, ""), w.policy) {
			w.find("I14: the credential of %s is not of the policy", id)
		}
	}
	return rows.Err()
}
