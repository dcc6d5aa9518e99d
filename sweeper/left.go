package sweeper

import (
	"context"
	"fmt"
	"time"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/sweeper/survey"
)

// A Left is who of a source is left, by when they were last seen, and how many of them will come by themselves.
type Left struct {
	Source     string `json:"source"`
	Unreadable int64  `json:"unreadable"` // records; they are not among the people
	survey.Rest
}

// leftPage is how many people are read at a time.
const leftPage = 500

// ReadLeft walks sources from end to end, and says who is left in each. Memory does not grow with the people. progress is told, now
// and then, how many people of a source were read.
func ReadLeft(ctx context.Context, service *accounts.Service, sources []string, at time.Time, progress func(source string, people int64)) ([]Left, error) {
	since, err := service.MovingSince(ctx)
	if err != nil {
		return nil, err
	}
	var all []Left
	for _, source := range sources {
		rest, left, read := survey.NewRemainder(since, at), Left{Source: source}, int64(0)
		err := service.WalkLeft(ctx, source, leftPage, func(user legacy.User, left bool) error {
			if rest.Add(user, left); read%leftPage == 0 {
				progress(source, read)
			}
			read++
			return ctx.Err()
		}, func(*legacy.RowError) { left.Unreadable++ })
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", source, err)
		}
		left.Rest = rest.Rest()
		all = append(all, left)
	}
	return all, nil
}
