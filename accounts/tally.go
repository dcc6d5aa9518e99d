package accounts

import "slices"

// A Tally counts what came of people.
type Tally struct {
	Outcomes map[Outcome]int64 // who was not refused
	Refused  map[NoteClass]int64
	// NotAnswered could not be told about: something is in doubt, or a store did not answer for them.
	NotAnswered int64
	Examples    map[NoteClass][]string // legacy ids of some who were refused
}

// NewTally returns one that has counted nobody.
func NewTally() Tally {
	return Tally{Outcomes: map[Outcome]int64{}, Refused: map[NoteClass]int64{}, Examples: map[NoteClass][]string{}}
}

// tallyExamples is how many people of a class are named.
const tallyExamples = 10

// People returns how many were counted.
func (t Tally) People() int64 {
	n := t.NotAnswered
	for _, count := range t.Outcomes {
		n += count
	}
	for _, count := range t.Refused {
		n += count
	}
	return n
}

// Refuse counts somebody who cannot be moved.
func (t Tally) Refuse(class NoteClass, legacyID string) {
	t.Refused[class]++
	t.name(class, legacyID)
}

// name keeps somebody as an example, if there is room.
func (t Tally) name(class NoteClass, legacyID string) {
	if named := t.Examples[class]; len(named) < tallyExamples && !slices.Contains(named, legacyID) {
		t.Examples[class] = append(named, legacyID)
	}
}

// Add counts those of another tally too.
func (t *Tally) Add(other Tally) {
	for outcome, n := range other.Outcomes {
		t.Outcomes[outcome] += n
	}
	for class, n := range other.Refused {
		t.Refused[class] += n
		for _, id := range other.Examples[class] {
			t.name(class, id)
		}
	}
	t.NotAnswered += other.NotAnswered
}
