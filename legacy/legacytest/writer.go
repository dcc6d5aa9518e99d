package legacytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
)

// A WriterHarness makes the stores to which the suite writes.
type WriterHarness struct {
	Harness // New's sources are legacy.Writers and legacy.Getters over exactly these people; so is Down's

	// Like is a stored value of the store's scheme, of which the suite makes the passwords of its people and the new
	// ones. Where the store hides its hashes Like is empty, and a person's Password.Hash is the password itself, for New
	// to put into the store.
	Like legacy.Stored
	// Make and Verify are package hash's: a stored value of a password, like another one, and whether a password is that
	// of a stored value. Unused where the store hides its hashes.
	Make   func(like legacy.Stored, password []byte) (legacy.Stored, error)
	Verify func(stored legacy.Stored, password []byte) bool

	// TooLong is a field of User that has an upper bound of at most 250 characters in the store, such as "Email"; "" if
	// none has. It may be one that Writes does not name.
	TooLong string
	// Silent: the store does not say which field it refuses.
	Silent bool
}

// A writerRule is one sentence of the contract of Writer and what checks it.
type writerRule struct {
	name  string
	text  string
	check func(ctx context.Context, w *writing) error
}

// writing is what a writerRule's check works with.
type writing struct {
	WriterHarness
	t      *testing.T
	people []legacy.User
	writer legacy.Writer
	source legacy.Source
	getter legacy.Getter
	told   []error // every error that was seen
}

// RunWriter checks a source against every rule of legacy.Writer. What its Writes does not name is left out.
func RunWriter(t *testing.T, h WriterHarness) {
	t.Helper()
	for _, r := range writerRules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if err := applyWriter(t, h, r); err != nil {
				t.Errorf("the rule: %s\nwas broken: %v", r.text, err)
			}
		})
	}
}

// applyWriter checks one rule over a fresh store.
func applyWriter(t *testing.T, h WriterHarness, r writerRule) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	people, err := h.peopleToChange()
	if err != nil {
		return err
	}
	w := &writing{WriterHarness: h, t: t, people: people}
	if err := w.use(h.New(t, slices.Clone(people))); err != nil {
		return err
	}
	if err := r.check(ctx, w); err != nil {
		return err
	}
	return w.tellNothing()
}

// use takes a source's powers.
func (w *writing) use(source legacy.Source) error {
	var writes, gets bool
	w.source = source
	w.writer, writes = source.(legacy.Writer)
	w.getter, gets = source.(legacy.Getter)
	if !writes || !gets {
		return errors.New("the harness makes no legacy.Writer that is a legacy.Getter")
	}
	return nil
}

// passwordOf is the password of one of the suite's people.
func passwordOf(id string) []byte { return []byte("Secret-of-" + id) }

// newSecret is a password that the suite gives somebody.
const newSecret = "New-Secret-Word"

// peopleToChange are the people whom the suite writes to.
func (h WriterHarness) peopleToChange() ([]legacy.User, error) {
	people := []legacy.User{
		{ID: "1", Username: "anna", Email: "anna@example.org", Phone: "+4915100000001", Profile: legacy.Profile{DisplayName: "Anna Berg"}},
		{ID: "2", Username: "o'brien", Email: "brien@example.org", Phone: "+4915100000002", Profile: legacy.Profile{DisplayName: "Bob O'Brien"}},
		{ID: "3", Username: "carol", Email: "carol@example.org", Phone: "+4915100000003", Profile: legacy.Profile{DisplayName: "Carol Wu"}},
	}
	for i := range people {
		p, err := h.stored(people[i], passwordOf(people[i].ID))
		if err != nil {
			return nil, err
		}
		people[i].Password = &p
	}
	return people, nil
}

// hidden reports whether the store shows no hashes.
func (h WriterHarness) hidden() bool { return h.Like.Hash == "" }

// stored returns a password as the store has it.
func (h WriterHarness) stored(u legacy.User, password []byte) (legacy.Stored, error) {
	if h.hidden() {
		return legacy.Stored{Scheme: "plaintext", Hash: string(password), User: u.Username}, nil
	}
	like := h.Like
	like.User = u.Username
	made, err := h.Make(like, password)
	if err != nil {
		return legacy.Stored{}, fmt.Errorf("make a hash: %w", err)
	}
	return made, nil
}

// pass returns a password to be written for somebody.
func (w *writing) pass(u legacy.User, password, old []byte) (legacy.NewPassword, error) {
	if w.writer.Writes().Password == legacy.PasswordTyped {
		return legacy.NewPassword{Typed: password, Old: old}, nil
	}
	made, err := w.stored(u, password)
	return legacy.NewPassword{Hashed: made, Old: old}, err
}

