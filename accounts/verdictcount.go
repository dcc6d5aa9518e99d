package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// That no login was judged differently says nothing where none was compared. So all processes together count in one row how many
// were, each adding what it has compared now and then: a crash loses the last seconds of a process.

// verdictWork is the name of the row.
const verdictWork = "verdicts"

const (
	verdictEvery = 10 * time.Second
	verdictClaim = 10 * time.Second // for one update
)

// Compared counts logins about which both stores were asked, since the first of them.
type Compared struct {
	Since     time.Time `json:"since"`
	Agreed    int64     `json:"agreed"`
	Disagreed int64     `json:"disagreed"`
	Unknown   int64     `json:"unknown"` // one store could not tell
}

// comparedHere is what this process has compared so far.
func (s *Service) comparedHere() Compared {
	st := &s.stats
	return Compared{
		Agreed: st.VerdictsAgreed.Load(), Disagreed: st.VerdictsLegacyAlone.Load() + st.VerdictsNewAlone.Load(), Unknown: st.VerdictsUnknown.Load(),
	}
}

// tellCompared adds what this process has compared since it told the last time. What fails is told the next time.
func (s *Service) tellCompared(ctx context.Context) {
	c := &s.comparer
	c.telling.Lock()
	defer c.telling.Unlock()
	all := s.comparedHere()
	more := Compared{Agreed: all.Agreed - c.told.Agreed, Disagreed: all.Disagreed - c.told.Disagreed, Unknown: all.Unknown - c.told.Unknown}
	if more == (Compared{}) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.writeTimeout)
	defer cancel()
	now := s.now()
	w, err := s.store.ClaimWork(ctx, verdictWork, now, now.Add(verdictClaim), 0)
	if err == nil {
		sum := comparedIn([]Work{w})
		if sum.Since.IsZero() {
			sum.Since = now.UTC()
		}
		sum.Agreed, sum.Disagreed, sum.Unknown = sum.Agreed+more.Agreed, sum.Disagreed+more.Disagreed, sum.Unknown+more.Unknown
		var text []byte
		if text, err = json.Marshal(sum); err == nil {
			w.Cursor = string(text)
			err = s.store.KeepWork(ctx, w, now)
		}
	}
	switch {
	case err == nil:
		c.told = all
	case !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrStale): // another process is at it
		s.log.WarnContext(ctx, "not noted how many logins were compared; it is tried again", "error", err)
	}
}

// comparedIn is what all processes have told; the zero value if none has.
func comparedIn(works []Work) (c Compared) {
	for _, w := range works {
		if w.Name == verdictWork && json.Unmarshal([]byte(w.Cursor), &c) != nil {
			return Compared{} // another version wrote it
		}
	}
	return c
}

// words say how many logins were compared.
func (c Compared) words() string {
	n := c.Agreed + c.Disagreed
	if n == 0 && c.Unknown == 0 {
		return "no login was compared"
	}
	words := fmt.Sprintf("%d logins compared since %s", n, c.Since.UTC().Format(time.RFC3339))
	if c.Unknown > 0 {
		words += fmt.Sprintf(", of %d more one store could not tell", c.Unknown)
	}
	return words
}
