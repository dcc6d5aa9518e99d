package legacytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rekey/legacy"
)

func checkDisable(ctx context.Context, w *writing) error {
	if !w.writer.Writes().Disabled {
		return nil
	}
	for _, disabled := range []bool{true, true, false, false, true} { // twice the same is no conflict
		was, err := w.person(ctx, "2")
		if err != nil {
			return err
		}
		if err := w.want("Update", w.writer.Update(ctx, was, legacy.Change{Disabled: &disabled}), isDone); err != nil {
			return fmt.Errorf("disabled %v: %w", disabled, err)
		}
		now, err := w.person(ctx, "2")
		if err != nil {
			return err
		}
		want := was
		want.Disabled = disabled
		if err := sameFields(now, want); err != nil {
			return err
		}
	}
	return w.unchanged(ctx, "1")
}

func checkDelete(ctx context.Context, w *writing) error {
	if !w.writer.Writes().Delete {
		return nil
	}
	was, err := w.person(ctx, "2")
	if err != nil {
		return err
	}
	if err := w.want("Delete", w.writer.Delete(ctx, was), isDone); err != nil {
		return err
	}
	if _, err := w.getter.Get(ctx, "2"); !errors.Is(err, legacy.ErrNoUser) {
		return fmt.Errorf("Get of who was deleted: %w", err)
	}
	users, err := w.source.Lookup(ctx, was.Identifiers()...)
	if err != nil || len(users) > 0 {
		return fmt.Errorf("Lookup of who was deleted: %d people, %w", len(users), err)
	}
	return errors.Join(w.want("Delete again", w.writer.Delete(ctx, was), isNoUser), w.unchanged(ctx, "1"), w.unchanged(ctx, "3"))
}

func checkDeleteStale(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	if !can.Delete || !can.Conditional || w.hidden() {
		return nil
	}
	was, err := w.person(ctx, "2")
	if err != nil {
		return err
	}
	stale := was
	password := *was.Password
	password.Hash += "x"
	stale.Password = &password
	if err := w.want("Delete of who has changed", w.writer.Delete(ctx, stale), isConflict); err != nil {
		return err
	}
	return w.unchanged(ctx, "2")
}

func checkNobody(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	for _, id := range []string{"999999", "nobody", "1 ", "1 OR 1=1", "\xff", strings.Repeat("9", 5000)} {
		gone := was
		gone.ID = id
		if can.Password != legacy.PasswordNever {
			if err := w.want(fmt.Sprintf("Update of %.20q", id), w.update(ctx, gone, newSecret, "Secret-of-1"), isNoUser); err != nil {
				return err
			}
		}
		if can.Delete {
			if err := w.want(fmt.Sprintf("Delete of %.20q", id), w.writer.Delete(ctx, gone), isNoUser); err != nil {
				return err
			}
		}
	}
	return w.unchanged(ctx, "1")
}

func checkNotSent(ctx context.Context, w *writing) error {
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	if err := w.each(was, func(what string, write func(context.Context, legacy.Writer) error) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		return w.want(what, write(ended, w.writer), isNotSent)
	}); err != nil {
		return err
	}
	return w.unchanged(ctx, "1")
}

// each runs a function for each way to write that the source has.
func (w *writing) each(was legacy.User, run func(what string, write func(context.Context, legacy.Writer) error) error) error {
	can := w.writer.Writes()
	pw, err := w.pass(was, []byte(newSecret), passwordOf("1"))
	if err != nil {
		return err
	}
	mail := "new@example.org"
	for _, way := range []struct {
		can   bool
		what  string
		write func(context.Context, legacy.Writer) error
	}{
		{can.Password != legacy.PasswordNever, "Update of the password", func(ctx context.Context, to legacy.Writer) error {
			return to.Update(ctx, was, legacy.Change{Password: &pw})
		}},
		{can.Email, "Update of the e-mail", func(ctx context.Context, to legacy.Writer) error {
			return to.Update(ctx, was, legacy.Change{Email: &mail})
		}},
		{can.Insert, "Insert", func(ctx context.Context, to legacy.Writer) error {
			_, err := to.Insert(ctx, legacy.User{Username: "new", Email: mail, Phone: "+4915100000009"}, pw)
			return err
		}},
		{can.Delete, "Delete", func(ctx context.Context, to legacy.Writer) error { return to.Delete(ctx, was) }},
	} {
		if !way.can {
			continue
		}
		if err := run(way.what, way.write); err != nil {
			return err
		}
	}
	return nil
}

func checkTooLong(ctx context.Context, w *writing) error {
	can := w.writer.Writes()
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	long := strings.Repeat("z", 300)
	mail := long + "@example.org"
	change, ok := map[string]legacy.Change{
		"Username": {Username: &long}, "Email": {Email: &mail}, "Phone": {Phone: &long}, "DisplayName": {DisplayName: &long},
	}[w.TooLong]
	writable := map[string]bool{"Username": can.Username, "Email": can.Email, "Phone": can.Phone, "DisplayName": can.DisplayName}
	if !ok || !writable[w.TooLong] {
		return nil
	}
	err = w.writer.Update(ctx, was, change)
	if err := w.want("Update with a value that is too long", err, isRefused); err != nil {
		return err
	}
	if refused, _ := errors.AsType[*legacy.RefusedError](err); refused.Taken || refused.Field != w.TooLong && !w.Silent {
		return fmt.Errorf("the refusal of the %s is of the field %q, taken %v", w.TooLong, refused.Field, refused.Taken)
	}
	return w.unchanged(ctx, "1")
}

func checkDown(ctx context.Context, w *writing) error {
	down, ok := w.Down(w.t).(legacy.Writer)
	if !ok {
		return errors.New("the harness's Down makes no legacy.Writer")
	}
	was, err := w.person(ctx, "1")
	if err != nil {
		return err
	}
	return w.each(was, func(what string, write func(context.Context, legacy.Writer) error) error {
		start := time.Now()
		err := write(ctx, down)
		if took := time.Since(start); took > answerWithin {
			return fmt.Errorf("%s took %v", what, took)
		}
		return w.want(what, err, isNotSent, isUnknown)
	})
}
