package accounts

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/legacy"
)

// Between two comparisons of everybody, those who have changed on either side are compared by themselves: there, by the time that
// a store keeps with each record; here, by the audit, which has an event for each change, and by the marks that stand. What was
// removed from a legacy store whole shows in neither, nor does a record that keeps its time of before: so such a comparison opens
// no gate. What it finds closes one, as every difference does.

const (
	deltaPage    = 500
	deltaOverlap = 2 * time.Minute // of the legacy store's clock, where nothing is configured: as long as a transaction may last there
	// deltaBack is how much of the audit is read again: a batch may be committed later than its events were made, and clocks differ.
	deltaBack = 10 * time.Minute
	// deltaSeen is how many people are known to have been compared; past it some may be compared, and counted, twice. 10 MB.
	deltaSeen = 100_000
)

// ErrNoWholeComparison: there is nothing for a comparison of what has changed to go on from.
var ErrNoWholeComparison = errors.New("no whole comparison of these sources has ended since copies were first trusted")

// A Delta is a comparison of those who have changed since another one.
type Delta struct {
	Validation
	Blind []string // sources that do not tell what was changed there

	from    map[string]string // cursors of the one before
	written WrittenPlace
	seen    map[string]bool
}

// BeginDelta begins one, after the newest comparison that was over all of these sources. Its error is ErrNoWholeComparison,
// ErrNothingMoves, or an *UnavailableError.
func (s *Service) BeginDelta(ctx context.Context, sources []string) (*Delta, error) {
	begun, err := s.BeginValidation()
	if err != nil {
		return nil, err
	}
	in, err := s.store.Phase(ctx)
	if err != nil {
		return nil, cannotTell("read the phase", err)
	}
	base, err := s.newestOf(ctx, sources, in.TrustEpoch)
	if err != nil {
		return nil, err
	}
	d := &Delta{Validation: begun, from: base.Found.Cursors, written: WrittenPlace{Event: firstID(base.Began.Add(-deltaBack))}, seen: map[string]bool{}}
	d.Found.Since, d.Found.SinceClean = base.Began, base.Found.Clean()
	if !base.Found.Since.IsZero() {
		d.Found.Since, d.Found.SinceClean = base.Found.Since, d.Found.SinceClean && base.Found.SinceClean
	}
	d.Found.Cursors = s.newest(ctx, sources)
	for _, name := range sources {
		cursor, told := d.from[name]
		if !told {
			d.Blind = append(d.Blind, name)
		} else if _, known := d.Found.Cursors[name]; !known {
			d.Found.Cursors[name] = cursor
		}
	}
	return d, nil
}

// newestOf returns the newest comparison that was over all of these sources since copies were first trusted; ErrNoWholeComparison if
// there is none. Any number of comparisons of others may be newer.
func (s *Service) newestOf(ctx context.Context, sources []string, trustEpoch int64) (Validation, error) {
	covers := func(v Validation) bool {
		return v.Epoch >= trustEpoch && !slices.ContainsFunc(sources, func(name string) bool {
			return !slices.ContainsFunc(v.Found.Sources, func(c Comparison) bool { return c.Source == name })
		})
	}
	for limit := firstRuns; ; limit *= 10 {
		all, err := s.Validations(ctx, limit)
		if err != nil {
			return Validation{}, err
		}
		if i := slices.IndexFunc(all, covers); i >= 0 {
			return all[i], nil
		}
		if len(all) < limit {
			return Validation{}, ErrNoWholeComparison
		}
	}
}

// firstID is before every UUIDv7 (RFC 9562, section 5.7) of a time and later.
func firstID(at time.Time) uuid.UUID {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, at.UnixMilli())))
	var id uuid.UUID
	copy(id[:6], ms[2:])
	return id
}

