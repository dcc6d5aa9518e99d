package accounts

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// While legacy answers, what the new store would have done is measured: whether it takes what legacy has taken, and whether
// it could carry the logins. A step up asks for both.
//
//   - Each login's lookup is made once more in the new store, behind the login's back and by a few workers. A login that finds
//     no room with them is counted as not mirrored: it waits for nobody, and learns nothing of what becomes of it.
//   - A write that legacy has, and that is tried here for the best, is counted, and so is its failure. What failed is made
//     good by the relay, whose intent stays open, or by the next login.
//   - Each process keeps its counts by the minute and stores them as they are now, so that storing them again changes nothing.

const (
	mirrorWorkers = 4                        // at 20 ms each, the slowest that passes, that is 200 logins/s
	mirrorQueue   = 64                       // logins; what a burst may leave for the workers
	mirrorTimeout = 2 * time.Second          // of a lookup
	mirrorLate    = time.Minute              // how long after its login a lookup still counts
	storeEvery    = 2 * time.Second          // of the counts; a move sees those of every process that old
	storeTimeout  = time.Second              // of them, at the end of the process too
	keepWindows   = 8 * 24 * time.Hour       // a week with its weekend, and the day on which somebody looks
	windowDone    = mirrorLate + time.Minute // after its minute a window does not change any more
	peakMinutes   = 5                        // the busiest, which the share mirrored is of
)

// A Window is what one process measured in one minute.
type Window struct {
	Began   time.Time // the phase's: what was measured before is of another one
	Minute  time.Time // when it began
	Replica string

	Logins       int64 // that legacy was asked for
	Mirrored     int64 // of those
	Failed       int64 // of those mirrored
	Differing    int64 // of those mirrored: one store has somebody, and the other nobody
	LegacyFailed int64 // of the logins
	Writes       int64 // tried here after legacy had them
	Lost         int64 // of those: made good later

	Here   phase.Histogram // of the mirrored lookups
	Legacy phase.Histogram // of the lookups that they mirror
}

// Shadow is the part of a Store that keeps what was measured.
type Shadow interface {
	// KeepWindows stores windows, each in the place of what it was before.
	KeepWindows(ctx context.Context, windows []Window) error
	// Windows visits all windows of the phase that began at a time, those of all processes, whose minutes are not before since.
	Windows(ctx context.Context, began, since time.Time, visit func(Window)) error
	// PruneWindows removes those whose minute is before a time.
	PruneWindows(ctx context.Context, before time.Time) error
}

// A LegacyKey names a legacy person.
type LegacyKey struct {
	Source   string `json:"source"`
	LegacyID string `json:"legacy_id"`
}

// A meter counts for one process.
type meter struct {
	jobs chan mirrorJob

	mu      sync.Mutex
	windows map[windowKey]*counting
}

type counting struct {
	Window
	changed bool // since it was stored
}

type windowKey struct{ began, minute int64 } // in microseconds

// A mirrorJob is a lookup that is to be made once more.
type mirrorJob struct {
	canonical string
	began, at time.Time // of the phase, and of the login
	legacy    time.Duration
	found     bool // somebody, by legacy
	failed    bool // legacy
}

func newMeter() *meter {
	return &meter{jobs: make(chan mirrorJob, mirrorQueue), windows: make(map[windowKey]*counting)}
}

// count changes the window that a moment of a phase belongs to.
func (m *meter) count(began, at time.Time, change func(*Window)) {
	began, minute := began.UTC().Truncate(time.Microsecond), at.UTC().Truncate(time.Minute)
	key := windowKey{began.UnixMicro(), minute.UnixMicro()}
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.windows[key]
	if w == nil {
		w = &counting{Window: Window{Began: began, Minute: minute}}
		m.windows[key] = w
	}
	w.changed = true
	change(&w.Window)
}

// mirrors tells whether lookups are mirrored in the phase that a flow began in.
func (s *Service) mirrors(a Attempt) bool {
	return s.lease != nil && !a.alone && a.at.Row(phase.Account{}).Mirrored
}

