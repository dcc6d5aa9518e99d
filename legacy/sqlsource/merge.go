package sqlsource

import (
	"errors"
	"slices"
	"time"

	"rekey/legacy"
)

// maxRows is how many rows one person may have. More is a table that was joined wrongly.
const maxRows = 1000

// A crowd gathers the people of a result, in the order of their first rows, and the rows that cannot be read.
type crowd struct {
	reader *reader
	users  []legacy.User
	bad    []*legacy.RowError

	// Where rows repeat: where everybody is in users, how many rows they have, and whose rows cannot be read.
	index map[string]int
	rows  map[string]int
	gone  map[string]bool
}

// newCrowd makes room for those whom a page may have.
func newCrowd(r *reader, most int) *crowd {
	c := &crowd{reader: r}
	if most > maxPeople { // a question about somebody finds one
		c.users = make([]legacy.User, 0, min(most, roomFor))
	}
	if r.repeats {
		c.index, c.rows, c.gone = map[string]int{}, map[string]int{}, map[string]bool{}
	}
	return c
}

// roomFor is how many people there is room for at once: 700 kB.
const roomFor = 2 << 10

// size is how many people and unreadable rows there are.
func (c *crowd) size() int { return len(c.users) - len(c.gone) + len(c.bad) }

// add takes a row.
func (c *crowd) add(values []any) error {
	u, err := c.reader.user(values)
	row, isBad := errors.AsType[*legacy.RowError](err)
	if err != nil && !isBad {
		return err
	}
	if !c.reader.repeats || u.ID == "" {
		if isBad {
			c.bad = append(c.bad, row)
		} else {
			c.users = append(c.users, u)
		}
		return nil
	}
	if c.gone[u.ID] {
		return nil
	}
	at, isKnown := c.index[u.ID]
	if !isKnown {
		at = len(c.users)
		c.index[u.ID] = at
		c.users = append(c.users, u)
	} else if !isBad {
		row = c.merge(&c.users[at], u)
	}
	if c.rows[u.ID]++; row == nil && c.rows[u.ID] > maxRows {
		row = unreadable(u.ID, c.reader.fields[0], "there are too many joined rows")
	}
	if row != nil {
		c.bad, c.gone[u.ID] = append(c.bad, row), true
	}
	return nil
}

// result returns the people all of whose rows could be read, and an error for each of the others.
func (c *crowd) result() ([]legacy.User, []*legacy.RowError) {
	if len(c.gone) == 0 {
		return c.users, c.bad
	}
	return slices.DeleteFunc(c.users, func(u legacy.User) bool { return c.gone[u.ID] }), c.bad
}

// merge adds what another row says of a person. It returns an error for a difference that nothing can settle: which of two
// e-mail addresses or hashes is the person's must not depend on the order in which a database returns rows.
func (c *crowd) merge(u *legacy.User, other legacy.User) *legacy.RowError {
	for _, f := range c.reader.fields {
		isSame := true
		switch f.kind {
		case fieldID: // or they would not be one person
		case fieldUsername:
			isSame = u.Username == other.Username && u.Extra[f.label] == other.Extra[f.label]
		case fieldEmail:
			isSame = u.Email == other.Email && u.Extra[f.label] == other.Extra[f.label]
		case fieldPhone:
			isSame = u.Phone == other.Phone && u.Extra[f.label] == other.Extra[f.label]
		case fieldPassword:
			isSame = u.Password.Hash == other.Password.Hash
		case fieldSalt:
			isSame = u.Password.Salt == other.Password.Salt
		case fieldCreatedAt:
			isSame = u.CreatedAt.Equal(other.CreatedAt)
		case fieldLastLoginAt:
			u.LastLoginAt = later(u.LastLoginAt, other.LastLoginAt)
		case fieldDisabled, fieldDisabledWhen:
			u.Disabled = u.Disabled || other.Disabled
		case fieldDisplayName:
			isSame = u.Profile.DisplayName == other.Profile.DisplayName
		case fieldLocale:
			isSame = u.Profile.Locale == other.Profile.Locale
		case fieldEmailVerified:
			u.Profile.EmailVerified = u.Profile.EmailVerified && other.Profile.EmailVerified
		case fieldPhoneVerified:
			u.Profile.PhoneVerified = u.Profile.PhoneVerified && other.Profile.PhoneVerified
		case fieldRoles:
			u.Profile.Roles = union(u.Profile.Roles, other.Profile.Roles)
		case fieldGroups:
			u.Profile.Groups = union(u.Profile.Groups, other.Profile.Groups)
		case fieldTOTPSecret:
			u.Profile.TOTP = unionTOTP(u.Profile.TOTP, other.Profile.TOTP)
		case fieldExtra:
			isSame = sameExtra(u.Extra[f.label], other.Extra[f.label])
		}
		if !isSame {
			return unreadable(u.ID, f, "the joined rows differ")
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// union returns the names of both lists, each once, in an order that does not depend on the database's.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func unionTOTP(a, b []legacy.TOTP) []legacy.TOTP {
	for _, t := range b {
		if !slices.ContainsFunc(a, func(known legacy.TOTP) bool { return string(known.Secret) == string(t.Secret) }) {
			a = append(a, t)
		}
	}
	slices.SortFunc(a, func(x, y legacy.TOTP) int { return slices.Compare(x.Secret, y.Secret) })
	return a
}

func sameExtra(a, b any) bool {
	if x, ok := a.(time.Time); ok {
		y, ok := b.(time.Time)
		return ok && x.Equal(y)
	}
	if x, ok := a.([]string); ok {
		y, ok := b.([]string)
		return ok && slices.Equal(x, y)
	}
	return a == b
}
