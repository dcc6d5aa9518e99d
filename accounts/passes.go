package accounts

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"rekey/accounts/phase"
)

// passes are what comparing the stores has found, as far as it stands: the gate and whoever asks whether all is ready go by it, and by
// nothing else of a pass. A pass that was not over everything cannot clear, but what it has found stands until one over
// everything has begun after it.
type passes struct {
	whole *Validation // the newest over everything that counts; nil: there is none
	found *Validation // the newest that has found a difference, if none over everything began later; it may be whole itself
}

// passesIn returns what stands in a state. Its error is an *UnavailableError.
func (s *Service) passesIn(ctx context.Context, in phase.State) (passes, error) {
	var p passes
	// In this order: what is found between the two reads is not missed.
	whole, err := s.store.LastComplete(ctx, in.TrustEpoch)
	switch {
	case err == nil:
		p.whole = &whole
	case !errors.Is(err, ErrNotFound):
		return passes{}, cannotTell("read the last complete validation", err)
	}
	found, err := s.store.LastUnclean(ctx)
	switch {
	case err == nil && (p.whole == nil || found.compare(whole) >= 0):
		p.found = &found
	case err != nil && !errors.Is(err, ErrNotFound):
		return passes{}, cannotTell("read the last validation that found a difference", err)
	}
	return p, nil
}

// compare is below 0 if v began before w.
func (v Validation) compare(w Validation) int {
	return cmp.Or(v.Began.Compare(w.Began), bytes.Compare(v.ID[:], w.ID[:]))
}

// ofPart is what was found by a pass that was not over everything; nil if nothing was.
func (p passes) ofPart() *Validation {
	if p.found == nil || p.whole != nil && p.found.ID == p.whole.ID {
		return nil
	}
	return p.found
}

// newest is the pass that says how it is; nil: none does.
func (p passes) newest() *Validation {
	if p.found != nil {
		return p.found
	}
	return p.whole
}

// clean reports whether a pass over everything has found no difference, and none since.
func (p passes) clean() bool { return p.whole != nil && p.found == nil }

// among says of whom a pass was that was not over everything, for the end of a sentence.
func (r ValidationReport) among() string {
	switch {
	case r.Complete:
		return ""
	case !r.Since.IsZero():
		return ", among those who had changed"
	}
	names := make([]string, len(r.Sources))
	for i, c := range r.Sources {
		names[i] = c.Source
	}
	return ", in " + strings.Join(names, ", ")
}

// cleanSince returns when the pass over everything began after which nobody has found a difference, neither a pass nor a login;
// the zero time if there is none. Its error is an *UnavailableError.
func (s *Service) cleanSince(ctx context.Context, in phase.State) (time.Time, error) {
	disagree, err := s.store.CountDisagreements(ctx)
	switch {
	case err != nil:
		return time.Time{}, cannotTell("count disagreements", err)
	case disagree[phase.Legacy]+disagree[phase.New] > 0:
		return time.Time{}, nil
	}
	p, err := s.passesIn(ctx, in)
	if err != nil || !p.clean() {
		return time.Time{}, err
	}
	return p.whole.Began, nil
}