// ChangedSince visits the people of a source who may have changed, some at a time. Its error is visit's, or an *UnavailableError.
func (s *Service) ChangedSince(ctx context.Context, d *Delta, source string, visit func(legacyIDs []string) error) error {
	fresh := func(ids []string) error {
		ids = slices.DeleteFunc(ids, func(id string) bool { return d.seen[pageKey(source, id)] })
		ids = slices.Compact(slices.Sorted(slices.Values(ids)))
		if len(ids) == 0 {
			return nil
		}
		if err := visit(ids); err != nil {
			return err
		}
		if len(d.seen)+len(ids) > deltaSeen {
			clear(d.seen)
		}
		for _, id := range ids {
			d.seen[pageKey(source, id)] = true
		}
		return nil
	}
	for _, look := range []func(context.Context, *Delta, string, func([]string) error) error{s.changedThere, s.writtenHere, s.markedHere} {
		if err := look(ctx, d, source, fresh); err != nil {
			return err
		}
	}
	return nil
}

func pageKey(source, legacyID string) string { return source + "\x00" + legacyID }

func (s *Service) changedThere(ctx context.Context, d *Delta, name string, visit func([]string) error) error {
	after, told := d.from[name]
	watcher := s.watcher(name)
	if !told || watcher == nil {
		return nil
	}
	back := cmp.Or(s.sources[s.sourceIndex(name)].Watch.Overlap, deltaOverlap)
	for more := true; more; back = 0 {
		page, err := watcher.Changed(ctx, after, back, deltaPage)
		if err != nil {
			return cannotTell("read what was changed in "+name, err)
		}
		if err := visit(page.IDs); err != nil {
			return err
		}
		after, more = page.Next, page.More
	}
	return nil
}

func (s *Service) writtenHere(ctx context.Context, d *Delta, name string, visit func([]string) error) error {
	for at := d.written; ; {
		places, err := s.store.Written(ctx, name, at, deltaPage)
		if err != nil {
			return cannotTell("read what was written", err)
		}
		ids := make([]string, len(places))
		for i, p := range places {
			ids[i] = p.LegacyID
		}
		if err := visit(ids); err != nil || len(places) < deltaPage {
			return err
		}
		at = places[len(places)-1]
	}
}

func (s *Service) markedHere(ctx context.Context, _ *Delta, name string, visit func([]string) error) error {
	for after := ""; ; {
		ids, err := s.store.MarkedIDs(ctx, name, after, deltaPage)
		if err != nil {
			return cannotTell("read marked people", err)
		}
		full := len(ids) == deltaPage
		if full {
			after = ids[len(ids)-1]
		}
		if err := visit(ids); err != nil || !full {
			return err
		}
	}
}

// CompareIDs judges people of a source by their keys, as they are now, in the order of the keys. Its error is an *UnavailableError.
func (s *Service) CompareIDs(ctx context.Context, source string, legacyIDs []string) ([]Judgement, error) {
	i := s.sourceIndex(source)
	if i < 0 {
		return nil, errUnknownSource
	}
	var users []legacy.User
	if getter, ok := s.sources[i].Source.(legacy.Getter); ok {
		found, err := legacy.GetMany(ctx, getter, legacyIDs)
		if _, err = legacy.RowErrors(err); err != nil {
			return nil, cannotTell("read people of "+source, err)
		}
		users = found
	}
	together, err := s.CompareMany(ctx, source, users)
	if err != nil {
		return nil, err
	}
	all := make([]Judgement, len(legacyIDs))
	for at, id := range legacyIDs {
		of := func(u legacy.User) bool { return u.ID == id }
		n := slices.IndexFunc(users, of)
		switch {
		case n >= 0 && slices.ContainsFunc(users[n+1:], of):
			if all[at], err = s.CompareTwins(ctx, source, id); err != nil {
				return nil, err
			}
		case n >= 0:
			all[at] = together[n]
		default:
			if all[at], err = s.CompareLink(ctx, source, id); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// EndDelta stores what was found. Its error is an *UnavailableError.
func (s *Service) EndDelta(ctx context.Context, d *Delta) (Validation, error) {
	return s.EndValidation(ctx, d.Validation)
}
