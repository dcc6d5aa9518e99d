package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/sweeper/governor"
)

// A sweepCheck is a question of the operator's own that a sweep is held by.
type sweepCheck struct {
	name  string
	limit governor.Limit
	ask   func(context.Context) (float64, error)
	wait  time.Duration // for the answer
	close func()

	mu    sync.Mutex
	value float64
	at    time.Time // when it was answered the last time, or was to be for the first
}

const (
	sweepCheckEvery   = 5 * time.Second
	sweepCheckTimeout = 2 * time.Second
	sweepCheckBody    = 1 << 10 // bytes: a number and what is around it
)

// A readTxer is a database that can be asked in a transaction that does not write.
type readTxer interface {
	ReadTx(ctx context.Context) (*sql.Tx, error)
}

// newSweepChecks prepares the checks. It asks nobody. The configuration has been checked.
func newSweepChecks(c *config.Config, store *sqlstore.Store, sources []*source) ([]*sweepCheck, error) {
	var checks []*sweepCheck
	for _, check := range c.Sweeper.Checks {
		made, err := newSweepCheck(check, store, sources)
		if err != nil {
			return nil, err
		}
		checks = append(checks, made)
	}
	return checks, nil
}

// newSweepCheck prepares one, of the new store or of its source, which is one of these.
func newSweepCheck(check config.SweepCheck, store readTxer, sources []*source) (*sweepCheck, error) {
	made := &sweepCheck{name: check.Name, limit: check.Limit(), wait: sweepCheckTimeout, at: time.Now(), close: func() {}}
	if check.SQL == "" {
		client := newCheckClient()
		made.close = client.CloseIdleConnections
		made.ask = func(ctx context.Context) (float64, error) {
			return askHTTP(ctx, client, check.HTTP.Reveal(), check.Status())
		}
		return made, nil
	}
	from := store
	for _, source := range sources {
		if source.name == check.Source {
			var ok bool
			if from, ok = source.adapter.(readTxer); !ok {
				return nil, fmt.Errorf("sweeper check %s: source %s takes no queries", check.Name, check.Source)
			}
		}
	}
	made.ask = func(ctx context.Context) (float64, error) { return askSQL(ctx, from, check.SQL) }
	return made, nil
}

// run asks until ctx ends. The log is told when an answer fails to come, and when it comes again.
func (c *sweepCheck) run(ctx context.Context, log *slog.Logger) {
	defer c.close()
	tick := time.NewTicker(sweepCheckEvery)
	defer tick.Stop()
	for failed := false; ; {
		err := c.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failed:
			log.WarnContext(ctx, "a check that sweeps are held by has no answer; they stop until it has", "check", c.name, "reason", err)
		case err == nil && failed:
			log.InfoContext(ctx, "a check that sweeps are held by is answered again", "check", c.name)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// once asks once. Its error holds nothing of what the other side said.
func (c *sweepCheck) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	value, err := c.ask(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded), err != nil && ctx.Err() != nil:
		return errCheckLate
	case err != nil:
		return err
	case math.IsNaN(value) || math.IsInf(value, 0):
		return errCheckNumber
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value, c.at = value, time.Now()
	return nil
}

// Why a check has no answer.
var (
	errCheckLate   = errors.New("no answer in two seconds")
	errCheckNumber = errors.New("the answer is not one number")
	errCheckQuery  = errors.New("the database does not answer the query")
	errCheckHTTP   = errors.New("the address does not answer")
)

// reading is the newest answer.
func (c *sweepCheck) reading() governor.Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return governor.Reading{Signal: governor.Check, Of: c.name, Value: c.value, At: c.at, Limit: &c.limit}
}

// askSQL returns the one number that a query has as its answer.
func askSQL(ctx context.Context, from readTxer, query string) (float64, error) {
	tx, err := from.ReadTx(ctx)
	if err != nil {
		return 0, errCheckQuery
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return 0, errCheckQuery
	}
	defer func() { _ = rows.Close() }() // what is behind the first row does not count
	if !rows.Next() {
		if rows.Err() != nil {
			return 0, errCheckQuery
		}
		return 0, errCheckNumber
	}
	var value float64 // which takes numbers that come as text too, and no NULL
	if err := rows.Scan(&value); err != nil {
		return 0, errCheckNumber
	}
	if rows.Next() {
		return 0, errCheckNumber
	}
	if rows.Err() != nil {
		return 0, errCheckQuery
	}
	return value, nil
}

// newCheckClient follows no redirect: a login page is no good status.
func newCheckClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// askHTTP returns the number in the body, or, where the status counts, 0 for a good one and 1 for another.
func askHTTP(ctx context.Context, client *http.Client, address string, status bool) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, errCheckHTTP
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, errCheckHTTP
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, sweepCheckBody+1))
	good := answer.StatusCode >= 200 && answer.StatusCode < 300
	switch {
	case status && good:
		return 0, nil
	case status:
		return 1, nil
	case err != nil:
		return 0, errCheckHTTP
	case !good:
		return 0, fmt.Errorf("the address answers %d", answer.StatusCode)
	}
	return parseNumber(body)
}

// parseNumber reads a body that is one number.
func parseNumber(body []byte) (float64, error) {
	text := strings.TrimSpace(string(body))
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || len(body) > sweepCheckBody || strings.ContainsAny(text, "xXpP_") || math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, errCheckNumber
	}
	return value, nil
}
