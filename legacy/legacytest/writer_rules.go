package legacytest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"rekey/legacy"
)

// writerRules lists the contract of legacy.Writer.
func writerRules() []writerRule {
	return []writerRule{
		{"insert", "who is inserted is found by key and by every identifier, and the password is theirs", checkInsert},
		{"insert taken", "an identifier that somebody has is refused as taken, and nothing is written", checkInsertTaken},
		{"password", "a new password replaces the old one, and nothing else", checkPassword},
		{"password stale", "who was changed since they were read is a conflict: what somebody else has written stays", checkStale},
		{"identifier stale", "whose identifier was changed since they were read is a conflict where that is to be set: a late write brings none back", checkStaleIdentifier},
		{"password race", "of several who write upon one reading, exactly one does", checkRace},
		{"each field", "each field that can be written is written, and no other", checkFields},
		{"fields at once", "several fields and the password are one write", checkTogether},
		{"text is text", "a value is written to the byte: no quote, mark or wildcard in it means anything", checkText},
		{"identifier taken", "an identifier of somebody else is refused as taken, and the other fields of that write too", checkTaken},
		{"field not named", "what cannot be written is not sent", checkUnnamed},
		{"disable", "a person is disabled and enabled again", checkDisable},
		{"delete", "who was deleted is found by nobody, and deleting them again says that they are gone", checkDelete},
		{"delete stale", "who was changed since they were read is not deleted", checkDeleteStale},
		{"nobody", "who is not there is ErrNoUser, and is not made", checkNobody},
		{"not sent", "who had stopped waiting is told that nothing was sent, and nothing was", checkNotSent},
		{"too long", "a value that the store cannot hold is refused whole, not cut", checkTooLong},
		{"down", "a store that does not answer has neither refused nor agreed, soon, and without its secrets", checkDown},
	}
}

func checkInsert(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	if !can.Insert {
		return nil
	}
	fresh := legacy.User{
		ID: "1", Username: "new", Email: "new@example.org", Phone: "+4915100000009", Profile: legacy.Profile{DisplayName: "New O'Body"},
	}
	pw, err := w.pass(fresh, []byte(newSecret), nil)
	if err != nil {
		return err
	}
	id, err := w.writer.Insert(ctx, fresh, pw)
	if err := w.want("Insert", err, isDone); err != nil {
		return err
	}
	if id == "" {
		return errors.New("Insert returns no key")
	}
	got, err := w.person(ctx, id)
	if err != nil {
		return err
	}
	want := fresh
	want.ID = got.ID
	if got.Username == "" {
		want.Username = ""
	}
	if got.Phone == "" {
		want.Phone = ""
	}
	if !can.DisplayName {
		want.Profile.DisplayName = got.Profile.DisplayName
	}
	want.Profile.EmailVerified = got.Profile.EmailVerified
	if err := sameFields(got, want); err != nil {
		return err
	}
	for _, spelling := range got.Identifiers() {
		users, err := w.source.Lookup(ctx, spelling)
		if err != nil || len(users) != 1 || users[0].ID != id {
			return fmt.Errorf("Lookup of an identifier of who was inserted: %d people, %w", len(users), err)
		}
	}
	for _, p := range w.people {
		if err := w.unchanged(ctx, p.ID); err != nil {
			return err
		}
	}
	return errors.Join(w.opens(ctx, id, []byte(newSecret), true), w.opens(ctx, id, []byte("x"+newSecret), false))
}

func checkInsertTaken(ctx context.Context, w *writing) error {
	if !w.writer.Writes().Insert {
		return nil
	}
	for _, fresh := range []legacy.User{
		{Username: "anna", Email: "new@example.org", Phone: "+4915100000009"},
		{Username: "new", Email: "anna@example.org", Phone: "+4915100000009"},
	} {
		pw, err := w.pass(fresh, []byte(newSecret), nil)
		if err != nil {
			return err
		}
		_, err = w.writer.Insert(ctx, fresh, pw)
		if fresh.Username == "anna" && err == nil && !w.knows(ctx, "anna") {
			continue // the store has no usernames
		}
		if err := w.taken("Insert", err); err != nil {
			return err
		}
	}
	users, err := w.source.Lookup(ctx, "new@example.org", "new", "anna")
	if err != nil || len(users) > 1 {
		return fmt.Errorf("after refused inserts Lookup finds %d people, %w", len(users), err)
	}
	return w.unchanged(ctx, "1")
}

// knows reports whether people are found by a name.
func (w *writing) knows(ctx context.Context, name string) bool {
	users, err := w.source.Lookup(ctx, name)
	return err == nil && len(users) > 0
}

