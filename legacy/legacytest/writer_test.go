package legacytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"rekey/legacy"
)

// memoryHarness stores passwords in hexadecimal behind a mark, so that the suite needs no hash here.
func memoryHarness(change func(*breaking)) WriterHarness {
	return WriterHarness{
		Harness: Harness{
			New: func(_ *testing.T, people []legacy.User) legacy.Source {
				b := &breaking{Memory: NewMemory(people...)}
				b.Allow = AllowAll(legacy.Stored{Hash: "mark:"})
				change(b)
				return b
			},
			Down: func(*testing.T) legacy.Source {
				b := &breaking{Memory: NewMemory()}
				b.Allow = AllowAll(legacy.Stored{Hash: "mark:"})
				b.SetDown(errors.New("no answer"))
				change(b)
				return b
			},
			Secrets: []string{"hunter2"},
		},
		Like: legacy.Stored{Hash: "mark:"},
		Make: func(like legacy.Stored, password []byte) (legacy.Stored, error) {
			like.Hash = fmt.Sprintf("mark:%x", password)
			return like, nil
		},
		Verify: func(stored legacy.Stored, password []byte) bool {
			return stored.Hash == fmt.Sprintf("mark:%x", password)
		},
		TooLong: "Email",
	}
}

// breaking is a Memory that breaks the contract in one way.
type breaking struct {
	*Memory
	blind, cuts, makesNobody, ignoresContext, reassures, tells, halves, writesUnnamed, softGet, refusesDown bool
	sameKey, takesTaken, vague                                                                              bool
}

func (b *breaking) Insert(ctx context.Context, user legacy.User, pw legacy.NewPassword) (string, error) {
	if b.takesTaken {
		user.Email, user.Username = user.Email+" ", user.Username+" "
	}
	id, err := b.Memory.Insert(b.ctx(ctx), user, pw)
	if b.sameKey && err == nil {
		id = "1"
	}
	return id, b.err(err)
}

func (b *breaking) ctx(ctx context.Context) context.Context {
	if b.ignoresContext {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (b *breaking) err(err error) error {
	switch {
	case b.refusesDown && errors.Is(err, legacy.ErrNotSent):
		return &legacy.RefusedError{Reason: "no answer"}
	case b.tells && err != nil:
		return fmt.Errorf("hunter2: %w", err)
	case b.vague && err != nil:
		return errors.New("something went wrong")
	}
	return err
}

func (b *breaking) Update(ctx context.Context, was legacy.User, change legacy.Change) error {
	if b.blind {
		if now, err := b.Get(ctx, was.ID); err == nil {
			was = now
		}
	}
	if b.cuts && change.Email != nil && len(*change.Email) > memoryText {
		short := (*change.Email)[:memoryText]
		change.Email = &short
	}
	if b.makesNobody {
		if _, err := b.Get(ctx, was.ID); errors.Is(err, legacy.ErrNoUser) {
			return nil
		}
	}
	if b.halves && change.DisplayName != nil {
		if err := b.Memory.Update(ctx, was, legacy.Change{DisplayName: change.DisplayName}); err != nil {
			return err
		}
	}
	if b.writesUnnamed {
		b.Change(was.ID, func(u *legacy.User) { u.Profile.EmailVerified = true })
	}
	err := b.Memory.Update(b.ctx(ctx), was, change)
	if b.reassures && errors.Is(err, legacy.ErrConflict) {
		return nil
	}
	return b.err(err)
}

func (b *breaking) Delete(ctx context.Context, was legacy.User) error {
	if b.softGet {
		b.Change(was.ID, func(u *legacy.User) { u.Email, u.Username, u.Phone = "", "", "" })
		return nil
	}
	if b.blind {
		if now, err := b.Get(ctx, was.ID); err == nil {
			was = now
		}
	}
	return b.err(b.Memory.Delete(b.ctx(ctx), was))
}

// TestMemoryWriter runs the suite on the store that tests of other packages use.
func TestMemoryWriter(t *testing.T) {
	t.Parallel()
	RunWriter(t, memoryHarness(func(*breaking) {}))
}

// TestMemoryWritesNothing: without leave nothing is written.
func TestMemoryWritesNothing(t *testing.T) {
	t.Parallel()
	RunWriter(t, memoryHarness(func(b *breaking) { b.Allow = legacy.Writes{} }))
}

// TestWriterSuiteFails breaks the contract in one way at a time, and shows which rule notices.
func TestWriterSuiteFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule   string
		change func(*breaking)
	}{
		{"insert", func(b *breaking) { b.sameKey = true }},
		{"insert taken", func(b *breaking) { b.takesTaken = true }},
		{"insert taken", func(b *breaking) { b.vague = true }},
		{"password", func(b *breaking) { b.writesUnnamed = true }},
		{"password stale", func(b *breaking) { b.blind = true }},
		{"password stale", func(b *breaking) { b.reassures = true }},
		{"identifier stale", func(b *breaking) { b.blind = true }},
		{"password race", func(b *breaking) { b.blind = true }},
		{"each field", func(b *breaking) { b.writesUnnamed = true }},
		{"identifier taken", func(b *breaking) { b.halves = true }},
		{"field not named", func(b *breaking) { b.Allow.Email = false; b.refusesDown = true }},
		{"delete", func(b *breaking) { b.softGet = true }},
		{"delete stale", func(b *breaking) { b.blind = true }},
		{"nobody", func(b *breaking) { b.makesNobody = true }},
		{"not sent", func(b *breaking) { b.ignoresContext = true }},
		{"too long", func(b *breaking) { b.cuts = true }},
		{"too long", func(b *breaking) { b.tells = true }},
		{"down", func(b *breaking) { b.refusesDown = true }},
		{"down", func(b *breaking) { b.tells = true }},
	} {
		i := slices.IndexFunc(writerRules(), func(r writerRule) bool { return r.name == tt.rule })
		if i < 0 {
			t.Fatalf("there is no rule %q", tt.rule)
		}
		if err := applyWriter(t, memoryHarness(tt.change), writerRules()[i]); err == nil {
			t.Errorf("rule %q notices nothing", tt.rule)
		}
	}
}

// TestLostAnswer: the write is done, and whoever asked cannot know it.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	m := NewMemory(legacy.User{ID: "1", Username: "anna", Password: &legacy.Stored{Hash: "h"}})
	m.Allow = AllowAll(legacy.Stored{Hash: "h"})
	m.LoseAnswers(errors.New("broken pipe"))
	was, err := m.Get(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	mail := "anna@example.org"
	if err := m.Update(t.Context(), was, legacy.Change{Email: &mail}); answerOf(err) != isUnknown {
		t.Errorf("%v, want that nobody knows", err)
	}
	if now, err := m.Get(t.Context(), "1"); err != nil || now.Email != mail || m.Written.Load() != 1 {
		t.Errorf("%d writes, %v", m.Written.Load(), err)
	}
}
