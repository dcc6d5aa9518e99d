package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"rekey/sweeper/survey"
)

// A readingProgress shows how far a survey is: a bar on a terminal, and a line now and then elsewhere.
type readingProgress struct {
	w      io.Writer
	term   bool
	bar    *progressbar.ProgressBar
	source string
	total  int64
	begun  time.Time
	said   time.Time
}

// sayEvery is the time between two lines.
const sayEvery = 5 * time.Second

func newReadingProgress(w io.Writer) *readingProgress {
	f, ok := w.(*os.File)
	now := time.Now()
	return &readingProgress{w: w, term: ok && term.IsTerminal(int(f.Fd())), begun: now, said: now}
}

func (r *readingProgress) show(p survey.Progress) {
	if r.term {
		r.draw(p)
		return
	}
	if now := time.Now(); now.Sub(r.said) >= sayEvery {
		r.said = now
		fmt.Fprintf(r.w, "%s: %d people read%s, %.0f s\n", p.Source, p.Done, ofTotal(p), now.Sub(r.begun).Seconds())
	}
}

func ofTotal(p survey.Progress) string {
	if p.Total == 0 {
		return ""
	}
	return fmt.Sprintf(" of about %d", p.Total)
}

func (r *readingProgress) draw(p survey.Progress) {
	if r.bar == nil || r.source != p.Source || r.total != p.Total {
		r.end()
		r.source, r.total = p.Source, p.Total
		most := p.Total
		if most == 0 {
			most = -1 // a wheel that turns: nobody knows how many there are
		}
		r.bar = progressbar.NewOptions64(most, progressbar.OptionSetWriter(r.w), progressbar.OptionSetDescription("reading "+p.Source),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	_ = r.bar.Set64(p.Done) // a bar that cannot be drawn is no reason to stop
}

// end clears the bar.
func (r *readingProgress) end() {
	if r.bar != nil {
		_ = r.bar.Clear() // likewise
		r.bar = nil
	}
}
