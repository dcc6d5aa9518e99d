package survey

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"rekey/accounts"
	"rekey/legacy"
)

// ageDays is how far back last logins are told apart by the day; older ones count as that old.
const ageDays = 3650

// A tally is what has been counted of a source, or of one page of it. It is kept in the state file.
type tally struct {
	People int64 `json:"people"`
	Bytes  int64 `json:"bytes"` // of what was read of them

	Schemes    map[string]int64    `json:"schemes"` // by schemeRow.key
	NoPassword int64               `json:"no_password"`
	NotShown   int64               `json:"not_shown"`
	Unreadable map[string]*Foreign `json:"unreadable"` // by Foreign.key

	Identifiers    map[accounts.Kind]int64 `json:"identifiers"`
	Respelled      int64                   `json:"respelled"`       // identifiers whose canonical form is another text
	BadIdentifiers map[string]int64        `json:"bad_identifiers"` // by reason
	Nameless       int64                   `json:"nameless"`        // people without one that could be typed

	Disabled   int64 `json:"disabled"`
	WithEmail  int64 `json:"with_email"`
	Verified   int64 `json:"verified"`    // of those with an e-mail address
	WithLogin  int64 `json:"with_login"`  // people whose last login is known
	WithBirth  int64 `json:"with_birth"`  // people whose creation is known
	WithFactor int64 `json:"with_factor"` // TOTP or recovery codes
	External   int64 `json:"external"`    // people with an identity at a provider

	BadRows    int64            `json:"bad_rows"` // people whose record cannot be read
	BadReasons map[string]int64 `json:"bad_reasons"`
	BadKeys    []string         `json:"bad_keys"` // the first few of them; of a record without a key, its line

	// Ages of last logins in days. Able are those of people who can log in and be moved by it; Once, those among Able who
	// were not seen again after the day of their creation.
	Ages []int64 `json:"ages"`
	Able []int64 `json:"able"`
	Once []int64 `json:"once"`

	AbleTotal int64 `json:"able_total"` // with those who never logged in
}

func newTally() *tally {
	return &tally{
		Schemes: map[string]int64{}, Unreadable: map[string]*Foreign{},
		Identifiers: map[accounts.Kind]int64{}, BadIdentifiers: map[string]int64{}, BadReasons: map[string]int64{},
		Ages: make([]int64, ageDays+1), Able: make([]int64, ageDays+1), Once: make([]int64, ageDays+1),
	}
}

// Bounds of what is kept of foreign values: an old table may have a new oddity in each row.
const (
	maxShapes  = 100
	maxReasons = 100
	maxBadKeys = 10
	others     = "others"
)

// count adds to one of a bounded number of names.
func count(counts map[string]int64, name string, n int64) {
	if _, known := counts[name]; !known && len(counts) >= maxReasons {
		name = others
	}
	counts[name] += n
}

// add adds another tally's numbers.
func (t *tally) add(o *tally) {
	for _, pair := range []struct{ to, from *int64 }{
		{&t.People, &o.People}, {&t.Bytes, &o.Bytes}, {&t.NoPassword, &o.NoPassword}, {&t.NotShown, &o.NotShown},
		{&t.Respelled, &o.Respelled}, {&t.Nameless, &o.Nameless}, {&t.Disabled, &o.Disabled}, {&t.WithEmail, &o.WithEmail},
		{&t.Verified, &o.Verified}, {&t.WithLogin, &o.WithLogin}, {&t.WithBirth, &o.WithBirth},
		{&t.WithFactor, &o.WithFactor}, {&t.External, &o.External}, {&t.BadRows, &o.BadRows}, {&t.AbleTotal, &o.AbleTotal},
	} {
		*pair.to += *pair.from
	}
	for _, pair := range []struct{ to, from map[string]int64 }{
		{t.Schemes, o.Schemes}, {t.BadIdentifiers, o.BadIdentifiers}, {t.BadReasons, o.BadReasons},
	} {
		for name, n := range pair.from {
			count(pair.to, name, n)
		}
	}
	for kind, n := range o.Identifiers {
		t.Identifiers[kind] += n
	}
	for _, f := range o.Unreadable {
		t.foreign(*f)
	}
	for _, pair := range []struct{ to, from []int64 }{{t.Ages, o.Ages}, {t.Able, o.Able}, {t.Once, o.Once}} {
		for i, n := range pair.from {
			pair.to[i] += n
		}
	}
	t.BadKeys = append(t.BadKeys, o.BadKeys[:min(len(o.BadKeys), maxBadKeys-len(t.BadKeys))]...)
}

