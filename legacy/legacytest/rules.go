package legacytest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rekey/legacy"
)

// rules lists the contract.
func rules() []rule {
	return []rule{
		{"every identifier", "a person is found by username, e-mail and phone, as stored", func(ctx context.Context, h *harness) error {
			for _, p := range h.people {
				for _, spelling := range p.Identifiers() {
					users, err := h.source.Lookup(ctx, spelling)
					if err != nil {
						return err
					}
					if !slices.ContainsFunc(users, func(u legacy.User) bool { return u.ID == p.ID }) {
						return fmt.Errorf("Lookup(%q) does not find person %s", spelling, p.ID)
					}
				}
			}
			return nil
		}},
		{"whole person", "what Lookup returns is the record as it stands: what is moved is made from it", func(ctx context.Context, h *harness) error {
			for _, p := range h.people {
				users, err := h.source.Lookup(ctx, p.Identifiers()...)
				if err != nil {
					return err
				}
				i := slices.IndexFunc(users, func(u legacy.User) bool { return u.ID == p.ID })
				if i < 0 {
					return fmt.Errorf("person %s is not found", p.ID)
				}
				if err := samePerson(users[i], p); err != nil {
					return err
				}
			}
			return nil
		}},
		{"nobody", "nobody is an empty answer and no error: an error would be shown as an outage", func(ctx context.Context, h *harness) error {
			return h.lookup(ctx, []string{"nobody@example.org"})
		}},
		{"no question", "without a spelling nobody is meant", func(ctx context.Context, h *harness) error {
			return h.lookup(ctx, nil)
		}},
		{"empty spelling", "an empty spelling is nobody's, though people without an e-mail have an empty one", func(ctx context.Context, h *harness) error {
			return errors.Join(h.lookup(ctx, []string{""}), h.lookup(ctx, []string{"", "anna"}, "1"))
		}},
		{"several spellings", "Lookup is the union over the spellings, each person once", func(ctx context.Context, h *harness) error {
			return h.lookup(ctx, []string{"anna", "anna@example.org", "anna", "carol", "nobody"}, "1", "7")
		}},
		{"same value twice", "a person who has the value in two columns is one person", func(ctx context.Context, h *harness) error {
			return h.lookup(ctx, []string{"twice@example.org"}, "6")
		}},
		{"contested value", "all who hold a value are returned: the caller must see that it is contested", func(ctx context.Context, h *harness) error {
			return h.lookup(ctx, []string{"shared@example.org"}, "7", "8")
		}},
		{"text is text", "a spelling is compared as text: no wildcard, number or quote in it means anything", func(ctx context.Context, h *harness) error {
			return errors.Join(
				h.lookup(ctx, []string{"0"}, "9"),
				h.lookup(ctx, []string{"205"}, "205"),
				h.lookup(ctx, []string{"o'brien"}, "5"),
				h.lookup(ctx, []string{"100%_sure"}, "10"),
				h.lookup(ctx, []string{
					"0abc", "00", "0.0", "-0", "0x0", "205.0", "2.05e2", "%", "an%", "ann_", "1", "true", "' OR '1'='1", `" OR ""="`,
					"anna'--", "anna\\", "anna;", "null", "NULL", "$1", "?", ":1", "@id", "😀", "anna😀",
				}),
			)
		}},
		{"hostile bytes", "what no store can hold is nobody's, and no reason to answer 503", func(ctx context.Context, h *harness) error {
			return errors.Join(
				h.lookup(ctx, []string{"an\x00na"}),
				h.lookup(ctx, []string{"\xff\xfe"}),
				h.lookup(ctx, []string{strings.Repeat("a", 100_000)}),
				h.lookup(ctx, []string{"an\x00na", "\xff", "carol"}, "7"),
			)
		}},
		{"own copy", "what a caller does to an answer changes no later one", func(ctx context.Context, h *harness) error {
			first, err := h.source.Lookup(ctx, "anna")
			if err != nil || len(first) != 1 {
				return fmt.Errorf("Lookup: %d people, error %v", len(first), err)
			}
			if p := first[0].Password; p != nil {
				p.Hash = "changed"
				for name := range p.Params {
					p.Params[name] = "changed"
				}
			}
			second, err := h.source.Lookup(ctx, "anna")
			if err != nil || len(second) != 1 {
				return fmt.Errorf("Lookup: %d people, error %v", len(second), err)
			}
			if p := second[0].Password; p != nil {
				for name, value := range p.Params {
					if value == "changed" {
						return fmt.Errorf("parameter %s is shared", name)
					}
				}
			}
			return samePerson(second[0], h.person("1"))
		}},
		{"at once", "a source is asked by many at once", func(ctx context.Context, h *harness) error {
			var all sync.WaitGroup
			errs := make([]error, 40)
			for i := range errs {
				all.Go(func() { errs[i] = h.lookup(ctx, []string{"anna", "carol"}, "1", "7") })
			}
			all.Wait()
			return errors.Join(errs...)
		}},
		{"cancelled", "who stops waiting gets an error: \"nobody\" would be a wrong answer", func(ctx context.Context, h *harness) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			users, err := h.source.Lookup(ctx, "anna")
			if err == nil {
				return fmt.Errorf("Lookup under a cancelled context: %d people and no error", len(users))
			}
			return unknown("Lookup", err)
		}},
		{"down", "a store that does not answer is \"cannot tell\", soon, and without its secrets", func(ctx context.Context, h *harness) error {
			return down(ctx, h)
		}},
		{"get", "Get reads by the store's own key, and finds the same record as Lookup", func(ctx context.Context, h *harness) error {
			getter, ok := h.source.(legacy.Getter)
			if !ok {
				return nil
			}
			for _, p := range h.people {
				got, err := getter.Get(ctx, p.ID)
				if err != nil {
					return fmt.Errorf("Get(%s): %w", p.ID, err)
				}
				if err := samePerson(got, p); err != nil {
					return err
				}
			}
			return nil
		}},
		{"get nobody", "a key that is not there, or cannot be one, is ErrNoUser; it is compared exactly, for it is a person", func(ctx context.Context, h *harness) error {
			getter, ok := h.source.(legacy.Getter)
			if !ok {
				return nil
			}
			for _, id := range []string{
				"", "0", "-1", "11", "999999", "01", "1 ", " 1", "1.0", "+1", "1e0", "0x1", "anna", "1abc", "1' OR '1'='1", "1\x00", "\xff",
				"9223372036854775807", "9223372036854775808", "18446744073709551615", "99999999999999999999999999", strings.Repeat("1", 5000),
				"00000000-0000-0000-0000-000000000000", "１", "1\n", "%",
			} {
				if u, err := getter.Get(ctx, id); !errors.Is(err, legacy.ErrNoUser) {
					return fmt.Errorf("Get(%.40q): person %q, error %v; want ErrNoUser", id, u.ID, err)
				}
			}
			cancelled, cancel := context.WithCancel(ctx)
			cancel()
			_, err := getter.Get(cancelled, "1")
			return unknown("Get under a cancelled context", err)
		}},
		{"get many", "GetMany finds of some keys those that Get finds, each once and the same record, whatever else is asked for beside them", func(ctx context.Context, h *harness) error {
			getter, ok := h.source.(legacy.Getter)
			if !ok {
				return nil
			}
			return getMany(ctx, h, getter)
		}},
		{"find many", "FindMany finds for many spellings, all at once, whom Lookup finds for each, and nobody else", findMany},
		{"search", "a part of an e-mail address finds whoever has it, in either letter case, and no character of it means anything", search},
		{"list", "walking page by page meets everybody once, in the order of the key, whatever the page", func(ctx context.Context, h *harness) error {
			lister, ok := h.source.(legacy.Lister)
			if !ok {
				return nil
			}
			for _, limit := range []int{1, 2, 3, len(h.people) - 1, len(h.people), len(h.people) + 1, 1000} {
				if err := walk(ctx, h, lister, limit); err != nil {
					return fmt.Errorf("pages of %d: %w", limit, err)
				}
			}
			return nil
		}},
		{"count", "a source that counts counts whom a walk would meet, and says so where it cannot: who is left is what they are compared by", count},
		{"cut", "the pieces of a cut are the whole: each person is in one of them, in the order of the key, whatever their size", func(ctx context.Context, h *harness) error {
			cutter, ok := h.source.(legacy.Cutter)
			if !ok || !cutter.Cuts() {
				return nil
			}
			for _, n := range []int{1, 2, 3, len(h.people) - 1, len(h.people), len(h.people) + 1, 1000} {
				if err := cut(ctx, h, cutter, n); err != nil {
					return fmt.Errorf("pieces of %d: %w", n, err)
				}
			}
			return nil
		}},
	}
}

