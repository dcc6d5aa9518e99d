package accounts

import (
	"context"
	"errors"
	"slices"

	"rekey/legacy"
)

// Who of a batch goes by themselves, and who is not moved at all; see rules 1 and 5 of bulk.go.

// refuse counts somebody who cannot be moved, and is to be put into quarantine.
func (b *bulk) refuse(no Unmoved) {
	b.tally.Refuse(no.Class, no.LegacyID)
	b.refused = append(b.refused, no)
}

// quarantine writes down who cannot be moved.
func (b *bulk) quarantine(ctx context.Context) error {
	if len(b.refused) == 0 || b.DryRun {
		return nil
	}
	// A store that answers for nobody is not one that does not answer for somebody.
	if slices.ContainsFunc(b.refused, func(no Unmoved) bool { return no.Class == NoteTimeout }) {
		if err := b.answered(ctx); err != nil {
			return err
		}
	}
	_, err := b.NoteRefused(ctx, b.refused, b.By)
	if err == nil {
		b.refused = nil
	}
	return err
}

// giveUpAfter is how many people in a row may be without an answer before a batch is given up.
const giveUpAfter = 3

// alone moves one person by themselves, and counts what came of them, or has them tried once more. Its error ends the batch.
func (b *bulk) alone(ctx context.Context, legacyID string) error {
	err := b.try(ctx, legacyID)
	if !errors.As(err, new(*UnavailableError)) {
		b.unanswered = 0
		return err
	}
	// A store that does not answer for one person may be about to answer for nobody.
	if b.unanswered++; b.unanswered >= giveUpAfter || ctx.Err() != nil {
		return err
	}
	if no, refused := UnmovedBy(LegacyKey{b.Source, legacyID}, err); refused {
		b.refuse(no)
		return nil
	}
	b.later = append(b.later, legacyID)
	return nil
}

// onceMore tries those again who were without an answer. Where their store answers for nobody, that is the batch's error.
func (b *bulk) onceMore(ctx context.Context) error {
	if len(b.later) == 0 {
		return nil
	}
	if err := b.answered(ctx); err != nil {
		return err
	}
	for _, id := range b.later {
		err := b.try(ctx, id)
		switch {
		case err == nil:
		case !errors.As(err, new(*UnavailableError)) || ctx.Err() != nil:
			return err
		default:
			b.tally.NotAnswered++
		}
	}
	b.later = nil
	return nil
}

// answered fails unless the old stores answer: who goes by themselves is asked for in all of them.
func (b *bulk) answered(ctx context.Context) error {
	if _, err := b.Again(ctx); err != nil {
		return err
	}
	for _, source := range b.sources {
		if pinger, ok := source.Source.(legacy.Pinger); ok && source.Name != b.Source {
			if err := pinger.Ping(ctx); err != nil {
				return cannotTell("ask the legacy store "+source.Name, err)
			}
		}
	}
	return nil
}

// try moves one person, and counts what came of them: that they are refused, too. Its error is an *UnavailableError if that cannot be
// told.
func (b *bulk) try(ctx context.Context, legacyID string) error {
	outcome, err := b.Migrate(ctx, Migration{
		Source: b.Source, LegacyID: legacyID, Hash: b.Hash, How: BySweep, By: b.By, DryRun: b.DryRun, Untold: true, Contested: b.Contested,
	})
	no, refused := errors.AsType[*UnmovableError](err)
	switch {
	case err == nil:
		b.tally.Outcomes[outcome]++
	case refused:
		b.refuse(Unmoved{LegacyKey{b.Source, legacyID}, no.Class, no.Reason})
		return nil
	}
	return err
}
