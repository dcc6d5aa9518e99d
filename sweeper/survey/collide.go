package survey

import (
	"context"
	"slices"

	"rekey/accounts"
	"rekey/legacy"
)

// Collisions are identifiers that several people hold once they are canonical. Nobody can tell from such an identifier who
// is logging in.
type Collisions struct {
	Within  int64 `json:"within"` // identifiers that several people of one source hold
	Across  int64 `json:"across"` // identifiers that people of several sources hold
	Holders int64 `json:"holders"`
	// Pairs counts, for each two sources, the identifiers that both have.
	Pairs    []Pair             `json:"pairs,omitempty"`
	Examples []CollisionExample `json:"examples,omitempty"`
	// Gone is how many examples were not there any more when they were looked up again.
	Gone int `json:"gone,omitempty"`
}

// A Pair is two sources that know the same people, or people of the same name.
type Pair struct {
	First  string `json:"first"`
	Second string `json:"second"`
	Shared int64  `json:"shared"`
}

// A CollisionExample is one identifier, masked, and the keys of some who hold it.
type CollisionExample struct {
	Identifier string   `json:"identifier"`
	Holders    []Holder `json:"holders"`
	Count      int64    `json:"count"`
}

// A Holder is a person by source and key.
type Holder struct {
	Source string `json:"source"`
	Key    string `json:"key"`
}

// maxExamples is how many collisions are looked up again and told: each costs some hundred rows for each holder.
const maxExamples = 10

// collide finds the identifiers that several people hold. The counts are those of 128-bit digests; each example was read
// again from its source and compared as text.
func (s *survey) collide(ctx context.Context) (Collisions, error) {
	var found Collisions
	type suspect struct {
		digest claim
		people []uint64
		count  int64
	}
	var suspects []suspect
	pairs := map[[2]int]int64{}
	err := s.ids.groups(ctx, func(digest claim, people []uint64, count map[int]int64) {
		total, within := int64(0), false
		var sources []int
		for source, n := range count {
			total += n
			within = within || n > 1
			sources = append(sources, source)
		}
		found.Holders += total
		if within {
			found.Within++
		}
		if len(sources) > 1 {
			found.Across++
		}
		slices.Sort(sources)
		for i, first := range sources {
			for _, second := range sources[i+1:] {
				pairs[[2]int{first, second}]++
			}
		}
		if len(suspects) < maxExamples {
			suspects = append(suspects, suspect{digest, slices.Clone(people), total})
		}
	})
	if err != nil {
		return found, err
	}
	for pair, shared := range pairs {
		found.Pairs = append(found.Pairs, Pair{s.c.Sources[pair[0]].Name, s.c.Sources[pair[1]].Name, shared})
	}
	slices.SortFunc(found.Pairs, func(a, b Pair) int { return int(b.Shared - a.Shared) })
	for _, suspect := range suspects {
		example, err := s.confirm(ctx, suspect.digest, suspect.people)
		if err != nil {
			return found, err
		}
		if len(example.Holders) < 2 {
			found.Gone++
			continue
		}
		example.Count = suspect.count
		found.Examples = append(found.Examples, example)
	}
	return found, nil
}

// maxConfirm is how many holders of an example are read again.
const maxConfirm = 3

// confirm reads people again, and returns those who still have one and the same identifier, letter by letter.
func (s *survey) confirm(ctx context.Context, digest claim, people []uint64) (CollisionExample, error) {
	var example CollisionExample
	var same string
	d := &digester{keys: s.keys}
	for _, person := range people[:min(len(people), maxConfirm)] {
		users, err := s.around(ctx, sourceOf(person), numberOf(person))
		if err != nil {
			return example, err
		}
		for i := range users {
			holder := Holder{s.c.Sources[sourceOf(person)].Name, users[i].ID}
			canonical := claimed(d, &users[i], digest)
			if canonical == "" || same != "" && canonical != same || slices.Contains(example.Holders, holder) {
				continue
			}
			same = canonical
			example.Holders = append(example.Holders, holder)
		}
	}
	example.Identifier = maskIdentifier(same)
	return example, nil
}

// claimed returns the canonical identifier of somebody that has the digest, or "".
func claimed(d *digester, u *legacy.User, digest claim) string {
	for _, spelling := range u.Identifiers() {
		id, err := accounts.ParseIdentifier(spelling)
		if err != nil {
			continue
		}
		if high, low := d.identifier(id.Canonical); high == digest.high && low == digest.low {
			return id.Canonical
		}
	}
	return ""
}

// around reads the people of a source among whom one is, counted from the start of the walk.
func (s *survey) around(ctx context.Context, source int, number int64) ([]legacy.User, error) {
	lister, ok := s.c.Sources[source].Source.(legacy.Lister)
	if !ok {
		return nil, nil
	}
	place := s.state.Sources[source].placeBefore(number)
	r := &reader{s: s, lister: lister, source: s.c.Sources[source].Name, after: place.After, size: int(number-place.Number) + nearby}
	var users []legacy.User
	for at := place.Number; at < number+nearby; {
		p, err := r.page(ctx)
		if err != nil {
			return nil, err
		}
		for i := range p.users {
			// Rows may have come and gone since: somebody near is looked at too.
			if near := at + int64(i) - number; -nearby <= near && near <= nearby {
				users = append(users, p.users[i])
			}
		}
		at += int64(len(p.users))
		if p.last {
			break
		}
	}
	return users, nil
}

// nearby is by how many people a place may have moved since it was passed.
const nearby = 50
