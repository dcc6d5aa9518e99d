// Package nemesis breaks what the chaos harness plays on: it kills processes and starts them with a wrong clock, stops them for
// a while, cuts lines, empties Redis and moves the phase. What and when is planned from a seed. It serves the harness.
package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"rekey/accounts/phase"
	"rekey/cmd/chaos/proxy"
	"rekey/cmd/chaos/stage"
)

// A Kind is what a blow does.
type Kind string

// The kinds.
const (
	Kill  Kind = "kill"  // and start again, with a clock that is wrong by the skew
	Pause Kind = "pause" // the process
	Cut   Kind = "cut"   // a line
	Flush Kind = "flush" // Redis
	Walk  Kind = "walk"  // one step along the plan
)

// A Blow is one thing that is done, and undone after For.
type Blow struct {
	At, For time.Duration
	Kind    Kind
	Gateway int
	Line    string
	Fault   proxy.Fault
	Delay   time.Duration // of a slow line, one way
	Skew    time.Duration
	To      phase.Phase
}

func (b Blow) String() string {
	text := fmt.Sprintf("%6.2f %-5s", b.At.Seconds(), b.Kind)
	switch b.Kind {
	case Kill:
		return fmt.Sprintf("%s gateway %d for %s, clock %s", text, b.Gateway, round(b.For), round(b.Skew))
	case Pause:
		return fmt.Sprintf("%s gateway %d for %s", text, b.Gateway, round(b.For))
	case Cut:
		return fmt.Sprintf("%s gateway %d %s %s for %s", text, b.Gateway, b.Line, b.Fault, round(b.For))
	case Walk:
		return fmt.Sprintf("%s to %s by gateway %d", text, b.To, b.Gateway)
	case Flush:
	}
	return text + " Redis"
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// Shape says how hard it is.
type Shape struct {
	Every    time.Duration // between two blows, on average
	Gateways int
	Walk     []phase.Phase // the phases that are walked, in the plan's order; fewer than two: none
	From     phase.Phase   // where the installation begins
	Pause    time.Duration // at most
}

// maxSkew is how many seconds a clock is wrong, at most. Two processes are apart by twice that: a claim to a change lasts 30 s by
// the clock of whoever has it, of which they write for 10, and what a stop or a line holds back comes on top.
const maxSkew = 5

// Plan returns the blows of a run. The same seed gives the same plan. Nothing begins in the last tenth.
func Plan(seed uint64, s Shape, length time.Duration) []Blow {
	dice := rand.New(rand.NewPCG(seed, 3))
	var blows []Blow
	at := time.Second
	here := 0
	for i, p := range s.Walk {
		if p == s.From {
			here = i
		}
	}
	for ; at < length-length/10; at += time.Duration(dice.ExpFloat64() * float64(s.Every)) {
		b := Blow{At: at, Gateway: dice.IntN(s.Gateways), For: 300*time.Millisecond + time.Duration(dice.Int64N(int64(2500*time.Millisecond)))}
		switch n := dice.IntN(20); {
		case n < 4:
			b.Kind, b.Skew = Kill, time.Duration(dice.IntN(2*maxSkew+1)-maxSkew)*time.Second
		case n < 6:
			b.Kind, b.For = Pause, time.Duration(dice.Int64N(int64(s.Pause)))
		case n < 7:
			b.Kind, b.For = Flush, 0
		case n < 11 && len(s.Walk) > 1:
			if here = neighbour(dice, here, len(s.Walk)); true {
				b.Kind, b.To, b.For = Walk, s.Walk[here], 0
			}
		default:
			b.Delay = 5*time.Millisecond + time.Duration(dice.Int64N(int64(200*time.Millisecond)))
			b.Kind, b.Line, b.Fault = Cut, stage.Lines()[dice.IntN(len(stage.Lines()))], proxy.Faults()[dice.IntN(len(proxy.Faults()))]
			if dice.IntN(2) == 0 { // a moment, in the middle of something that has begun and can end
				b.For = 10*time.Millisecond + time.Duration(dice.Int64N(int64(140*time.Millisecond)))
			}
		}
		blows = append(blows, b)
	}
	return blows
}

// neighbour is one of a place in a row.
func neighbour(dice *rand.Rand, here, places int) int {
	switch {
	case here == 0:
		return 1
	case here == places-1 || dice.IntN(2) == 0:
		return here - 1
	}
	return here + 1
}

// A Nemesis strikes a stage.
type Nemesis struct {
	stage *stage.Stage
	say   func(format string, args ...any)
	walks *walker
	busy  []sync.Mutex // of each process
	all   sync.WaitGroup
}

// New returns a nemesis that tells say what it does.
func New(s *stage.Stage, say func(format string, args ...any)) *Nemesis {
	return &Nemesis{stage: s, say: say, walks: newWalker(s), busy: make([]sync.Mutex, len(s.Gateways))}
}

// Run strikes as planned until ctx ends, and undoes what it has done but for moves of the phase.
func (n *Nemesis) Run(ctx context.Context, blows []Blow) {
	begin := time.Now()
	for _, b := range blows {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(begin.Add(b.At))):
			n.say("%s", b)
			n.all.Go(func() { n.strike(ctx, b) })
		}
	}
	n.all.Wait()
}

func (n *Nemesis) strike(ctx context.Context, b Blow) {
	g := n.stage.Gateways[b.Gateway]
	switch b.Kind {
	case Cut:
		g.Lines[b.Line].Set(b.Fault, b.Delay)
		wait(ctx, b.For)
		g.Lines[b.Line].Set(proxy.None, 0)
	case Flush:
		if err := n.stage.Flush(ctx); err != nil {
			n.say("flush Redis: %v", err)
		}
	case Walk:
		n.say("%s", n.walks.walk(ctx, b.Gateway, b.To))
	case Kill, Pause:
		if !n.busy[b.Gateway].TryLock() {
			return // it is down already
		}
		defer n.busy[b.Gateway].Unlock()
		if b.Kind == Pause {
			g.Signal(syscall.SIGSTOP)
			wait(ctx, b.For)
			g.Signal(syscall.SIGCONT)
			return
		}
		g.Kill()
		wait(ctx, b.For)
		if err := g.Start(b.Skew); err != nil {
			n.say("start: %v", err)
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// later is how wrong the clocks are when everything is healed: claims of processes that are gone, and the pauses between two
// tries, are over then.
const later = 3 * time.Minute

// Heal mends every line, kills every process, starts it again and ends a move that is under way.
func (n *Nemesis) Heal(ctx context.Context) error {
	for _, g := range n.stage.Gateways {
		for _, line := range g.Lines {
			line.Set(proxy.None, 0)
		}
		g.Kill()
	}
	if err := n.stage.Start(ctx, later); err != nil {
		return err
	}
	return n.walks.end(ctx)
}
