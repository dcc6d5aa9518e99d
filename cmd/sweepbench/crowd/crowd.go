// Package crowd makes up the people of an old store, as many as are wanted, and says beforehand what a move of them comes to. It
// serves the bench of the sweep, and writes nothing.
package crowd

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// A Plan says who there is. The same plan and pool give the same people. Fields that are 0 mean none.
type Plan struct {
	People int64  `json:"people"`
	Seed   uint64 `json:"seed"`
	// Weak is the share, 0 to 1, whose hash is too weak to be carried; Disabled that of those who are.
	Weak     float64 `json:"weak"`
	Disabled float64 `json:"disabled"`
	// Collisions are pairs of people with one e-mail address, in different spellings. Unreadable have a hash that is none, and
	// Untypable nothing that could be typed to log in.
	Collisions int64 `json:"collisions"`
	Unreadable int64 `json:"unreadable"`
	Untypable  int64 `json:"untypable"`
}

// MaxPeople bounds a plan: ids stay short enough for every column, and a mistyped zero is noticed.
const MaxPeople = 100_000_000

// Check returns an error that says what a plan cannot have.
func (p Plan) Check() error {
	odd := p.odd()
	switch {
	case p.People < 1 || p.People > MaxPeople:
		return fmt.Errorf("people must be 1 to %d", MaxPeople)
	case !(p.Weak >= 0 && p.Weak <= 1), !(p.Disabled >= 0 && p.Disabled <= 1): // NaN is neither
		return errors.New("shares must be 0 to 1")
	case p.Collisions < 0 || p.Unreadable < 0 || p.Untypable < 0:
		return errors.New("collisions, unreadable and untypable must not be negative")
	case p.Collisions > p.People || p.Unreadable > p.People || p.Untypable > p.People || 2*odd > p.People:
		return errors.New("there must be twice as many people as collisions, unreadable and untypable together")
	}
	return nil
}

// odd is how many people are made odd; the second of a collision is not one of them.
func (p Plan) odd() int64 { return p.Collisions + p.Unreadable + p.Untypable }

// A Person is a row of the old store.
type Person struct {
	ID          int64
	Username    string
	Email       string // "": none
	Hash        string
	DisplayName string
	CreatedAt   time.Time
	LastLoginAt time.Time // zero: never
	Disabled    bool
	Password    string // what they type; "" where nobody can log in with the hash
}

// Counts is what a move of everybody has to come to, told by the words that `rekey sweep` uses.
type Counts struct {
	People int64 `json:"people"`
	// Moved is how many accounts there are after a move of everybody, by what was done with the hash.
	Moved map[string]int64 `json:"moved"`
	// Refused is who cannot be moved, by class; those of class weak-hash only where hashes are carried.
	Refused map[string]int64 `json:"refused"`
	// Identifiers is how many those have who are moved by auto or wrap.
	Identifiers int64 `json:"identifiers"`
	Disabled    int64 `json:"disabled"`
	NeverSeen   int64 `json:"never_seen"` // no last login
}

// A kind is what is odd about a person.
type kind int

const (
	plain kind = iota
	firstOfTwo
	secondOfTwo
	unreadable
	untypable
)

// Everybody returns a plan's people, in the order of their ids, and counts what they come to as they pass. The counts are
// complete when the last was taken.
func Everybody(p Plan, pool Pool, counts *Counts) iter.Seq[Person] {
	*counts = Counts{Moved: map[string]int64{"auto": 0, "carry": 0, "wrap": 0}, Refused: map[string]int64{}}
	places := place(p)
	return func(yield func(Person) bool) {
		source := rand.NewPCG(0, 0)
		r := rand.New(source)
		for i := range p.People {
			is, other := places.of(i)
			source.Seed(p.Seed, uint64(i))
			person, weak := invent(r, p, pool, i, is, other)
			counts.add(person, is, weak)
			if !yield(person) {
				return
			}
		}
	}
}

