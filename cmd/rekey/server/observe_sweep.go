package server

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"rekey/accounts"
	"rekey/cmd/rekey/config"
	"rekey/gateway"
	"rekey/sweeper"
	"rekey/sweeper/settings"
)

// sweepStatus says how far the sweeper is.
func (s *Server) sweepStatus(ctx context.Context) (json.RawMessage, error) {
	status, err := sweeper.ReadStatus(ctx, SweepStatus(s.config, s.service))
	if err != nil {
		return nil, err
	}
	return json.Marshal(status)
}

// SweepStatus is what the status of the sweeper is read from.
func SweepStatus(c *config.Config, service *accounts.Service) sweeper.StatusConfig {
	store := service.RunStore()
	keeper := SweepKeeper(c, store)
	var view settings.View // the functions are asked one after the other, the settings first
	return sweeper.StatusConfig{
		Service: service,
		Settings: func(ctx context.Context) (_ json.RawMessage, err error) {
			if view, err = keeper.Look(ctx); err != nil {
				return nil, err
			}
			return json.Marshal(view.Effective)
		},
		Held: func(context.Context) ([]string, error) { return view.Why(), nil },
		TerminalHeld: func(ctx context.Context) (bool, error) {
			holds, err := sweeper.TerminalHolds(ctx, store, view.Settings, view.At, false)
			return len(holds) > 0, err
		},
		Governor: func(ctx context.Context) (json.RawMessage, string, error) {
			v, err := sweeper.CurrentVerdict(ctx, store)
			switch {
			case err != nil:
				return nil, "", err
			case v.Silent() && view.Effective.State == settings.Off:
				return nil, "at rest while the sweep is off", nil
			}
			text, err := json.Marshal(v)
			return text, v.String(), err
		},
		Remaining: func(from time.Time, work time.Duration) time.Time {
			windows, err := view.Effective.Schedule.Compile()
			if err != nil {
				return time.Time{} // nobody knows
			}
			return windows.After(from, work)
		},
		Worked: func(from, to time.Time) time.Duration {
			windows, err := view.Effective.Schedule.Compile()
			if err != nil {
				return 0 // nobody knows
			}
			return windows.Between(from, to)
		},
		Rate: func() float64 { return float64(view.Effective.AccountsPerSecond) },
	}
}

// sweepMetrics tell how far the migration is. The domain counts anew no more often than that costs little.
func (s *Server) sweepMetrics() []gateway.Metric {
	progress := &watched[accounts.Progress]{ask: s.service.Progress}
	sum := func(of func(accounts.SourceProgress) float64) func(accounts.Progress) float64 {
		return func(p accounts.Progress) float64 {
			n := 0.0
			for _, source := range p.Sources {
				n += of(source)
			}
			return n
		}
	}
	gauge := func(name, help string, of func(accounts.Progress) float64) gateway.Metric {
		return gateway.Metric{Name: name, Help: help, Read: func() float64 { return progress.read(of) }}
	}
	return []gateway.Metric{
		gauge("rekey_sweep_people_home", "People of the old stores for whom the new store answers.", sum(func(p accounts.SourceProgress) float64 { return float64(p.Home) })),
		gauge("rekey_sweep_people_copied", "People for whom an old store answers though there is a copy, those of a ramp among them.",
			sum(func(p accounts.SourceProgress) float64 { return float64(p.Copied + p.Ramp) })),
		gauge("rekey_sweep_people_left", "People of the old stores whom the new store does not know, at most; NaN where a store cannot be counted.",
			sum(func(p accounts.SourceProgress) float64 {
				if p.Unmoved == nil {
					return math.NaN()
				}
				return float64(p.Unmoved.High)
			})),
		gauge("rekey_sweep_people_quarantined", "People who could not be moved; somebody for two reasons counts twice.", sum(func(p accounts.SourceProgress) float64 {
			n := 0.0
			for _, people := range p.Quarantined {
				n += float64(people)
			}
			return n
		})),
		gauge("rekey_sweep_people_per_second", "People who moved in the last minute, a second.", func(p accounts.Progress) float64 { return p.Minute.PerSecond() }),
		gauge("rekey_sweep_passwords_old", "Passwords that are still verified by a scheme of an old store.", func(p accounts.Progress) float64 {
			return float64(p.Passwords[accounts.SchemeWrapped] + p.Passwords[accounts.SchemeCarried])
		}),
	}
}
