package sqlsource

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// Update is legacy.Writer's.
func (w *Writer) Update(ctx context.Context, was legacy.User, change legacy.Change) error {
	const doing = "update a user"
	parts := w.partsOf(change)
	for _, part := range parts {
		if one := w.ways[part]; one.why != "" {
			return w.notSent(doing, one.slot.name+" is not written: "+one.why)
		}
	}
	if len(parts) == 0 {
		return w.notSent(doing, "there is nothing to write")
	}
	if change.Password != nil && change.Password.Hashed.Hash == "" {
		return w.notSent(doing, "there is no hash to write")
	}
	return w.write(ctx, doing, func(ctx context.Context, t *transaction) error {
		now, err := t.still(ctx, was)
		if err != nil {
			return err
		}
		if change.Late(was, now) {
			return guard.Answered(legacy.ErrConflict)
		}
		want := change.Of(now)
		if err := t.free(ctx, want, change.Identifiers()); err != nil {
			return err
		}
		if err := w.apply(ctx, t, now, want, parts); err != nil {
			return w.refusal(err, parts)
		}
		read, err := t.view.byKey(ctx, was.ID)
		switch {
		case errors.Is(err, legacy.ErrNoUser):
			return guard.Answered(&legacy.RefusedError{Reason: "nobody would be there any more"})
		case err != nil:
			return err
		}
		return w.asWanted(read, want, parts)
	})
}

// partsOf returns what a change sets, the password last: the condition of the others is on the old one.
func (w *Writer) partsOf(c legacy.Change) []writePart {
	var parts []writePart
	for _, field := range c.Fields() {
		i := slices.IndexFunc(w.ways, func(one way) bool { return one.slot.field == field })
		parts = append(parts, w.ways[i].slot.part)
	}
	return parts
}

// apply runs the statements of a change: the operator's one after the other, and one that is built for all that has none.
// What sets the password comes last, for it ends the condition.
func (w *Writer) apply(ctx context.Context, t *transaction, now, want legacy.User, parts []writePart) error {
	var built []writePart
	for _, part := range parts {
		if len(w.ways[part].statements) == 0 {
			built = append(built, part)
		}
	}
	ownPassword := slices.Contains(parts, partPassword) && !slices.Contains(built, partPassword)
	for _, part := range parts {
		if len(w.ways[part].statements) > 0 && part != partPassword {
			if err := w.run(ctx, t, w.ways[part], now, want); err != nil {
				return err
			}
		}
	}
	if len(built) > 0 {
		q, err := w.updateStatement(t, now, want, built)
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, q)
		if err != nil {
			return err
		}
		if err := one(n); err != nil {
			return err
		}
	}
	if ownPassword {
		return w.run(ctx, t, w.ways[partPassword], now, want)
	}
	return nil
}

// run runs the operator's statements of a part, of which the first must find its one row.
func (w *Writer) run(ctx context.Context, t *transaction, by way, now, want legacy.User) error {
	args, err := w.args(t, now, want)
	if err != nil {
		return err
	}
	for i, c := range by.statements {
		n, err := t.exec(ctx, c.statement(w.dialect, args))
		if err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		if err := one(n); err != nil {
			return err
		}
	}
	return nil
}

// args are the values of the marks. now is empty for an insert.
func (w *Writer) args(t *transaction, now, want legacy.User) (map[string][]any, error) {
	args := map[string][]any{
		"username": {textOrNull(want.Username)}, "email": {textOrNull(want.Email)}, "phone": {textOrNull(want.Phone)},
		"display_name": {want.Profile.DisplayName}, "email_verified": {want.Profile.EmailVerified}, "disabled": {want.Disabled},
		markNowUnix: {time.Now().Unix()}, markNewUUID: {uuid.NewString()},
	}
	if want.Password != nil {
		args[markPassword], args[markSalt] = []any{want.Password.Hash}, []any{want.Password.Salt}
	}
	if now.ID == "" {
		return args, nil
	}
	args[markOldPassword], args[markOldSalt] = []any{now.Password.Hash}, []any{now.Password.Salt}
	key, ok := w.bindKey(t.shape, now.ID)
	if !ok {
		return nil, guard.Answered(legacy.ErrNoUser)
	}
	args[markID] = key[:1]
	for i := range key {
		args[markID+strconv.Itoa(i+1)] = key[i : i+1]
	}
	return args, nil
}

func textOrNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// free refuses identifiers that somebody else has: not every old table has a unique index.
func (t *transaction) free(ctx context.Context, u legacy.User, ids map[string]string) error {
	for field, value := range ids {
		if len(askable([]string{value})) == 0 {
			if value == "" {
				continue
			}
			return guard.Answered(&legacy.RefusedError{Field: field, Reason: "it is no text, or too long"})
		}
		found, bad, err := t.view.lookup(ctx, []string{value})
		if err != nil {
			return err
		}
		other := func(id string) bool { return u.ID == "" || id != u.ID }
		if slices.ContainsFunc(found, func(f legacy.User) bool { return other(f.ID) }) ||
			slices.ContainsFunc(bad, func(r *legacy.RowError) bool { return other(r.Key) }) {
			return guard.Answered(&legacy.RefusedError{Field: field, Reason: "somebody else has it", Taken: true})
		}
	}
	return nil
}