// down asks a store that does not answer, in every way the source has.
func down(ctx context.Context, h *harness) error {
	source := h.Down(h.t)
	questions := map[string]func() error{
		"Lookup": func() error {
			_, err := source.Lookup(ctx, "anna")
			return err
		},
	}
	if getter, ok := source.(legacy.Getter); ok {
		questions["Get"] = func() error {
			_, err := getter.Get(ctx, "1")
			return err
		}
		questions["GetMany"] = func() error {
			_, err := legacy.GetMany(ctx, getter, []string{"1", "2"})
			return err
		}
	}
	if cutter, ok := source.(legacy.Cutter); ok && cutter.Cuts() {
		questions["Cut"] = func() error {
			_, err := cutter.Cut(ctx, "", 10)
			return err
		}
		questions["ListTo"] = func() error {
			_, err := cutter.ListTo(ctx, "1", "9", 10)
			return err
		}
	}
	if lister, ok := source.(legacy.Lister); ok {
		questions["List"] = func() error {
			_, err := lister.List(ctx, "", 10)
			return err
		}
	}
	if finder := legacy.FindsMany(source); finder != nil {
		questions["FindMany"] = func() error {
			_, err := finder.FindMany(ctx, []string{"anna", "bert"})
			return err
		}
	}
	if searcher, ok := source.(legacy.Searcher); ok && searcher.Searches() {
		questions["Search"] = func() error {
			_, err := searcher.Search(ctx, "anna", 10)
			return err
		}
	}
	if counter, ok := source.(legacy.Counter); ok {
		questions["Count"] = func() error {
			limited, cancel := context.WithTimeout(ctx, time.Second) // it has no other deadline
			defer cancel()
			_, err := counter.Count(limited)
			return err
		}
	}
	for name, ask := range questions {
		start := time.Now()
		err := ask()
		if err := unknown(name, err); err != nil {
			return err
		}
		if took := time.Since(start); took > answerWithin {
			return fmt.Errorf("%s took %v", name, took)
		}
		for _, secret := range h.Secrets {
			if strings.Contains(fmt.Sprintf("%v %+v %q", err, err, err), secret) {
				return fmt.Errorf("the error of %s tells a secret", name)
			}
		}
	}
	return nil
}