// foreign counts a stored value that no rule reads.
func (t *tally) foreign(f Foreign) {
	if _, known := t.Unreadable[f.key()]; !known && len(t.Unreadable) >= maxShapes {
		f = Foreign{Reason: others, Count: f.Count}
	}
	if known := t.Unreadable[f.key()]; known != nil {
		known.Count += f.Count
		return
	}
	t.Unreadable[f.key()] = &f
}

// badRow counts a record that cannot be read.
func (t *tally) badRow(row *legacy.RowError) {
	t.BadRows++
	count(t.BadReasons, row.Column+": "+whereabouts.ReplaceAllString(row.Reason, ""), 1)
	key := legacy.ShownKey(row.Key)
	if key == "" && row.Line > 0 {
		key = fmt.Sprintf("line %d", row.Line)
	}
	if key != "" && len(t.BadKeys) < maxBadKeys {
		t.BadKeys = append(t.BadKeys, key)
	}
}

// whereabouts are where exactly a mistake is, which would make each of them a reason of its own.
var whereabouts = regexp.MustCompile(` at byte [0-9]+| \(lines [0-9]+ to [0-9]+\)|, the first of them in line [0-9]+`)

// person counts one person at the time of the survey and returns their canonical identifiers, each once.
func (t *tally) person(j *judge, u *legacy.User, at time.Time) []string {
	t.People++
	t.Bytes += size(u)
	able := t.credential(j, u.Password) && !u.Disabled
	if u.Disabled {
		t.Disabled++
	}
	if u.Email != "" {
		t.WithEmail++
		if u.Profile.EmailVerified {
			t.Verified++
		}
	}
	if len(u.Profile.TOTP) > 0 || len(u.Profile.RecoveryCodes) > 0 {
		t.WithFactor++
	}
	if len(u.Profile.External) > 0 {
		t.External++
	}
	if able {
		t.AbleTotal++
	}
	t.times(u, able, at)
	return t.identifiers(u)
}

// times sorts somebody's last login in.
func (t *tally) times(u *legacy.User, able bool, at time.Time) {
	if !u.CreatedAt.IsZero() {
		t.WithBirth++
	}
	if u.LastLoginAt.IsZero() {
		return
	}
	t.WithLogin++
	// A clock that is ahead of ours makes a last login of tomorrow.
	days := min(max(int(at.Sub(u.LastLoginAt)/(24*time.Hour)), 0), ageDays)
	t.Ages[days]++
	if able {
		t.Able[days]++
		if !u.CreatedAt.IsZero() && u.LastLoginAt.Sub(u.CreatedAt) < 24*time.Hour {
			t.Once[days]++
		}
	}
}

// identifiers counts what somebody types, and returns it canonical.
func (t *tally) identifiers(u *legacy.User) []string {
	var canonical []string
	for _, spelling := range u.Identifiers() {
		id, err := accounts.ParseIdentifier(spelling)
		if err != nil {
			count(t.BadIdentifiers, err.Error(), 1)
			continue
		}
		t.Identifiers[id.Kind]++
		if id.Canonical != spelling {
			t.Respelled++
		}
		known := false
		for _, other := range canonical {
			known = known || other == id.Canonical
		}
		if !known {
			canonical = append(canonical, id.Canonical)
		}
	}
	if len(canonical) == 0 {
		t.Nameless++
	}
	return canonical
}

// credential counts a stored password, and reports whether its owner could log in by it.
func (t *tally) credential(j *judge, stored *legacy.Stored) bool {
	switch {
	case stored == nil && j.verifies:
		t.NotShown++
		return true
	case stored == nil: // nobody else could check one
		t.NoPassword++
		return false
	}
	switch v := j.look(*stored); {
	case v.none:
		t.NoPassword++
		return false
	case v.foreign != nil:
		t.foreign(*v.foreign)
		return false
	default:
		count(t.Schemes, v.row.key(), 1)
		return true
	}
}

// size is how many bytes were read of somebody.
func size(u *legacy.User) int64 {
	n := len(u.ID) + len(u.Username) + len(u.Email) + len(u.Phone) + len(u.Profile.DisplayName) + len(u.Profile.Locale)
	if u.Password != nil {
		n += len(u.Password.Hash) + len(u.Password.Salt)
	}
	for _, list := range [][]string{u.Profile.Roles, u.Profile.Groups, u.Profile.RecoveryCodes} {
		n += len(strings.Join(list, ""))
	}
	for name, value := range u.Profile.Attributes {
		n += len(name) + len(value)
	}
	return int64(n)
}