// askMeasured is ask for a login. Where lookups are mirrored it hands this one on to whoever is free.
func (s *Service) askMeasured(ctx context.Context, name Identifier, a Attempt) ([]candidate, error) {
	switch {
	case a.alone:
		return s.askAlone(ctx, name)
	case !s.mirrors(a):
		return s.ask(ctx, name)
	}
	begun := time.Now()
	found, err := s.ask(ctx, name)
	tooMany := errors.Is(err, legacy.ErrTooMany)
	job := mirrorJob{
		canonical: name.Canonical, began: a.at.Began, at: s.now(), legacy: time.Since(begun),
		found: len(found) > 0 || tooMany, failed: err != nil && !tooMany,
	}
	s.meter.count(job.began, job.at, func(w *Window) {
		w.Logins++
		if job.failed && ctx.Err() == nil { // whoever hung up says nothing of the store
			w.LegacyFailed++
		}
	})
	select {
	case s.meter.jobs <- job:
	default:
		s.stats.ShadowReadsSkipped.Add(1)
	}
	return found, err
}

// countUnread counts a login that got no further than the new store, which did not answer.
func (s *Service) countUnread(ctx context.Context, a Attempt) {
	if !s.mirrors(a) || ctx.Err() != nil {
		return
	}
	s.stats.ShadowReads.Add(1)
	s.stats.ShadowReadsFailed.Add(1)
	s.meter.count(a.at.Began, s.now(), func(w *Window) { w.Logins, w.Mirrored, w.Failed = w.Logins+1, w.Mirrored+1, w.Failed+1 })
}

// countShadow counts a write that was tried here after legacy had it, or that could not even be begun here.
func (s *Service) countShadow(a Attempt, err error) {
	if s.lease == nil || a.at.Phase != phase.Shadow {
		return
	}
	s.stats.ShadowWrites.Add(1)
	if err != nil {
		s.stats.ShadowWritesLost.Add(1)
	}
	s.meter.count(a.at.Began, s.now(), func(w *Window) {
		w.Writes++
		if err != nil {
			w.Lost++
		}
	})
}

// mirror makes one lookup once more. What ends because ctx has ended says nothing of the store, and is not counted.
func (s *Service) mirror(ctx context.Context, job mirrorJob) {
	if s.now().Sub(job.at) > mirrorLate {
		s.stats.ShadowReadsSkipped.Add(1)
		return
	}
	limited, cancel := context.WithTimeout(ctx, mirrorTimeout)
	defer cancel()
	begun := time.Now()
	_, err := s.store.ByIdentifier(limited, job.canonical)
	took := time.Since(begun)
	if ctx.Err() != nil {
		return
	}
	here := err == nil
	failed := err != nil && !errors.Is(err, ErrNotFound)
	differs := !failed && !job.failed && here != job.found
	s.stats.ShadowReads.Add(1)
	if failed {
		s.stats.ShadowReadsFailed.Add(1)
	}
	if differs {
		s.stats.ShadowReadsDiffering.Add(1)
	}
	s.meter.count(job.began, job.at, func(w *Window) {
		w.Mirrored++
		w.Here.Add(took) // one that failed too: it took that long to say nothing
		if !job.failed {
			w.Legacy.Add(job.legacy)
		}
		if failed {
			w.Failed++
		}
		if differs {
			w.Differing++
		}
	})
}

// Measure mirrors lookups and stores what was measured until ctx ends, and then once more.
func (s *Service) Measure(ctx context.Context) {
	if s.lease == nil {
		return
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	for range mirrorWorkers {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case job := <-s.meter.jobs:
					s.mirror(ctx, job)
				}
			}
		})
	}
	tick := time.NewTicker(storeEvery)
	defer tick.Stop()
	for pruned := s.now(); ; {
		select {
		case <-ctx.Done():
			s.storeWindows(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			s.storeWindows(ctx)
		}
		if now := s.now(); now.Sub(pruned) >= time.Hour {
			pruned = now
			if err := s.store.PruneWindows(ctx, now.Add(-keepWindows)); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "remove old measurements", "error", err)
			}
		}
	}
}

