package mapping

import (
	"context"
	"errors"
	"time"

	"rekey/legacy"
)

// tell says how a question went. That nobody is there, that too many are, and that a record cannot be read are answers; a
// question that its caller gave up says nothing of the source.
func (m *Mapping) tell(ctx context.Context, begun time.Time, people int, err error) {
	if m.asked == nil || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	if errors.Is(err, legacy.ErrNoUser) || errors.Is(err, legacy.ErrTooMany) {
		err = nil
	}
	_, err = legacy.RowErrors(err)
	m.asked(time.Since(begun), people, err)
}
