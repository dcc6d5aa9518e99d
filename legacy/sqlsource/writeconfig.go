package sqlsource

import (
	"errors"
	"fmt"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// None, in place of a statement, is what is not to be written.
const None = "-"

// Write says what may be written back, and how. Each of the statements is the operator's own; where it is empty one is
// built if the columns are plain enough, and None is never written.
//
// A statement is one UPDATE, DELETE or INSERT, or several with ";" between them, in one transaction; without comments.
// Marks stand for values, which are always bound. Of UPDATE and DELETE: :id, the person's key as the column has it (:id1,
// :id2 … where it has several), and :old_password and :old_salt, what is stored, empty for NULL. The first of them must
// change exactly one row, and only if the stored password is still the old one: it has :id and :old_password in it. The
// new values are :username, :email, :phone, :display_name (text, or NULL where there is nothing), :email_verified and
// :disabled (truth values), :password and :salt; :now_unix is the time in seconds. INSERT has these, :new_uuid, which is
// the same throughout, and :last_id, the number that the database gave to the INSERT before.
//
// Whatever the statement, what was written is read again before it is made to last, and is taken back if it is not what
// was to be written.
type Write struct {
	DSN string // of an account that may write; empty: the source's own

	// Scheme is what new passwords are made in; empty: each like the person's own, and then nobody can be inserted. Like
	// and LikeSalt are a stored value of it, for a scheme of which package hash has no example.
	Scheme   string
	Like     string
	LikeSalt string

	Password string // takes :password, and :salt where there is such a column
	Insert   string
	Delete   string

	Username, Email, Phone, DisplayName string // each takes its own
	EmailVerified, Disabled             string
}

// like returns the stored value that new passwords are made like, or nil.
func (c Config) like() (*legacy.Stored, error) {
	w := c.Write
	if w.Like != "" {
		like := &legacy.Stored{Scheme: w.Scheme, Hash: w.Like, Salt: w.LikeSalt, User: "user", Params: c.Params}
		if like.Scheme == "" {
			like.Scheme = c.Scheme
		}
		if _, err := hash.New(hash.Config{}).Open(*like); err != nil {
			return nil, fmt.Errorf("like: %w", err)
		}
		return like, nil
	}
	if w.LikeSalt != "" {
		return nil, errors.New("like_salt: there is no like that it belongs to")
	}
	if w.Scheme == "" {
		return nil, nil //nolint:nilnil // like the person's own
	}
	example, ok := hash.New(hash.Config{}).Example(w.Scheme, c.Params)
	if !ok {
		return nil, fmt.Errorf("scheme: no value of %q can be made; name a scheme with an example in package hash, or give one from the table as like", w.Scheme)
	}
	return &example, nil
}

// checkLike makes a value and reads it as the source would read it: a new password that nobody can use must not be written.
func (c Config) checkLike(like *legacy.Stored) error {
	if like == nil {
		return nil
	}
	const password = "rekey tries this word"
	registry := hash.New(hash.Config{})
	made, err := registry.Make(*like, []byte(password))
	if err != nil {
		return fmt.Errorf("write: nothing can be made like the example: %w", err)
	}
	made.Scheme, made.Params = c.Scheme, c.Params
	if c.Columns.Salt == "" && c.Table != "" && made.Salt != "" {
		return errors.New("write: the scheme makes a salt, and there is no column for it")
	}
	opened, err := registry.Open(made)
	if err != nil || !opened.Verify([]byte(password)) {
		return errors.New("write: what is made in its scheme cannot be read back in the scheme of the source")
	}
	return nil
}
