package legacy

import (
	"context"
	"errors"
)

// ErrNotCounted: the source cannot tell how many people it has without reading all of them.
var ErrNotCounted = errors.New("the source cannot count its people without reading them all")

// Counter is a Source that can tell how many people it has.
type Counter interface {
	// Count returns how many people a walk from end to end would meet, those among them whose record cannot be read. It may take
	// as long as ctx lets it, and what it takes is no sign of how the source does. ErrNotCounted is for ever, as the source is
	// configured; every other error means "cannot tell now".
	Count(ctx context.Context) (int64, error)
}