// person reads one of the people by key.
func (w *writing) person(ctx context.Context, id string) (legacy.User, error) {
	u, err := w.getter.Get(ctx, id)
	if err != nil {
		return legacy.User{}, fmt.Errorf("Get(%s): %w", id, err)
	}
	return u, nil
}

// opens checks whether a password is somebody's.
func (w *writing) opens(ctx context.Context, id string, password []byte, want bool) error {
	u, err := w.person(ctx, id)
	if err != nil {
		return err
	}
	var got bool
	if verifier, ok := w.source.(legacy.Verifier); ok && (w.hidden() || u.Password == nil) {
		err := verifier.Verify(ctx, u, password)
		if err != nil && !errors.Is(err, legacy.ErrWrongPassword) {
			return fmt.Errorf("verify %s: %w", id, err)
		}
		got = err == nil
	} else if u.Password != nil {
		got = w.Verify(*u.Password, password)
	}
	if got != want {
		return fmt.Errorf("a password of person %s opens: %v, want %v", id, got, want)
	}
	return nil
}

// unchanged checks that somebody is as the suite has made them.
func (w *writing) unchanged(ctx context.Context, id string) error {
	want := w.people[slices.IndexFunc(w.people, func(u legacy.User) bool { return u.ID == id })]
	got, err := w.person(ctx, id)
	if err != nil {
		return err
	}
	if err := sameFields(got, want); err != nil {
		return fmt.Errorf("what was not written has changed: %w", err)
	}
	return w.opens(ctx, id, passwordOf(id), true)
}

// sameFields compares what a Writer may write, but for the password.
func sameFields(got, want legacy.User) error {
	for _, field := range []struct{ name, got, want string }{
		{"username", got.Username, want.Username},
		{"e-mail", got.Email, want.Email},
		{"phone", got.Phone, want.Phone},
		{"display name", got.Profile.DisplayName, want.Profile.DisplayName},
		{"disabled", strconv.FormatBool(got.Disabled), strconv.FormatBool(want.Disabled)},
		{"e-mail verified", strconv.FormatBool(got.Profile.EmailVerified), strconv.FormatBool(want.Profile.EmailVerified)},
	} {
		if field.got != field.want {
			return fmt.Errorf("person %s: %s is %q, want %q", want.ID, field.name, field.got, field.want)
		}
	}
	return nil
}

// heard keeps an error to look for secrets in it.
func (w *writing) heard(err error) error {
	if err != nil {
		w.told = append(w.told, err)
	}
	return err
}

// An answer is what the error of a Writer says.
type answer string

const (
	isDone     answer = "done"
	isConflict answer = "ErrConflict"
	isNoUser   answer = "ErrNoUser"
	isRefused  answer = "a *RefusedError"
	isNotSent  answer = "ErrNotSent"
	isUnknown  answer = "unknown"
)

// answerOf classifies an error. One that says two things is none.
func answerOf(err error) answer {
	if err == nil {
		return isDone
	}
	refused, isRefusal := errors.AsType[*legacy.RefusedError](err)
	var answers []answer
	for _, a := range []struct {
		answer answer
		is     bool
	}{
		{isConflict, errors.Is(err, legacy.ErrConflict)},
		{isNoUser, errors.Is(err, legacy.ErrNoUser)},
		{isRefused, isRefusal && refused != nil},
		{isNotSent, errors.Is(err, legacy.ErrNotSent)},
	} {
		if a.is {
			answers = append(answers, a.answer)
		}
	}
	switch len(answers) {
	case 0:
		return isUnknown
	case 1:
		return answers[0]
	}
	return answer(fmt.Sprintf("several answers at once: %v", answers))
}

// want checks what an error says.
func (w *writing) want(what string, err error, want ...answer) error {
	if got := answerOf(w.heard(err)); !slices.Contains(want, got) {
		return fmt.Errorf("%s: %s (%w), want %v", what, got, err, want)
	}
	return nil
}

// tellNothing looks for secrets in the errors that were seen.
func (w *writing) tellNothing() error {
	secrets := append([]string{newSecret, "Secret-of-", "zzzz", "anna@", "brien@", "carol@", "new@"}, w.Secrets...)
	for _, p := range w.people {
		if len(p.Password.Hash) > 8 {
			secrets = append(secrets, p.Password.Hash)
		}
	}
	for _, err := range w.told {
		for _, secret := range secrets {
			if strings.Contains(fmt.Sprintf("%v %+v %q", err, err, err), secret) {
				return errors.New("an error tells a value or a secret")
			}
		}
	}
	return nil
}
