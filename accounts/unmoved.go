package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rekey/legacy"
)

// Counts alone do not show that nobody is left: who was removed from an old store, and is not known to be gone, hides somebody who
// came. So before anybody is told that an old store may be switched off it is read from end to end.

const (
	unmovedEvery   = time.Minute // what was read is good for that long at least
	unmovedTimeout = time.Hour   // a hundred million people at 30,000 a second
)

// An unmoved is what reading the old stores has shown.
type unmoved struct {
	people int64 // of whom there is nothing here, and who are not in quarantine
	at     time.Time
	why    string // it could not be read: nobody knows
}

// readUnmoved reads all old stores, one after the other, or says what was read a moment ago.
func (s *Service) readUnmoved(ctx context.Context) unmoved {
	counted := s.left.get(ctx, s, unmovedEvery, func(ctx context.Context) (int64, error) {
		var sum int64
		for _, source := range s.SourceNames() {
			n, err := s.unmovedIn(ctx, source)
			if err != nil {
				return 0, fmt.Errorf("source %s: %w", source, err)
			}
			sum += n
		}
		return sum, nil
	})
	switch {
	case counted.err != nil && counted.at.IsZero():
		return unmoved{why: "the old stores are still being read"}
	case errors.Is(counted.err, errNoLister), errors.Is(counted.err, ErrWalkStuck):
		return unmoved{why: "an old store cannot be read from end to end"}
	case counted.err != nil:
		s.log.WarnContext(ctx, "nobody knows who is left: an old store could not be read", "error", counted.err)
		return unmoved{why: "an old store could not be read to its end"}
	}
	return unmoved{people: counted.value, at: counted.at}
}

// unmovedIn counts the people of a source of whom there is nothing here, and who are not in quarantine.
func (s *Service) unmovedIn(ctx context.Context, source string) (n int64, err error) {
	count := func(legacyID string) error {
		notes, err := s.quarantined(ctx, LegacyKey{source, legacyID})
		if err == nil && !slices.ContainsFunc(notes, func(note QuarantineRow) bool { return note.State != NoteResolved }) {
			n++
		}
		return err
	}
	var unreadable []string
	err = s.WalkLeft(ctx, source, unmovedPage, func(user legacy.User, left bool) error {
		if !left {
			return nil
		}
		return count(user.ID)
	}, func(row *legacy.RowError) { unreadable = append(unreadable, row.Key) })
	for _, batch := range slices.Collect(slices.Chunk(unreadable, unmovedPage)) {
		if err != nil {
			return 0, err
		}
		here, readErr := s.store.Copies(ctx, source, batch)
		err = readErr
		for _, id := range batch {
			if _, found := here[id]; !found && err == nil {
				err = count(id)
			}
		}
	}
	return n, err
}

// unmovedLine trusts the counts where they leave no doubt, and the last validation where they do, in that somebody is left. That
// nobody is they say while people come and go there too: then it is what reading everybody has shown. Who is in quarantine is counted
// there.
func (a asked) unmovedLine() ReadyLine {
	var sum Between
	var unknown []string
	for _, p := range a.progress.Sources {
		if p.Unmoved == nil {
			unknown = append(unknown, p.Source)
			continue
		}
		sum.Low, sum.High = sum.Low+max(0, p.Unmoved.Low-p.Held), sum.High+max(0, p.Unmoved.High-p.Held)
	}
	line := ReadyLine{Hurdle: HurdleUnmoved, Do: "rekey sweep run moves them; rekey verify says who they are"}
	v := a.passes.whole
	met := v != nil && a.passes.ofPart() == nil && a.age(*v) <= a.limits.ValidationAge && countIn(*v, VerdictMissingHere) == 0 && countIn(*v, VerdictUnmovable) <= a.held()
	switch {
	case a.unmoved != nil && a.unmoved.why != "":
		line.Found, line.Do = a.unmoved.why, "ask again; rekey verify says more"
	case a.unmoved != nil:
		line.Count, line.OK, line.Found = &a.unmoved.people, a.unmoved.people == 0, people(a.unmoved.people)+", as reading everybody has shown, "+ago(a.now.Sub(a.unmoved.at))
	case len(unknown) == 0 && sum.Low == sum.High:
		line.Count, line.OK, line.Found = &sum.Low, sum.Low == 0, people(sum.Low)
	case met && sum.Low == 0:
		line.OK, line.Found = true, "nobody, as the last validation has seen"
	case len(unknown) == 0:
		line.Found = fmt.Sprintf("%d to %d people: who was deleted here may be gone there", sum.Low, sum.High)
		line.Do = "rekey verify tells them apart; " + line.Do
	default:
		line.Found = "not counted in " + strings.Join(unknown, ", ")
		line.Do = "rekey verify reads everybody, and counts; " + line.Do
	}
	return line
}
