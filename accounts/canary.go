package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"rekey/accounts/password"
	"rekey/legacy"
)

// canary tries the way back: into each legacy store that is to hear of changes it writes somebody, changes their password,
// checks that the store then has it, and removes them. It returns why that failed, or "". What it made it removes whatever
// happens; the name says what it is, should even that fail.
func (s *Service) canary(ctx context.Context) string {
	for _, source := range s.sources {
		if source.CopyBack != CopyBackFull {
			continue
		}
		if err := s.canaryOf(ctx, source); err != nil {
			return fmt.Sprintf("%s: %v", source.Name, err)
		}
	}
	return ""
}

var errCanary = errors.New("what was written did not come back")

func (s *Service) canaryOf(ctx context.Context, source Source) (err error) {
	writer, getter, err := source.writer()
	if err != nil {
		return err
	}
	if can := writer.Writes(); !can.Insert || !can.Delete {
		return nil // only passwords are copied back, and nobody's is to be touched for a test
	}
	name := "rekey-canary-" + rand.Text()
	first, second := password.NewSecret([]byte(rand.Text())), password.NewSecret([]byte(rand.Text()))
	stored, err := s.legacyHash(ctx, source, "", name, first)
	if err != nil {
		return err
	}
	id, err := writer.Insert(ctx, legacy.User{Username: name, Email: name + "@example.invalid"}, legacy.NewPassword{Hashed: stored})
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // to remove it again; the source bounds each question
	defer func() {
		user, getErr := getter.Get(ctx, id)
		if getErr == nil {
			getErr = writer.Delete(ctx, user)
		}
		if getErr != nil {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", name, getErr))
		}
	}()
	user, err := getter.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	next, err := s.legacyHash(ctx, source, id, name, second)
	if err != nil {
		return err
	}
	if err := writer.Update(ctx, user, legacy.Change{Password: &legacy.NewPassword{Hashed: next}}); err != nil {
		return fmt.Errorf("change: %w", err)
	}
	user, err = getter.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if _, err := s.prove(ctx, candidate{source: source, user: user}, Attempt{Password: second}); err != nil {
		return errCanary
	}
	return nil
}