// unknown checks that err is an error that claims nothing about the person.
func unknown(what string, err error) error {
	switch {
	case err == nil:
		return fmt.Errorf("%s: no error", what)
	case errors.Is(err, legacy.ErrNoUser), errors.Is(err, legacy.ErrWrongPassword):
		return fmt.Errorf("%s claims to know: %w", what, err)
	}
	return nil
}

// walk lists everybody by pages of limit.
func walk(ctx context.Context, h *harness, lister legacy.Lister, limit int) error {
	got, err := piece(h, "", limit, func(after string) ([]legacy.User, error) { return lister.List(ctx, after, limit) })
	if err == nil {
		err = h.everybody(got)
	}
	return err
}

// everybody checks that these are all people, in the order of their keys.
func (h *harness) everybody(got []string) error {
	order := h.Order
	if order == nil {
		order = byNumber
	}
	var want []string
	for _, p := range h.people {
		want = append(want, p.ID)
	}
	slices.SortFunc(want, order)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the walk met %v, want %v", got, want)
	}
	return nil
}

func byNumber(a, b string) int {
	x, _ := strconv.Atoi(a) // the suite's keys are numbers
	y, _ := strconv.Atoi(b)
	return cmp.Compare(x, y)
}

// samePerson compares what the contract promises of a record. It prints no hash.
func samePerson(got, want legacy.User) error {
	switch {
	case got.ID != want.ID:
		return fmt.Errorf("person %s has the key %q", want.ID, got.ID)
	case got.Username != want.Username:
		return fmt.Errorf("person %s: username %q, want %q", want.ID, got.Username, want.Username)
	case got.Email != want.Email:
		return fmt.Errorf("person %s: e-mail %q, want %q", want.ID, got.Email, want.Email)
	case got.Phone != want.Phone:
		return fmt.Errorf("person %s: phone %q, want %q", want.ID, got.Phone, want.Phone)
	case got.Disabled != want.Disabled:
		return fmt.Errorf("person %s: disabled %v, want %v", want.ID, got.Disabled, want.Disabled)
	case !got.CreatedAt.Equal(want.CreatedAt):
		return fmt.Errorf("person %s: created at %v, want %v", want.ID, got.CreatedAt, want.CreatedAt)
	case !got.LastLoginAt.Equal(want.LastLoginAt):
		return fmt.Errorf("person %s: last login at %v, want %v", want.ID, got.LastLoginAt, want.LastLoginAt)
	case got.Password == nil: // a source that only verifies shows none
		return nil
	case got.Password.Hash != want.Password.Hash:
		return fmt.Errorf("person %s: the stored hash is not the one that was stored", want.ID)
	case got.Password.Salt != want.Password.Salt:
		return fmt.Errorf("person %s: the salt is not the one that was stored", want.ID)
	case got.Password.User != want.Username && got.Password.User != want.Email:
		return fmt.Errorf("person %s: the login name beside the hash is %q", want.ID, got.Password.User)
	}
	return nil
}
