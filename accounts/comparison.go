package accounts

import (
	"maps"
	"slices"
)

// A Comparison is what a pass has found in one source.
type Comparison struct {
	Source   string               `json:"source"`
	Counts   map[Verdict]int      `json:"counts"`
	Marked   int                  `json:"marked"`   // as drifted, by a repair
	Examples map[Verdict][]string `json:"examples"` // legacy ids

	Aspects map[Aspect]AspectCount `json:"aspects,omitempty"` // what differs; of one person it may be several
}

// An AspectCount is of how many people something differs, and some of them by their legacy ids.
type AspectCount struct {
	People   int      `json:"people"`
	Examples []string `json:"examples"`
}

// maxExamples is how many people of each verdict a pass names: enough to look at.
const maxExamples = 20

// NewComparison returns a Comparison of nobody yet.
func NewComparison(source string) Comparison {
	return Comparison{Source: source, Counts: map[Verdict]int{}, Examples: map[Verdict][]string{}}
}

// Clone returns a copy that can be counted on by itself.
func (c *Comparison) Clone() Comparison {
	clone := *c
	clone.Counts, clone.Examples = maps.Clone(c.Counts), make(map[Verdict][]string, len(c.Examples))
	clone.Aspects = maps.Clone(c.Aspects)
	for verdict, ids := range c.Examples {
		clone.Examples[verdict] = slices.Clone(ids)
	}
	return clone
}

// Add counts one person.
func (c *Comparison) Add(v Verdict, legacyID string, aspects ...Aspect) {
	c.Counts[v]++
	for _, of := range aspects {
		c.addAspect(of, AspectCount{1, []string{legacyID}})
	}
	if v != VerdictEqual && v != VerdictAhead && v != VerdictDeleted && len(c.Examples[v]) < maxExamples {
		c.Examples[v] = append(c.Examples[v], legacyID)
	}
}

// addAspect counts people of whom something differs. The examples of before are not written to: a clone may have them.
func (c *Comparison) addAspect(of Aspect, more AspectCount) {
	if c.Aspects == nil {
		c.Aspects = map[Aspect]AspectCount{}
	}
	n := c.Aspects[of]
	n.People += more.People
	n.Examples = examples(n.Examples, more.Examples)
	c.Aspects[of] = n
}

// examples are some people, and more of them, as far as there is room.
func examples(some, more []string) []string {
	all := slices.Concat(some, more)
	return all[:min(len(all), maxExamples)]
}

// add adds what was found in a piece of the same source.
func (c *Comparison) add(other Comparison) {
	for verdict, n := range other.Counts {
		c.Counts[verdict] += n
	}
	c.Marked += other.Marked
	for of, n := range other.Aspects {
		c.addAspect(of, n)
	}
	for verdict, more := range other.Examples {
		c.Examples[verdict] = examples(c.Examples[verdict], more)
	}
}

// Verdicts returns what was found, in the order of their names.
func (c *Comparison) Verdicts() []Verdict { return slices.Sorted(maps.Keys(c.Counts)) }

// People is of how many something was found.
func (c Comparison) People() (n int) {
	for _, people := range c.Counts {
		n += people
	}
	return n
}

// Clean reports whether no difference was found.
func (c Comparison) Clean() bool {
	for verdict, n := range c.Counts {
		if n > 0 && !verdict.Clean() {
			return false
		}
	}
	return true
}
