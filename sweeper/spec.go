package sweeper

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"rekey/accounts"
	"rekey/sweeper/census"
	"rekey/sweeper/settings"
)

// Spec is what a run is asked to do. It is stored with the run, and never changes.
type Spec struct {
	Sources []string       `json:"sources"`
	All     bool           `json:"all,omitempty"` // they are all that there were
	Order   settings.Order `json:"order,omitempty"`
	Filter  string         `json:"filter,omitempty"` // an expression; "" is everybody
	Hash    accounts.Keep  `json:"hash,omitempty"`
	DryRun  bool           `json:"dry_run,omitempty"`
	// Attended: somebody waits for it at a terminal. It is worked on by who attends it alone, whatever the settings say.
	Attended bool   `json:"attended,omitempty"`
	Actor    string `json:"actor"`
	Reason   string `json:"reason"`
}

// by says in whose name the run moves people.
func (s Spec) by() accounts.By { return accounts.By{Actor: s.Actor, Reason: s.Reason} }

// same reports whether two specs ask for the same, whoever asks.
func (s Spec) same(other Spec) bool {
	return slices.Equal(s.Sources, other.Sources) && s.Order == other.Order && s.Filter == other.Filter &&
		s.hash() == other.hash() && s.DryRun == other.DryRun && s.Attended == other.Attended
}

func (s Spec) hash() accounts.Keep {
	if s.Hash == "" {
		return accounts.KeepAuto
	}
	return s.Hash
}

// SpecOf reads the spec of a run.
func SpecOf(r accounts.Run) (Spec, error) {
	var s Spec
	if err := json.Unmarshal([]byte(r.Spec), &s); err != nil {
		return Spec{}, errors.New("the stored spec of the run cannot be read")
	}
	return s, nil
}

// Counts are what came of the people of a chunk, or of several. They are stored with the chunk.
type Counts struct {
	Outcomes    map[accounts.Outcome]int64      `json:"outcomes,omitempty"`
	Refused     map[accounts.NoteClass]int64    `json:"refused,omitempty"`
	NotAnswered int64                           `json:"not_answered,omitempty"`
	Examples    map[accounts.NoteClass][]string `json:"examples,omitempty"` // legacy ids
	// Passed were not asked for, by the filter.
	Passed int64 `json:"passed,omitempty"`
	// Again are the keys of records that cannot be read and were counted with the last page: they may come again with the next.
	Again []string `json:"again,omitempty"`
	// Calm is how many batches in a row were moved under the chunk's bound.
	Calm int `json:"calm,omitempty"`
	// Asked is how often others were asked for before the next person is blamed; see blame.go.
	Asked int `json:"asked,omitempty"`
}

// CountsOf reads the counts of a chunk.
func CountsOf(c accounts.Chunk) (Counts, error) {
	var n Counts
	if c.Counts == "" {
		return n, nil
	}
	if err := json.Unmarshal([]byte(c.Counts), &n); err != nil {
		return Counts{}, errors.New("the stored counts of a chunk cannot be read")
	}
	return n, nil
}

// text is what is stored of the counts.
func (n Counts) text() (string, error) {
	text, err := json.Marshal(n)
	return string(text), err
}

// Found is what a run has found, beside what its chunks count.
type Found struct {
	// Shared are the names that several legacy people hold, while it goes on; nil: nobody can tell.
	Shared *census.Shared `json:"shared,omitempty"`
	// Counted is when that search began, and Believed until when it is believed; zero: there was none.
	Counted  time.Time `json:"counted,omitzero"`
	Believed time.Time `json:"believed,omitzero"`
	// Alone is why nobody can tell, and everybody goes by themselves, which is much slower; "" while somebody can.
	Alone string `json:"alone,omitempty"`
	// People is how many there are by source and band, while it goes on; nil: nobody has counted.
	People map[string][]int64 `json:"people,omitempty"`
	// Counts are what it came to, when it has ended.
	Counts *Counts `json:"counts,omitempty"`
	// Starts is how often a run had been asked for by then; see settings.Started.
	Starts int64 `json:"starts,omitempty"`
	// Forgiven is what had come of people when somebody resumed it the last time, while it goes on; nil: nobody did.
	Forgiven *Forgiven `json:"forgiven,omitempty"`
	// Replaced: it was ended because the settings asked for another by then.
	Replaced bool `json:"replaced,omitempty"`
}

// FoundBy reads what a run has found.
func FoundBy(r accounts.Run) (Found, error) {
	var f Found
	if r.Found == "" {
		return f, nil
	}
	if err := json.Unmarshal([]byte(r.Found), &f); err != nil {
		return Found{}, errors.New("what the run has found cannot be read")
	}
	return f, nil
}

// add returns n with what came of others too. n stays as it is.
func (n Counts) add(t accounts.Tally) Counts {
	all := accounts.NewTally()
	all.Add(n.tally())
	all.Add(t)
	n.Outcomes, n.Refused, n.NotAnswered, n.Examples = all.Outcomes, all.Refused, all.NotAnswered, all.Examples
	return n
}

func (n Counts) tally() accounts.Tally {
	return accounts.Tally{Outcomes: n.Outcomes, Refused: n.Refused, NotAnswered: n.NotAnswered, Examples: n.Examples}
}

// People is how many were counted.
func (n Counts) People() int64 { return n.tally().People() + n.Passed }

// Failed is how many of them are not where they should be.
func (n Counts) Failed() int64 {
	failed := n.NotAnswered
	for count := range maps.Values(n.Refused) {
		failed += count
	}
	return failed
}

// Sum adds what came of the people of chunks.
func Sum(chunks []accounts.Chunk) (Counts, error) {
	var sum Counts
	for _, c := range chunks {
		n, err := CountsOf(c)
		if err != nil {
			return Counts{}, err
		}
		passed := sum.Passed + n.Passed
		sum = sum.add(n.tally())
		sum.Passed = passed
	}
	return sum, nil
}