// taken checks that an identifier was refused because somebody has it.
func (w *writing) taken(what string, err error) error {
	if err := w.want(what+" of a taken identifier", err, isRefused); err != nil {
		return err
	}
	if refused, ok := errors.AsType[*legacy.RefusedError](err); !ok || !refused.Taken {
		return fmt.Errorf("%s: the refusal does not say that the identifier is taken: %w", what, err)
	}
	return nil
}

// update gives somebody a new password on the condition that they are as was says.
func (w *writing) update(ctx context.Context, was legacy.User, password, old string) error {
	pw, err := w.pass(was, []byte(password), []byte(old))
	if err != nil {
		return err
	}
	return w.heard(w.writer.Update(ctx, was, legacy.Change{Password: &pw}))
}

func checkPassword(ctx context.Context, w *writing) error {
	if w.writer.Writes().Password == legacy.PasswordNever {
		return nil
	}
	was, err := w.person(ctx, "2")
	if err != nil {
		return err
	}
	if err := w.want("Update", w.update(ctx, was, newSecret, "Secret-of-2"), isDone); err != nil {
		return err
	}
	now, err := w.person(ctx, "2")
	if err != nil {
		return err
	}
	return errors.Join(
		sameFields(now, was), w.unchanged(ctx, "1"), w.unchanged(ctx, "3"),
		w.opens(ctx, "2", []byte(newSecret), true), w.opens(ctx, "2", passwordOf("2"), false),
	)
}

func checkStale(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	if can.Password == legacy.PasswordNever || !can.Conditional {
		return nil
	}
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	if err := w.want("Update", w.update(ctx, was, newSecret, "Secret-of-1"), isDone); err != nil {
		return err
	}
	// The old application writes the password that we have not seen; for us it is the one just written.
	if err := w.want("Update of who has changed", w.update(ctx, was, "Secret-of-nobody", "Secret-of-1"), isConflict); err != nil {
		return err
	}
	if can.Email && !w.hidden() {
		other := "new@example.org"
		if err := w.want("Update of the e-mail of who has changed", w.writer.Update(ctx, was, legacy.Change{Email: &other}), isConflict); err != nil {
			return err
		}
	}
	now, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	return errors.Join(sameFields(now, was), w.opens(ctx, "1", []byte(newSecret), true), w.opens(ctx, "1", []byte("Secret-of-nobody"), false))
}

func checkStaleIdentifier(ctx context.Context, w *writing) error {
	if can := w.writer.Writes(); !can.Conditional || !can.Email {
		return nil
	}
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	next, late := "new@example.org", "late@example.org"
	if err := w.want("Update of the e-mail", w.writer.Update(ctx, was, legacy.Change{Email: &next}), isDone); err != nil {
		return err
	}
	if err := w.want("Update of an e-mail that was changed since", w.writer.Update(ctx, was, legacy.Change{Email: &late}), isConflict); err != nil {
		return err
	}
	now, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	was.Email = next
	return sameFields(now, was)
}

func checkRace(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	if can.Password == legacy.PasswordNever || !can.Conditional {
		return nil
	}
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	const racers = 6
	changes := make([]legacy.NewPassword, racers)
	for i := range changes {
		if changes[i], err = w.pass(was, racerPassword(i), passwordOf("1")); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		all.Go(func() { errs[i] = w.writer.Update(ctx, was, legacy.Change{Password: &changes[i]}) })
	}
	all.Wait()
	winner := -1
	for i, err := range errs {
		if err := w.want("one of several at once", err, isDone, isConflict, isNotSent); err != nil {
			return err
		}
		if err == nil {
			if winner >= 0 {
				return errors.New("two have written upon one reading")
			}
			winner = i
		}
	}
	if winner < 0 {
		return errors.New("of several who wrote upon one reading, none did")
	}
	return w.opens(ctx, "1", racerPassword(winner), true)
}

func racerPassword(i int) []byte { return []byte(fmt.Sprint("Secret-of-racer-", i)) }

// A fieldWrite is a Change of one field.
type fieldWrite struct {
	name   string
	can    bool
	change legacy.Change
	apply  func(*legacy.User)
}

// fieldWrites lists the fields but for the password.
func fieldWrites(can legacy.Writes) []fieldWrite {
	name, mail, phone, display, yes := "renamed", "new@example.org", "+4915100000099", "Anna O'Berg", true
	return []fieldWrite{
		{"username", can.Username, legacy.Change{Username: &name}, func(u *legacy.User) { u.Username = name }},
		{"email", can.Email, legacy.Change{Email: &mail}, func(u *legacy.User) { u.Email = mail }},
		{"phone", can.Phone, legacy.Change{Phone: &phone}, func(u *legacy.User) { u.Phone = phone }},
		{"display name", can.DisplayName, legacy.Change{DisplayName: &display}, func(u *legacy.User) { u.Profile.DisplayName = display }},
		{"e-mail verified", can.EmailVerified, legacy.Change{EmailVerified: &yes}, func(u *legacy.User) { u.Profile.EmailVerified = true }},
		{"disabled", can.Disabled, legacy.Change{Disabled: &yes}, func(u *legacy.User) { u.Disabled = true }},
	}
}