// asWanted compares what is read again with what was written: databases cut what is too long and replace what they
// cannot hold, some without a word.
func (w *Writer) asWanted(read, want legacy.User, parts []writePart) error {
	for _, part := range parts {
		var same bool
		switch part {
		case partPassword:
			same = read.Password.Hash == want.Password.Hash && read.Password.Salt == want.Password.Salt
		case partUsername:
			same = read.Username == want.Username
		case partEmail:
			same = read.Email == want.Email
		case partPhone:
			same = read.Phone == want.Phone
		case partDisplayName:
			same = read.Profile.DisplayName == want.Profile.DisplayName
		case partEmailVerified:
			same = read.Profile.EmailVerified == want.Profile.EmailVerified
		case partDisabled:
			same = read.Disabled == want.Disabled
		case partInsert, partDelete:
			same = true
		}
		if !same {
			return guard.Answered(&legacy.RefusedError{
				Field: w.ways[part].slot.field, Reason: "the table does not keep it as it was written",
			})
		}
	}
	return nil
}

// Delete is legacy.Writer's.
func (w *Writer) Delete(ctx context.Context, was legacy.User) error {
	const doing = "delete a user"
	by := w.ways[partDelete]
	if by.why != "" {
		return w.notSent(doing, by.why)
	}
	return w.write(ctx, doing, func(ctx context.Context, t *transaction) error {
		now, err := t.still(ctx, was)
		if err != nil {
			return err
		}
		if len(by.statements) > 0 {
			err = w.run(ctx, t, by, now, now)
		} else {
			err = w.remove(ctx, t, now)
		}
		if err != nil {
			return w.refusal(err, []writePart{partDelete})
		}
		switch _, err := t.view.byKey(ctx, was.ID); {
		case errors.Is(err, legacy.ErrNoUser):
			return nil
		case err != nil:
			return err
		}
		return guard.Answered(&legacy.RefusedError{Reason: "whoever is deleted would still be found"})
	})
}

// remove runs the statement that is built for a deletion.
func (w *Writer) remove(ctx context.Context, t *transaction, now legacy.User) error {
	q, err := w.deleteStatement(t, now)
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, q)
	if err != nil {
		return err
	}
	return one(n)
}

// Insert is legacy.Writer's. The key is found by reading who has just been inserted: by the identifiers, and by the hash,
// which nobody else has.
func (w *Writer) Insert(ctx context.Context, user legacy.User, pw legacy.NewPassword) (string, error) {
	const doing = "insert a user"
	by := w.ways[partInsert]
	switch {
	case by.why != "":
		return "", w.notSent(doing, by.why)
	case pw.Hashed.Hash == "":
		return "", w.notSent(doing, "there is no hash to write")
	case len(user.Identifiers()) == 0:
		return "", w.notSent(doing, "without an identifier nobody could be found")
	}
	user.ID, user.Password = "", &pw.Hashed
	ids := map[string]string{"Username": user.Username, "Email": user.Email, "Phone": user.Phone}
	var id string
	err := w.write(ctx, doing, func(ctx context.Context, t *transaction) error {
		if err := t.free(ctx, user, ids); err != nil {
			return err
		}
		if err := w.add(ctx, t, by, user); err != nil {
			return w.refusal(err, []writePart{partInsert})
		}
		read, err := w.inserted(ctx, t, user)
		if err != nil {
			return err
		}
		id = read.ID
		return w.asWanted(read, user, w.insertedParts(read))
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// add runs the statements of an insert.
func (w *Writer) add(ctx context.Context, t *transaction, by way, user legacy.User) error {
	if len(by.statements) == 0 {
		q, err := w.insertStatement(t, user)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, q)
		return err
	}
	args, err := w.args(t, legacy.User{}, user)
	if err != nil {
		return err
	}
	for _, c := range by.statements {
		if _, err := t.exec(ctx, c.statement(w.dialect, args)); err != nil {
			return err
		}
	}
	return nil
}

// inserted finds who has just been inserted.
func (w *Writer) inserted(ctx context.Context, t *transaction, user legacy.User) (legacy.User, error) {
	found, _, err := t.view.lookup(ctx, askable(user.Identifiers()))
	if err != nil {
		return legacy.User{}, err
	}
	found = slices.DeleteFunc(found, func(u legacy.User) bool {
		return u.Password.Hash != user.Password.Hash || u.Password.Salt != user.Password.Salt
	})
	if len(found) != 1 {
		return legacy.User{}, guard.Answered(&legacy.RefusedError{Reason: "whoever is inserted would not be found with the password that was written"})
	}
	return found[0], nil
}

// insertedParts are what must be read again as it was inserted: what the source reads, but for an identifier for which
// there is no column.
func (w *Writer) insertedParts(read legacy.User) []writePart {
	parts := []writePart{partPassword}
	for _, p := range []struct {
		part writePart
		kind fieldKind
		has  bool
	}{
		{partUsername, fieldUsername, read.Username != ""}, {partEmail, fieldEmail, read.Email != ""}, {partPhone, fieldPhone, read.Phone != ""},
		{partDisplayName, fieldDisplayName, false}, {partDisabled, fieldDisabled, false},
	} {
		if p.has || len(w.fieldsOf(p.kind)) > 0 && p.part != partDisplayName {
			parts = append(parts, p.part)
		}
	}
	return parts
}
