package audit

import (
	"testing"
	"time"

	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/cmd/chaos/history"
	"rekey/legacy"
	"rekey/legacy/hash"
)

func op(kind history.Kind, call time.Duration, a history.Answer) history.Op {
	return history.Op{Name: "anna", Kind: kind, Call: call, Return: call + 1, Answer: a, Password: "p1", New: "p2"}
}

// What the old application wrote must be told of where it was surely written over.
func TestOverwritten(t *testing.T) {
	t.Parallel()
	login, write, change := op(history.Login, 10, history.Done), op(history.LegacyWrite, 20, history.Done), op(history.Change, 30, history.Done)
	early := op(history.LegacyWrite, 5, history.Done)
	for name, row := range map[string]struct {
		ops  []history.Op
		want bool
	}{
		"moved, written, changed":       {[]history.Op{login, write, change}, true},
		"written before they are moved": {[]history.Op{early, login, change}, false},
		"not changed":                   {[]history.Op{login, write}, false},
		"perhaps changed":               {[]history.Op{login, write, op(history.Change, 30, history.Lost)}, false},
		"changed before":                {[]history.Op{login, op(history.Change, 12, history.Done), write}, false},
	} {
		if got := (page{ops: row.ops}).overwritten(); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Both stores' hashes are read as what they are.
func TestAccepted(t *testing.T) {
	t.Parallel()
	text := func(name, password string) string { return name + password + " and enough of it" }
	hashes := hash.New(hash.Config{})
	made, err := hashes.Make(legacy.Stored{Scheme: "phpass", Hash: "$P$5abcdefghXf9bG7Ac4zYr4vGd8dZ9j."}, []byte(text("anna", "p2")))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := password.Hasher{Policy: password.Policy{MemoryKiB: 8, Time: 1, Lanes: 1}}.Hash([]byte(text("anna", "p1")))
	if err != nil {
		t.Fatal(err)
	}
	p := page{Books: Books{Hashes: hashes, Text: text}, name: "anna", ops: []history.Op{op(history.Change, 1, history.Done)}}
	there, err := p.opens([]string{made.Hash})
	if err != nil || len(there) != 1 || there[0] != "p2" {
		t.Errorf("the old store takes %q, %v", there, err)
	}
	here, err := p.verifies(&hereRow{encoded: encoded})
	if err != nil || len(here) != 1 || here[0] != "p1" {
		t.Errorf("the new store takes %q, %v", here, err)
	}
	if nobody, err := p.verifies(nil); err != nil || nobody != nil {
		t.Errorf("%q, %v", nobody, err)
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	if got := Name(phase.State{Phase: phase.NewFirst, Frozen: true}); got != "new-first frozen" {
		t.Error(got)
	}
}

// A live replica is at most one epoch behind, and in a phase that may stand beside the installation's.
func TestIncoherent(t *testing.T) {
	t.Parallel()
	lazy := func(epoch int64, at, to phase.Phase, frozen bool) phase.State {
		return phase.State{Plan: phase.Lazy, Epoch: epoch, Phase: at, To: to, Frozen: frozen}
	}
	open9, frozen10 := lazy(9, phase.NewFirst, phase.NewFirst, false), lazy(10, phase.NewFirst, phase.LegacyOnly, true)
	w := NewWatch(nil, "")
	w.states = map[int64]phase.State{9: open9, 10: frozen10}
	for name, row := range map[string]struct {
		epoch int64
		now   phase.State
		found bool
	}{
		"there":                      {9, open9, false},
		"one behind":                 {9, frozen10, false},
		"behind a move taken back":   {9, lazy(11, phase.NewFirst, phase.NewFirst, false), false},
		"behind a move that went on": {9, lazy(11, phase.LegacyOnly, phase.LegacyOnly, true), true},
		"far behind":                 {9, lazy(13, phase.NewFirst, phase.NewFirst, false), true},
		"in a state never seen":      {8, frozen10, true},
		"open beside another":        {9, lazy(10, phase.LegacyOnly, phase.LegacyOnly, false), true},
	} {
		if got := w.incoherent(row.epoch, row.now); (got != "") != row.found {
			t.Errorf("%s: %q", name, got)
		}
	}
}
