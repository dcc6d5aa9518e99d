package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"rekey/accounts/failpoint"
	"rekey/accounts/phase"
	"rekey/cmd/chaos/nemesis"
	"rekey/cmd/chaos/people"
	"rekey/cmd/chaos/proxy"
	"rekey/cmd/chaos/stage"
)

// plants say for each guard where it counts: a scene in which its absence shows soon.
var plants = map[failpoint.Guard]scene{
	failpoint.CompareAndSet: planted(phase.NewFirst, people.Weights{people.ChangeTwice: 3, people.LoginRight: 1}),
	// One process is slow to end what another has gone on from meanwhile.
	failpoint.AccountLock: planted(phase.Ramp, people.Weights{people.ChangeChain: 3, people.LoginRight: 1, people.LoginOld: 1},
		cut(0, stage.PostgreSQL, proxy.Slow)),
	failpoint.Tombstone:  planted(phase.NewFirst, people.Weights{people.LoginRight: 2, people.Delete: 3}),
	failpoint.OneAnswers: planted(phase.NewFirst, people.Weights{people.LoginOld: 2, people.Change: 3}),
	failpoint.Doubt: crowded(planted(phase.NewFirst, people.Weights{people.LoginRight: 1},
		cut(0, stage.MariaDB, proxy.Hang), cut(1, stage.MariaDB, proxy.Reset))),
	failpoint.Commit:      planted(phase.NewFirst, people.Weights{people.LoginRight: 1, people.Change: 2}, cut(0, stage.PostgreSQL, proxy.Slow)),
	failpoint.Fingerprint: planted(phase.NewFirst, people.Weights{people.LoginRight: 1, people.Change: 3, people.LegacyWrite: 3}),
	failpoint.Crossing: planted(phase.NewFirst, people.Weights{people.LoginRight: 1},
		nemesis.Blow{At: time.Second, Kind: nemesis.Walk, To: phase.LegacyOnly}, nemesis.Blow{At: 2 * time.Second, Kind: nemesis.Walk, To: phase.NewFirst}),
	// The old store has the change, and nobody hears that it has.
	failpoint.Forward: planted(phase.Ramp, people.Weights{people.LoginRight: 1, people.Change: 3}, pulses(stage.MariaDB, proxy.Unheard)...),
}

// plantFor is how long people are at it where a guard is left out.
const plantFor = 5 * time.Second

// planted is a scene of few people, who meet the sooner.
func planted(from phase.Phase, weights people.Weights, script ...nemesis.Blow) scene {
	s := scene{plan: phase.Lazy, from: from, cast: people.Cast{Old: 6, Others: 2}, weights: weights, script: append([]nemesis.Blow{}, script...)}
	if from == phase.Ramp {
		s.plan = phase.DualWrite
	}
	return s
}

// crowded is a scene of many people, of whom most have not moved when something happens.
func crowded(s scene) scene {
	s.cast.Old = 60
	return s
}

// cut breaks a line in the middle of the scene.
func cut(gateway int, line string, fault proxy.Fault) nemesis.Blow {
	return nemesis.Blow{At: plantFor / 4, For: plantFor / 2, Kind: nemesis.Cut, Gateway: gateway, Line: line, Fault: fault, Delay: 30 * time.Millisecond}
}

// pulses break a line for moments, at one gateway after the other.
func pulses(line string, fault proxy.Fault) []nemesis.Blow {
	var all []nemesis.Blow
	for at := plantFor / 5; at < plantFor*4/5; at += 200 * time.Millisecond {
		all = append(all, nemesis.Blow{At: at, For: 150 * time.Millisecond, Kind: nemesis.Cut, Gateway: len(all) % 3, Line: line, Fault: fault})
	}
	return all
}

// errUnnoticed is a guard that nobody missed.
var errUnnoticed = errors.New("nobody noticed that it is left out")

// plantTries is how often the scene of a guard is played until its absence shows, each time with another seed: some have to meet
// a moment.
const plantTries = 20

// plant plays the scene of a guard that is left out until that is found, and tells what was and after how long. With o.whole the
// guard is there, and once is enough.
func plant(ctx context.Context, o options, w io.Writer) (verdict, error) {
	guard, ok := failpoint.ParseGuard(o.plant)
	if !ok {
		return verdict{}, fmt.Errorf("there is no guard %q; there are %s", o.plant, guardNames())
	}
	dir, tries, took := o.dir, plantTries, time.Duration(0)
	if o.whole {
		o.plant, tries = "", 1
	}
	o.length = plantFor
	for try := 0; ; try++ {
		var err error
		if o.dir, err = folder(dir, string(guard), try); err != nil {
			return verdict{}, err
		}
		v, err := play(ctx, o, plants[guard], w)
		took += v.took
		if v.took = took; err != nil || len(v.findings) > 0 || try == tries-1 {
			return v, err
		}
		o.seed++
	}
}

// noticed is what a verdict means where a guard was left out.
func (v verdict) noticed(guard string) error {
	if len(v.findings) == 0 {
		return fmt.Errorf("%s: %w", guard, errUnnoticed)
	}
	return nil
}

// plantAll leaves out each guard in turn, and plays the same scene with all of them.
func plantAll(ctx context.Context, o options) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "LEFT OUT\tFOUND AFTER\tWHAT\n")
	var errs []error
	for _, guard := range failpoint.Guards() {
		o.plant, o.whole = string(guard), false
		v, err := plant(ctx, o, io.Discard)
		err = errors.Join(err, v.noticed(o.plant))
		if err == nil {
			fmt.Fprintf(table, "%s\t%.1f s\t%s\n", guard, v.took.Seconds(), v.findings[0])
		}
		errs = append(errs, err)
		o.whole = true
		if v, err = plant(ctx, o, io.Discard); err == nil && len(v.findings) > 0 {
			err = fmt.Errorf("the scene of %s, with all guards: %s", guard, v.findings[0])
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, table.Flush())...)
}
