package sweeper

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"log/slog"
	"math"
	"strconv"

	"rekey/accounts"
	"rekey/sweeper/governor"
	"rekey/sweeper/settings"
)

// Config is what a Sweeper is made of. All but Log is required.
type Config struct {
	Service  *accounts.Service
	Settings accounts.SweepSettings
	Signals  GoverningStore
	Name     string // for people: where this process works
	Log      *slog.Logger
}

// A Sweeper is what one process does of the sweep: it plans where nobody else does, and works, as the settings, the schedule and the
// governor say. Plan and Work are work for an engine of package jobs.
type Sweeper struct {
	service   *accounts.Service
	keeper    *settings.Keeper
	desk      *Desk
	planner   *Planner
	worker    *Worker
	governing *Governing
}

// New returns a Sweeper. It asks nothing yet.
func New(c Config) *Sweeper {
	s := &Sweeper{
		service: c.Service,
		keeper:  &settings.Keeper{Documents: accounts.SweepDocuments{Store: c.Settings}},
	}
	s.desk = &Desk{Read: s.read}
	s.planner = &Planner{Service: c.Service, Desk: s.desk, Log: c.Log, Govern: s.govern, Settle: s.settle}
	s.governing = NewGoverning(GoverningConfig{Store: c.Signals, Limits: s.limits, Idle: s.planner.Idle, Log: c.Log})
	s.worker = &Worker{Service: c.Service, Desk: s.desk, Sizes: &Sizes{}, Names: &s.planner.Names, Name: c.Name, Log: c.Log}
	return s
}

// Plan plans once. It is to be called each second, by whoever of all processes.
func (s *Sweeper) Plan(ctx context.Context) (more bool, err error) { return false, s.planner.Tick(ctx) }

// Work works on one chunk for a while.
func (s *Sweeper) Work(ctx context.Context) (more bool, err error) { return s.worker.Step(ctx) }

// Orders returns what is obeyed now.
func (s *Sweeper) Orders(ctx context.Context) (Orders, error) { return s.desk.Orders(ctx) }

// Close ends what goes on in the background, and waits for it.
func (s *Sweeper) Close() { s.planner.Close() }

// read reads the settings, the run and the verdict.
func (s *Sweeper) read(ctx context.Context) (Orders, error) {
	document, version, err := s.keeper.Read(ctx)
	if err != nil {
		return Orders{}, err
	}
	now := s.keeper.Documents.At()
	effective := document.Effective(now)
	o := Orders{
		Version: version, Turns: turnsOf(version, effective.AccountsPerSecond), Rate: float64(effective.AccountsPerSecond), Share: 1, Workers: effective.Workers,
		Batch: effective.Batch.Max, Target: effective.Batch.Target(), Chunk: effective.Chunk, Spent: effective.ErrorBudget.Spent, limits: effective.Governor, Starts: document.Starts(),
		Resumed: document.Resumed(),
	}
	at, err := readStanding(ctx, s.service.RunStore(), document, s.service.SourceNames(), now)
	if err != nil {
		return Orders{}, err
	}
	o.Run, o.Spec, o.Wanted, o.Begins = at.run, at.spec, at.wanted, at.begins
	if o.Holds = document.Holds(now); o.held(settings.CauseOff) {
		return o, nil
	}
	at.moves = s.service.Moves(at.hash())
	o.Holds = append(o.Holds, at.holds()...)
	o.obey(at.verdict)
	return o, nil
}

// obey takes the governor's verdict, where that is no stop.
func (o *Orders) obey(v governor.Verdict) {
	o.Speed = v.Factor
	workers := v.Workers(o.Workers)
	switch {
	case workers == 0:
		return
	case math.IsInf(o.Rate, 1):
		o.Share = min(1, v.Factor*float64(o.Workers)/float64(workers))
	default:
		o.Rate *= v.Factor
	}
	o.Workers = workers
}

// turnsOf tells apart the rates that turns are taken at: whoever takes one waits for none of another rate.
func turnsOf(version int64, rate settings.Rate) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatInt(version, 10) + " " + strconv.FormatFloat(float64(rate), 'g', -1, 64))) // a hash never fails to write
	return int64(h.Sum64() >> 1)
}

// limits are the governor's, as the settings have them; its own if those cannot be read.
func (s *Sweeper) limits() governor.Limits {
	limits := governor.Default()
	if o, known := s.desk.last(); known && len(o.limits) > 0 {
		if err := json.Unmarshal(o.limits, &limits); err != nil {
			return governor.Default()
		}
	}
	return limits
}

func (s *Sweeper) govern(ctx context.Context, fence int64) error {
	_, err := s.governing.Tick(ctx, fence)
	if errors.Is(err, accounts.ErrStale) {
		return nil // somebody else leads
	}
	return err
}

// settle changes the state, unless somebody else has changed the settings meanwhile.
func (s *Sweeper) settle(ctx context.Context, version int64, to settings.State, why string) error {
	patch, err := json.Marshal(map[string]settings.State{"state": to})
	if err == nil {
		_, err = s.keeper.Change(ctx, accounts.SweepChange{Version: version, Patch: patch, By: accounts.By{Actor: "sweeper", Reason: why}})
	}
	if errors.Is(err, accounts.ErrStale) {
		return nil
	}
	return err
}