func (c *Counts) add(p Person, is kind, weak bool) {
	c.People++
	if p.Disabled {
		c.Disabled++
	}
	if p.LastLoginAt.IsZero() {
		c.NeverSeen++
	}
	switch is {
	case firstOfTwo, secondOfTwo:
		c.Refused["contested"]++
		return
	case unreadable:
		c.Refused["unreadable-hash"]++
		return
	case untypable:
		c.Refused["invalid-identifier"]++
		return
	case plain:
	}
	c.Moved["auto"]++
	c.Moved["wrap"]++
	if weak {
		c.Refused["weak-hash"]++
	} else {
		c.Moved["carry"]++
	}
	c.Identifiers++
	if p.Email != "" {
		c.Identifiers++
	}
}

// places says where the odd people are: spread evenly over the ids, and their kinds mixed.
type places struct {
	plan               Plan
	stride, odd, mixed int64
}

func place(p Plan) places {
	at := places{plan: p, odd: p.odd()}
	if at.odd == 0 {
		return at
	}
	at.stride = p.People / at.odd
	at.mixed = int64(float64(at.odd) * 0.618)
	for at.mixed = max(at.mixed, 1); gcd(at.mixed, at.odd) != 1; at.mixed++ { // a step that meets each of them once
	}
	return at
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// of returns what person i is, and, of a collision, who the first of the two is.
func (at places) of(i int64) (kind, int64) {
	if at.odd == 0 || i/at.stride >= at.odd {
		return plain, i
	}
	k := i / at.stride * at.mixed % at.odd
	pair := k < at.plan.Collisions
	switch i % at.stride {
	case 0:
		switch {
		case pair:
			return firstOfTwo, i
		case k < at.plan.Collisions+at.plan.Unreadable:
			return unreadable, i
		}
		return untypable, i
	case at.stride / 2: // far enough that both seldom come in one batch
		if pair {
			return secondOfTwo, i - at.stride/2
		}
	}
	return plain, i
}

// today is when the made-up store was exported. A fixed day, so that the same plan gives the same people.
func today() time.Time { return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) }

// years is how old the made-up store is.
const years = 15

// invent makes up person i.
func invent(r *rand.Rand, p Plan, pool Pool, i int64, is kind, first int64) (Person, bool) {
	given, family := names[r.IntN(len(names))], families[r.IntN(len(families))]
	person := Person{
		ID: i + 1, Username: fmt.Sprintf("%s.%s%d", strings.ToLower(given.name), strings.ToLower(family.name), i+1),
		DisplayName: given.name + " " + family.name,
	}
	address, domain := fmt.Sprintf("%s.%s%d", given.latin, family.latin, i+1), domains[r.IntN(len(domains))]
	if r.Float64() >= withoutEmail {
		person.Email = address + "@" + domain
	}
	age := time.Duration(r.Float64() * years * float64(365*24*time.Hour))
	person.CreatedAt = today().Add(-age).Truncate(time.Second)
	// Half of all have not been here for three years; some came once, to register, and are not known to have come again.
	if ago := time.Duration(r.ExpFloat64() * 3 / math.Ln2 * float64(365*24*time.Hour)); ago < age {
		person.LastLoginAt = today().Add(-ago).Truncate(time.Second)
	}
	person.Disabled = r.Float64() < p.Disabled
	weak := r.Float64() < p.Weak && is == plain
	from := pool.Strong
	if weak {
		from = pool.Weak
	}
	made := from[r.IntN(len(from))]
	person.Hash, person.Password = made.Hash, made.Password
	switch is {
	case plain:
	case firstOfTwo, secondOfTwo:
		person.Email = fmt.Sprintf("Family%d@example.org", first+1)
		if is == secondOfTwo {
			person.Email = strings.ToLower(person.Email)
		}
	case unreadable:
		person.Hash, person.Password = person.Hash[:20], "" // cut by a column that was too short
	case untypable:
		person.Username, person.Email = fmt.Sprintf("\u202e%d", i+1), "" // turns the direction of writing; no name may have it
	}
	return person, weak
}

// withoutEmail is the share of people whom the old store has no address of.
const withoutEmail = 0.03
