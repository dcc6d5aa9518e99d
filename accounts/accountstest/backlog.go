package accountstest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// refused claims the delivery of an account that is due first, and has it refused for an hour.
func refused(t *testing.T, s accounts.Store, want accounts.Delivery) {
	t.Helper()
	d := claim(t, s, now(), &want)
	is(t, "PostponeDelivery", s.PostponeDelivery(t.Context(), d, now().Add(time.Hour), "too long"), nil)
}

func testDeliveries(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	create(t, s, ada)
	create(t, s, bert)
	a1, b1, a2 := owe(t, s, ada, 1), owe(t, s, bert, 1), owe(t, s, ada, 2)
	refused(t, s, a1)
	for what, test := range map[string]struct {
		q    accounts.DeliveryQuery
		want []accounts.Delivery
	}{
		"all":                {accounts.DeliveryQuery{Limit: 10}, []accounts.Delivery{a1, b1, a2}},
		"a page":             {accounts.DeliveryQuery{Limit: 2}, []accounts.Delivery{a1, b1}},
		"the next page":      {accounts.DeliveryQuery{After: b1.ID, Limit: 2}, []accounts.Delivery{a2}},
		"behind the last":    {accounts.DeliveryQuery{After: a2.ID, Limit: 2}, nil},
		"an account's":       {accounts.DeliveryQuery{Account: ada.ID, Limit: 10}, []accounts.Delivery{a1, a2}},
		"refused":            {accounts.DeliveryQuery{Refused: true, Limit: 10}, []accounts.Delivery{a1}},
		"another's, refused": {accounts.DeliveryQuery{Account: bert.ID, Refused: true, Limit: 10}, nil},
		"nobody's":           {accounts.DeliveryQuery{Account: uuid.Must(uuid.NewV7()), Limit: 10}, nil},
		"none":               {accounts.DeliveryQuery{}, nil},
	} {
		got, err := s.Deliveries(t.Context(), test.q)
		is(t, "Deliveries, "+what, err, nil)
		if !slices.EqualFunc(got, test.want, func(a, b accounts.Delivery) bool { return a.ID == b.ID }) {
			t.Errorf("%s: %d deliveries, want %d in their order", what, len(got), len(test.want))
		}
	}
	got, err := s.Deliveries(t.Context(), accounts.DeliveryQuery{Limit: 1})
	is(t, "Deliveries", err, nil)
	if len(got) == 1 {
		want := a1
		want.NextAt, want.Version, want.Attempts, want.Fence, want.Refused = stored(now().Add(time.Hour)), 2, 1, 1, "too long"
		same(t, "a delivery that was refused", got[0], want)
	}
}

func testTryNow(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert, carl := Person("Ada"), Person("Bert"), Person("Carl")
	for _, r := range []accounts.Record{ada, bert, carl} {
		create(t, s, r)
	}
	a1 := owe(t, s, ada, 1)
	refused(t, s, a1)
	a2, b1 := owe(t, s, ada, 2), owe(t, s, bert, 1)
	refused(t, s, b1)
	c1 := owe(t, s, carl, 1)
	held := claim(t, s, now(), &c1)
	asks := func(account uuid.UUID, at time.Time, want int64) {
		t.Helper()
		n, err := s.Postponed(t.Context(), account, at)
		is(t, "Postponed", err, nil)
		same(t, "postponed", n, want)
		n, err = s.TryNow(t.Context(), account, at, Event(account, accounts.EventTriedNow))
		is(t, "TryNow", err, nil)
		same(t, "tried now", n, want)
	}
	told := func(account uuid.UUID, want ...string) {
		t.Helper()
		all, err := s.RecentEvents(t.Context(), accounts.EventQuery{Account: account, Limit: 100})
		is(t, "RecentEvents", err, nil)
		var got []string
		for _, e := range all {
			if e.Kind == accounts.EventTriedNow && e.AccountID == account {
				got = append(got, e.Detail["deliveries"])
			}
		}
		same(t, "events", got, want)
	}
	claim(t, s, now(), nil)
	asks(ada.ID, now(), 1) // the second is due, and waits for the first
	asks(ada.ID, now(), 0)
	told(ada.ID, "1")
	asks(uuid.Must(uuid.NewV7()), now(), 0)
	got := claim(t, s, now(), &a1)
	same(t, "attempts", got.Attempts, 2)
	same(t, "what was said", got.Refused, "too long")
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), got, accounts.Finish{Event: Event(ada.ID, accounts.EventDelivered)}), nil)
	claim(t, s, now(), &a2)
	asks(uuid.Nil, now(), 1) // bert's; the others are under way
	told(uuid.Nil, "1")
	claim(t, s, now(), &b1)
	is(t, "PostponeDelivery", s.PostponeDelivery(t.Context(), held, now().Add(time.Hour), "no"), nil)
	asks(uuid.Nil, now(), 1)
	told(uuid.Nil, "1", "1")
	claim(t, s, now(), &c1)
}
