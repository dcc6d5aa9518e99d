package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxUnderWay = 256              // logins at once
	loginWait   = 10 * time.Second // a person's patience
	wrongEvery  = 20               // one login in so many has a slip of the finger
	activeShare = 5                // one person in so many is active, so that second logins happen soon
)

// traffic is people who log in by themselves. Its pace does not depend on the answers (an open loop), as that of real
// people does not.
type traffic struct {
	people  []*person
	url     string
	client  *http.Client
	logins  sync.WaitGroup
	slots   chan struct{}
	skipped atomic.Int64
}

func newTraffic(people []*person, url string) *traffic {
	return &traffic{
		people: people, url: url, slots: make(chan struct{}, maxUnderWay),
		client: &http.Client{Timeout: loginWait, Transport: &http.Transport{MaxIdleConnsPerHost: maxUnderWay}},
	}
}

// run begins perSecond logins a second until ctx ends. It returns at once.
func (t *traffic) run(ctx context.Context, perSecond float64) {
	if perSecond <= 0 {
		return
	}
	t.logins.Go(func() {
		tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case t.slots <- struct{}{}:
				t.logins.Go(func() {
					defer func() { <-t.slots }()
					t.login(context.WithoutCancel(ctx)) // what was begun is ended, while the gateway drains
				})
			default:
				t.skipped.Add(1)
			}
		}
	})
}

// wait returns when the last login has ended.
func (t *traffic) wait() {
	t.logins.Wait()
	t.client.CloseIdleConnections()
}

// login is one person's attempt. What comes of it is counted by the gateway.
func (t *traffic) login(ctx context.Context) {
	p := t.someone()
	password := p.password
	if rand.IntN(wrongEvery) == 0 { //nolint:gosec // chance, not a secret
		password += "?"
	}
	body, err := json.Marshal(map[string]string{"identifier": p.username, "password": password})
	if err != nil {
		return // strings always encode
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return // the address was listened on
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := t.client.Do(request)
	if err != nil {
		return // the gateway has closed its door
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
}

// someone picks at random: half of the time one of the active people, else anybody.
func (t *traffic) someone() *person {
	n := len(t.people)
	if rand.IntN(2) == 0 { //nolint:gosec // chance, not a secret
		n = max(n/activeShare, 1)
	}
	return t.people[rand.IntN(n)] //nolint:gosec // chance, not a secret
}
