package phase

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// A State is the one row that says where the installation is. Every change of it is a new epoch. It is stored, and shown
// by the admin API, as JSON.
type State struct {
	Epoch int64 `json:"epoch"` // from 1; grows by one with every change
	// TrustEpoch is the first epoch whose copies can be trusted; 0: none can. It may be the next one: it is announced
	// before it begins, so that replicas on either side of that change agree on whom to trust.
	TrustEpoch int64 `json:"trust_epoch"`
	Plan       Plan  `json:"plan"`
	Phase      Phase `json:"phase"`
	// Percent of the accounts are in the ramp; 0 in every other phase.
	Percent Percent `json:"percent"`
	// Frozen: people log in, nothing is copied or migrated, and changes get 503. Relay and reconciler go on. Only the
	// states of a crossing are frozen.
	Frozen bool `json:"frozen"`
	// To is where a move goes that is under way; none, if no move is.
	To Phase `json:"to,omitzero"`
	// Began is when this phase began, or this percentage, as the new store's clock has it.
	Began time.Time `json:"began"`
	// Salt spreads the accounts over the buckets. It never changes: it says who is inside the ramp.
	Salt string `json:"salt"`
	// Allow and Deny are accounts that are inside and outside the ramp whatever the percentage; Deny comes first. Sorted,
	// without doubles, at most MaxListed each.
	Allow []uuid.UUID `json:"allow,omitempty"`
	Deny  []uuid.UUID `json:"deny,omitempty"`
}

const (
	// MaxListed is how many accounts the allow-list and the deny-list may each have. Every replica reads them with
	// every epoch; they are for testers and for who complains, not for a share of the people.
	MaxListed = 1000

	minSalt, maxSalt = 16, 64    // bytes
	maxStateJSON     = 128 << 10 // bytes; two full lists are 78 KiB
)

// Initial returns the state of a new installation. With plan lazy that is new-first, whose copies are trusted from the
// start; with dual-write it is legacy-only. The salt is random text, made once.
func Initial(plan Plan, salt string, at time.Time) (State, error) {
	s := State{Epoch: 1, Plan: plan, Phase: LegacyOnly, Began: stamp(at), Salt: salt}
	if plan == Lazy {
		s.Phase, s.TrustEpoch = NewFirst, 1
	}
	return s, s.Validate()
}

// stamp is a time as every store can keep it.
func stamp(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

// Moving tells whether a move is under way.
func (s State) Moving() bool { return s.To != 0 }

// Validate returns everything that makes s impossible, joined.
func (s State) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(s.Epoch < 1, "epoch %d: want 1 or more", s.Epoch)
	fault(s.Plan.Phases() == nil, "no plan")
	fault(!slices.Contains(s.Plan.Phases(), s.Phase), "plan %s has no phase %q", s.Plan, s.Phase)
	fault(s.Phase != Ramp && s.Percent != 0, "percent %s in phase %s: want 0", s.Percent, s.Phase)
	fault(s.Percent > All, "percent %s: want 0 to 100", s.Percent)
	fault(!s.underWayOrNot(), "phase %s, frozen %t, on the way to %q: no move goes through this", s.Phase, s.Frozen, s.To)
	fault(!s.trustFits(), "trust epoch %d in epoch %d of phase %s", s.TrustEpoch, s.Epoch, s.Phase)
	fault(s.Began.Year() < 2000 || s.Began.Year() > 9998, "began in the year %d", s.Began.Year())
	fault(!goodSalt(s.Salt), "salt: want %d to %d printable ASCII characters", minSalt, maxSalt)
	for _, list := range []struct {
		name string
		ids  []uuid.UUID
	}{{"allow", s.Allow}, {"deny", s.Deny}} {
		fault(len(list.ids) > MaxListed, "%s: %d accounts, want at most %d", list.name, len(list.ids), MaxListed)
		fault(!inOrder(list.ids), "%s: want ids in order, each once, none of them zero", list.name)
	}
	return errors.Join(faults...)
}

// underWayOrNot tells whether Phase, Frozen and To are those of a settled state or of one that a move goes through.
func (s State) underWayOrNot() bool {
	switch {
	case !s.Moving():
		return !s.Frozen
	case s.To == s.Phase:
		return s.Frozen || s.Phase == Both // the second half of a crossing, or copies that are about to be trusted
	default:
		return s.Frozen && s.stepTo(s.To) && !Coexist(s.settled(), s.enter(s.To, 0))
	}
}

// trustFits tells whether the trust epoch is one that phase and moves give: announced for the next epoch while both or
// new-first is being entered, there in every phase that asks for it, never ahead otherwise.
func (s State) trustFits() bool {
	switch {
	case s.To == s.Phase && (s.Phase == Both || s.Phase == NewFirst):
		return s.TrustEpoch == s.Epoch+1
	case s.Phase == LegacyOnly || s.Phase == Shadow:
		return 0 <= s.TrustEpoch && s.TrustEpoch <= s.Epoch
	}
	return 1 <= s.TrustEpoch && s.TrustEpoch <= s.Epoch
}

func goodSalt(salt string) bool {
	for _, c := range []byte(salt) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return minSalt <= len(salt) && len(salt) <= maxSalt
}

// inOrder tells whether ids are sorted, each once, and none is the zero id.
func inOrder(ids []uuid.UUID) bool {
	before := uuid.Nil
	for _, id := range ids {
		if compareIDs(before, id) >= 0 {
			return false
		}
		before = id
	}
	return true
}

// UnmarshalJSON reads a state strictly: every key at most once and spelled as MarshalJSON spells it, no other keys, and
// only a state that Validate accepts.
func (s *State) UnmarshalJSON(data []byte) error {
	if len(data) > maxStateJSON {
		return fmt.Errorf("phase state: %d bytes, want at most %d", len(data), maxStateJSON)
	}
	var read State
	fields := map[string]any{
		"epoch": &read.Epoch, "trust_epoch": &read.TrustEpoch,
		"plan": &read.Plan, "phase": &read.Phase, "percent": &read.Percent, "frozen": &read.Frozen, "to": &read.To,
		"began": &read.Began, "salt": &read.Salt, "allow": &read.Allow, "deny": &read.Deny,
	}
	if err := readObject(data, fields); err != nil {
		return fmt.Errorf("phase state: %w", err)
	}
	read.Began = stamp(read.Began)
	if err := read.Validate(); err != nil {
		return fmt.Errorf("phase state: %w", err)
	}
	*s = read
	return nil
}

// readObject reads the object that data is into fields. encoding/json would take a key in any case, and twice.
func readObject(data []byte, fields map[string]any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errors.New("want an object")
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string) // where More is true inside an object, the next token is a key
		into, ok := fields[key]
		if !ok {
			return fmt.Errorf("key %.40q: unknown, or there twice", key)
		}
		delete(fields, key)
		if err := dec.Decode(into); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if dec.InputOffset() != int64(len(bytes.TrimRight(data, " \t\r\n"))) {
		return errors.New("more after the object")
	}
	return nil
}
