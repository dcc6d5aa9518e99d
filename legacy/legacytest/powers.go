package legacytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rekey/legacy"
)

// What a source may do besides, each as a rule that asks whether it can.

// getMany reads everybody at once, nobody, and some among keys that are not there or cannot be.
func getMany(ctx context.Context, h *harness, getter legacy.Getter) error {
	var all []string
	for _, p := range h.people {
		all = append(all, p.ID)
	}
	nobody := []string{"", "0", "11", "01", "1 ", "anna", "1' OR '1'='1", "1\x00", "\xff", "99999999999999999999999999", "😀", strings.Repeat("1", 5000)}
	for _, ask := range []struct{ ids, want []string }{
		{all, all}, {nil, nil}, {nobody, nil}, {append([]string{"205", "3", "205", "3"}, nobody...), []string{"3", "205"}},
	} {
		users, err := legacy.GetMany(ctx, getter, ask.ids)
		if err != nil {
			return fmt.Errorf("GetMany of %d keys: %w", len(ask.ids), err)
		}
		var got []string
		for _, u := range users {
			got = append(got, u.ID)
			if slices.Contains(ask.want, u.ID) {
				if err := samePerson(u, h.person(u.ID)); err != nil {
					return err
				}
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(ask.want)); !slices.Equal(got, want) {
			return fmt.Errorf("GetMany of %d keys found %v, want %v", len(ask.ids), got, want)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := legacy.GetMany(cancelled, getter, all)
	return unknown("GetMany under a cancelled context", err)
}

// search looks for people by a part of what they log in with.
func search(ctx context.Context, h *harness) error {
	searcher, ok := h.source.(legacy.Searcher)
	if !ok || !searcher.Searches() {
		return nil
	}
	find := func(part string, limit int) ([]string, error) {
		users, err := searcher.Search(ctx, part, limit)
		if err != nil {
			return nil, fmt.Errorf("Search(%.40q): %w", part, err)
		}
		var ids []string
		for _, u := range users {
			if err := samePerson(u, h.person(u.ID)); err != nil {
				return nil, err
			}
			ids = append(ids, u.ID)
		}
		slices.SortFunc(ids, byNumber)
		return ids, nil
	}
	for part, want := range map[string][]string{
		"anna@ex": {"1"}, "NNA@EXAMPLE": {"1"}, "bob@": {"2"}, "meless@example.or": {"4"}, "twice@example.org": {"6"}, "shared@": {"7", "8"},
		"дарья@": {"3"}, "@example.org": {"1", "2", "4", "6", "7", "8", "9", "10", "205"},
		"": nil, "nobody@": nil, "[a-z]nna@": nil, "a%@example": nil, "ann_@example": nil, "!@example": nil, `\@example`: nil,
		"' OR '1'='1": nil, "an\x00na": nil, "\xff": nil, "😀": nil, strings.Repeat("a", 5000): nil,
	} {
		got, err := find(part, 100)
		if err != nil {
			return err
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("Search(%.40q) found %v, want %v", part, got, want)
		}
	}
	for _, part := range []string{"%", "_", "0%_s"} { // they are in one name, which need not be searched
		got, err := find(part, 100)
		if err != nil {
			return err
		}
		if len(got) > 0 && !slices.Equal(got, []string{"10"}) {
			return fmt.Errorf("Search(%q) found %v", part, got)
		}
	}
	got, err := find("@example.org", 3)
	if err == nil && len(got) != 3 {
		err = fmt.Errorf("Search for 3 people found %d", len(got))
	}
	if err != nil {
		return err
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = searcher.Search(cancelled, "anna@", 10)
	return unknown("Search under a cancelled context", err)
}

// findMany asks for everybody at once, nobody, and some among spellings that nobody has or can have. Who has several of them may come
// more than once.
func findMany(ctx context.Context, h *harness) error {
	finder := legacy.FindsMany(h.source)
	if finder == nil {
		return nil
	}
	var everybody, all []string
	for _, p := range h.people {
		everybody, all = append(everybody, p.Identifiers()...), append(all, p.ID)
	}
	nobody := []string{"", "nobody", "' OR '1'='1", "an\x00na", "\xff", "😀", strings.Repeat("a", 5000), "%", "ann_"}
	for i := range 3000 {
		nobody = append(nobody, fmt.Sprintf("nobody%d@example.org", i))
	}
	for _, ask := range []struct{ spellings, want []string }{
		{everybody, all}, {nil, nil}, {nobody, nil}, {append([]string{"anna", "shared@example.org", "anna"}, nobody...), []string{"1", "7", "8"}},
		{slices.Concat(nobody, everybody), all},
	} {
		users, err := finder.FindMany(ctx, ask.spellings)
		if err != nil {
			return fmt.Errorf("FindMany of %d spellings: %w", len(ask.spellings), err)
		}
		var got []string
		for _, u := range users {
			if slices.Contains(all, u.ID) {
				if err := samePerson(u, h.person(u.ID)); err != nil {
					return err
				}
			}
			got = append(got, u.ID)
		}
		slices.SortFunc(got, byNumber)
		if got = slices.Compact(got); !slices.Equal(got, ask.want) {
			return fmt.Errorf("FindMany of %d spellings found %v, want %v", len(ask.spellings), got, ask.want)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := finder.FindMany(cancelled, everybody)
	return unknown("FindMany under a cancelled context", err)
}

// count compares what a source counts with how many there are.
func count(ctx context.Context, h *harness) error {
	counter, ok := h.source.(legacy.Counter)
	if !ok {
		return nil
	}
	n, err := counter.Count(ctx)
	switch {
	case errors.Is(err, legacy.ErrNotCounted):
		return nil
	case err != nil:
		return fmt.Errorf("Count: %w", err)
	case n != int64(len(h.people)):
		return fmt.Errorf("Count counts %d people, want %d", n, len(h.people))
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = counter.Count(cancelled)
	return unknown("Count under a cancelled context", err)
}

// cut cuts the source into pieces of n and lists each by pages of two.
func cut(ctx context.Context, h *harness, cutter legacy.Cutter, n int) error {
	const page = 2
	var got []string
	for after, through := "", "-"; through != ""; after = through {
		var err error
		if through, err = cutter.Cut(ctx, after, n); err != nil {
			return err
		}
		ids, err := piece(h, after, page, func(after string) ([]legacy.User, error) { return cutter.ListTo(ctx, after, through, page) })
		if err != nil {
			return err
		}
		if len(ids) > n || through != "" && (len(ids) < n || ids[n-1] != through) {
			return fmt.Errorf("a piece of %d people up to %q: %v", n, through, ids)
		}
		if got = append(got, ids...); len(got) > len(h.people) {
			break
		}
	}
	return h.everybody(got)
}

// piece lists by pages of limit, and returns whom it meets.
func piece(h *harness, after string, limit int, list func(after string) ([]legacy.User, error)) ([]string, error) {
	var got []string
	for {
		page, err := list(after)
		if err != nil {
			return nil, err
		}
		if len(page) > limit {
			return nil, fmt.Errorf("a page of %d people", len(page))
		}
		for _, u := range page {
			if err := samePerson(u, h.person(u.ID)); err != nil {
				return nil, err
			}
			got = append(got, u.ID)
		}
		if len(page) < limit || len(got) > len(h.people) {
			return got, nil
		}
		after = page[len(page)-1].ID
	}
}