// storeWindows stores what was measured. What could not be stored is stored the next time.
func (s *Service) storeWindows(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	windows := s.meter.take(s.lease.self.ID)
	if len(windows) == 0 {
		return
	}
	if err := s.store.KeepWindows(ctx, windows); err != nil {
		for _, w := range windows {
			s.meter.count(w.Began, w.Minute, func(*Window) {})
		}
		s.log.WarnContext(ctx, "measurements not stored; they are next time", "error", err)
		return
	}
	s.meter.forget(s.now().Add(-windowDone))
}

// take returns the windows that have changed since they were taken.
func (m *meter) take(replica string) []Window {
	m.mu.Lock()
	defer m.mu.Unlock()
	var windows []Window
	for _, w := range m.windows {
		if w.changed {
			w.changed, w.Replica = false, replica
			windows = append(windows, w.Window)
		}
	}
	return windows
}

// forget removes the windows that ended before a time and are stored: nothing is added to them any more.
func (m *meter) forget(before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, w := range m.windows {
		if !w.changed && w.Minute.Add(time.Minute).Before(before) {
			delete(m.windows, key)
		}
	}
}

// ShadowP99 returns the 99th percentile of the lookups that this process has mirrored in the last minutes, and of those that
// they mirror; 0 if there were none.
func (s *Service) ShadowP99() (here, legacy time.Duration) {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	var all Window
	for _, w := range s.meter.windows {
		all.Here.Merge(&w.Here)
		all.Legacy.Merge(&w.Legacy)
	}
	return all.Here.Quantile(0.99), all.Legacy.Quantile(0.99)
}

// measured are the gates that windows answer.
var measured = []phase.Gate{phase.GateShadowFailures, phase.GateMirrored, phase.GateReadP99, phase.GateReadErrors}

// readWindows fills in what all processes have measured in a phase, of the last days where it has lasted longer.
func (s *Service) readWindows(ctx context.Context, from phase.State, f *phase.Facts) error {
	if s.lease != nil {
		s.storeWindows(ctx) // what this process has measured is not missed
	}
	var all Window
	minutes := map[int64]*Window{}
	err := s.store.Windows(ctx, from.Began, s.now().Add(-keepWindows), func(w Window) {
		all.Mirrored += w.Mirrored
		all.Failed += w.Failed
		all.LegacyFailed += w.LegacyFailed
		all.Writes += w.Writes
		all.Lost += w.Lost
		all.Here.Merge(&w.Here)
		all.Legacy.Merge(&w.Legacy)
		minute := minutes[w.Minute.UnixMicro()]
		if minute == nil {
			minute = &Window{}
			minutes[w.Minute.UnixMicro()] = minute
		}
		minute.Logins += w.Logins
		minute.Mirrored += w.Mirrored
	})
	if err != nil {
		return cannotTell("read what was measured", err)
	}
	f.ShadowWrites, f.ShadowFailures = int(all.Writes), int(all.Lost)
	f.Reads = phase.ShadowReads{
		Reads: int(all.Mirrored), Errors: int(all.Failed), P99: all.Here.Quantile(0.99), LegacyP99: all.Legacy.Quantile(0.99),
		LegacyErrors: int(all.LegacyFailed),
	}
	f.Reads.Logins, f.Reads.Mirrored = atPeak(minutes)
	f.Known = append(f.Known, measured...)
	return nil
}

// atPeak counts the logins of the busiest minutes, and those of them that were mirrored.
func atPeak(minutes map[int64]*Window) (logins, mirrored int) {
	all := make([]*Window, 0, len(minutes))
	for _, w := range minutes {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *Window) int {
		return cmp.Or(cmp.Compare(b.Logins, a.Logins), cmp.Compare(a.Mirrored, b.Mirrored))
	})
	for _, w := range all[:min(peakMinutes, len(all))] {
		logins += int(w.Logins)
		mirrored += int(w.Mirrored)
	}
	return logins, mirrored
}
