package mapping

import (
	"cmp"
	"slices"
	"sync"

	"rekey/legacy"
)

// A Kind says what was found about a field of a person.
type Kind string

// What is found and counted.
const (
	Trimmed     Kind = "trimmed"           // white space or invisible characters at the ends were removed
	Composed    Kind = "unicode-form"      // put in NFC
	CaseFolded  Kind = "email-case"        // put in lower case, as Sanitise.EmailCase asks
	BadUTF8     Kind = "invalid-utf8"      // replaced by U+FFFD in a text; any other value was left out
	Control     Kind = "control-character" // removed from a text; any other value was left out
	TooLong     Kind = "too-long"          // a text was cut; any other value was left out
	TooMany     Kind = "too-many"          // a list was cut
	BadName     Kind = "attribute-name"    // none, or, once it is clean, another's; the attribute was left out
	NotVerified Kind = "not-verified"      // an expression said verified, or set another address; the address counts as unverified
	Unreachable Kind = "unreachable"       // the store cannot be asked for this identifier, as it now reads: see Mapping.Wrap
	Failed      Kind = "failed"            // an expression had no result, so the person could not be read
)

// A Report says what a Mapping has met. It counts readings: somebody who was read twice counts twice, so that only what
// one walk with List has left is a count of people.
type Report struct {
	Kept    int64
	Dropped int64 // Keep said no
	Failed  int64 // an expression had no result

	Findings []Finding // by kind, then field; of those who were kept, and Failed
}

// Read is the number of people who were read.
func (r Report) Read() int64 { return r.Kept + r.Dropped + r.Failed }

// A Finding is one thing that was found about one field.
type Finding struct {
	Kind  Kind
	Field string // as in Config.Set
	Count int64
	Keys  []string // of the first people, each once, as legacy.ShownKey has them
}

const (
	maxListed   = 20  // keys in a finding: enough to look some up
	maxFindings = 512 // different ones; what comes behind is counted under otherFields

	otherFields = "(others)"
)

// A note is one thing found about one field of one person.
type note struct {
	kind  Kind
	field string
}

// notes are what was found about one person.
type notes []note

func (n *notes) add(kind Kind, field string) { *n = append(*n, note{kind, field}) }

// tally counts. The zero value is ready.
type tally struct {
	mu                    sync.Mutex
	kept, dropped, failed int64
	findings              map[note]*counted
}

type counted struct {
	count int64
	keys  []string
}

func (t *tally) keep(key string, found notes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept++
	for _, n := range found {
		t.note(key, n)
	}
}

func (t *tally) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropped++
}

func (t *tally) fail(key, target string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed++
	t.note(key, note{Failed, target})
}

// note counts one finding. The caller holds the lock.
func (t *tally) note(key string, n note) {
	c := t.findings[n]
	if c == nil && len(t.findings) >= maxFindings {
		n.field = otherFields // there are as many more of these as there are kinds
		c = t.findings[n]
	}
	if c == nil {
		if t.findings == nil {
			t.findings = map[note]*counted{}
		}
		c = &counted{}
		t.findings[n] = c
	}
	c.count++
	if key = legacy.ShownKey(key); len(c.keys) < maxListed && !slices.Contains(c.keys, key) {
		c.keys = append(c.keys, key)
	}
}

func (t *tally) report() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Report{Kept: t.kept, Dropped: t.dropped, Failed: t.failed}
	for n, c := range t.findings {
		r.Findings = append(r.Findings, Finding{Kind: n.kind, Field: n.field, Count: c.count, Keys: slices.Clone(c.keys)})
	}
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field))
	})
	return r
}
