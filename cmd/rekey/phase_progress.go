package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// A moveProgress shows how far a move is: one line that changes on a terminal, and elsewhere a line for each epoch, and one
// now and then while it waits.
type moveProgress struct {
	w       io.Writer
	term    bool
	drawn   bool
	epoch   int64
	begun   time.Time // of the epoch
	said    time.Time
	waiting string // for whom, as it was said
}

// A gateway needs a quarter of a second to hear of an epoch: who takes longer than that is worth a line.
const (
	slowAck   = time.Second
	waitEvery = 5 * time.Second
)

func newMoveProgress(w io.Writer) *moveProgress {
	f, ok := w.(*os.File)
	return &moveProgress{w: w, term: ok && term.IsTerminal(int(f.Fd()))}
}

func (p *moveProgress) show(s accounts.PhaseStep) {
	now := time.Now()
	if s.State.Epoch != p.epoch {
		if p.epoch == 0 && len(s.Missing) == 0 {
			return // where it was, and all are there
		}
		p.end()
		p.epoch, p.begun, p.said, p.waiting = s.State.Epoch, now, now, ""
		if !p.term {
			fmt.Fprintln(p.w, epochText(s.State))
		}
	}
	if p.term {
		text := epochText(s.State)
		if len(s.Missing) > 0 {
			text += "; waiting for " + missingText(s)
		}
		fmt.Fprint(p.w, "\r"+text+"\x1b[K")
		p.drawn = true
		return
	}
	if len(s.Missing) == 0 || now.Sub(p.begun) < slowAck {
		return
	}
	if names := missingNames(s); names != p.waiting || now.Sub(p.said) >= waitEvery {
		p.waiting, p.said = names, now
		fmt.Fprintf(p.w, "epoch %d: waiting for %s\n", s.State.Epoch, missingText(s))
	}
}

// end leaves the line as it is.
func (p *moveProgress) end() {
	if p.drawn {
		fmt.Fprintln(p.w)
		p.drawn = false
	}
}

func epochText(s phase.State) string {
	text := fmt.Sprintf("epoch %d: %s", s.Epoch, phaseName(s))
	if s.Frozen {
		text += ", frozen"
	}
	if s.Moving() && s.To != s.Phase {
		text += ", on the way to " + s.To.String()
	}
	return text
}

func missingNames(s accounts.PhaseStep) string {
	var names []string
	for _, r := range s.Missing {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

// missingText names who has not arrived, and how long their leases hold the move up at most.
func missingText(s accounts.PhaseStep) string {
	var texts []string
	for _, r := range s.Missing {
		left := s.Lease.Ends(r.Replica).Sub(s.Clock)
		texts = append(texts, fmt.Sprintf("%s (its lease ends in %.0f s)", r.Name, math.Ceil(left.Seconds())))
	}
	return strings.Join(texts, ", ")
}