func checkFields(ctx context.Context, w *writing) error {
	for _, f := range fieldWrites(w.writer.Writes()) {
		if !f.can {
			continue
		}
		was, err := w.person(ctx, "1")
		if err != nil {
			return err
		}
		if err := w.want("Update of the "+f.name, w.writer.Update(ctx, was, f.change), isDone); err != nil {
			return err
		}
		want := was
		f.apply(&want)
		got, err := w.person(ctx, "1")
		if err != nil {
			return err
		}
		if err := sameFields(got, want); err != nil {
			return fmt.Errorf("after an update of the %s: %w", f.name, err)
		}
	}
	return errors.Join(w.unchanged(ctx, "2"), w.unchanged(ctx, "3"))
}

func checkTogether(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	if can.Password == legacy.PasswordNever {
		return nil
	}
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	pw, err := w.pass(was, []byte(newSecret), passwordOf("1"))
	if err != nil {
		return err
	}
	change, want := legacy.Change{Password: &pw}, was
	for _, f := range fieldWrites(can) {
		if !f.can || f.name == "disabled" {
			continue
		}
		f.apply(&want)
		change = merged(change, f.change)
	}
	if err := w.want("Update of everything", w.writer.Update(ctx, was, change), isDone); err != nil {
		return err
	}
	got, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	return errors.Join(sameFields(got, want), w.opens(ctx, "1", []byte(newSecret), true))
}

// merged returns a with what b sets.
func merged(a, b legacy.Change) legacy.Change {
	for _, f := range []struct{ to, from **string }{
		{&a.Username, &b.Username}, {&a.Email, &b.Email}, {&a.Phone, &b.Phone}, {&a.DisplayName, &b.DisplayName},
	} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	for _, f := range []struct{ to, from **bool }{{&a.EmailVerified, &b.EmailVerified}, {&a.Disabled, &b.Disabled}} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	return a
}

func checkText(ctx context.Context, w *writing) error {
	if !w.writer.Writes().DisplayName {
		return nil
	}
	for _, text := range []string{
		`o'brien "x" \ ` + "`y`", "a; DROP TABLE people; --", ":id :email $1 ?", "100%_sure", "дарья", "*)(uid=*", "=cmd|' /C'", "<b>&amp;</b>",
	} {
		was, err := w.person(ctx, "3")
		if err != nil {
			return err
		}
		if err := w.want("Update of the display name", w.writer.Update(ctx, was, legacy.Change{DisplayName: &text}), isDone); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		now, err := w.person(ctx, "3")
		if err != nil {
			return err
		}
		if now.Profile.DisplayName != text {
			return fmt.Errorf("%q was written as %q", text, now.Profile.DisplayName)
		}
	}
	return w.unchanged(ctx, "1")
}

func checkTaken(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	name, mail, display := "carol", "carol@example.org", "Somebody Else"
	for _, c := range []struct {
		can    bool
		change legacy.Change
	}{{can.Username, legacy.Change{Username: &name}}, {can.Email, legacy.Change{Email: &mail}}} {
		if !c.can {
			continue
		}
		if can.DisplayName {
			c.change.DisplayName = &display
		}
		if err := w.taken("Update", w.writer.Update(ctx, was, c.change)); err != nil {
			return err
		}
		if err := w.unchanged(ctx, "1"); err != nil {
			return err
		}
	}
	if can.Email { // what one has already is nobody else's
		return w.want("Update of an e-mail to what it is", w.writer.Update(ctx, was, legacy.Change{Email: &was.Email}), isDone)
	}
	return nil
}

func checkUnnamed(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	for _, f := range fieldWrites(can) {
		if f.can {
			continue
		}
		if err := w.want("Update of the "+f.name, w.writer.Update(ctx, was, f.change), isNotSent); err != nil {
			return err
		}
	}
	if !can.Insert {
		_, err := w.writer.Insert(ctx, legacy.User{Username: "new", Email: "new@example.org"}, legacy.NewPassword{})
		if err := w.want("Insert", err, isNotSent); err != nil {
			return err
		}
	}
	if !can.Delete {
		if err := w.want("Delete", w.writer.Delete(ctx, was), isNotSent); err != nil {
			return err
		}
	}
	return w.unchanged(ctx, "1")
}
