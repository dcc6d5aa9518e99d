package nemesis

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"rekey/accounts/phase"
	"rekey/cmd/chaos/stage"
)

// A walker moves the phase as an operator does, one move at a time.
type walker struct {
	stage  *stage.Stage
	client *http.Client
	mu     sync.Mutex
}

// moveFor is how long a move may take: as long as the lease of a process that hangs, and what it does meanwhile.
const moveFor = 25 * time.Second

func newWalker(s *stage.Stage) *walker {
	return &walker{stage: s, client: &http.Client{Timeout: moveFor, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// walk asks one gateway for a move, and tells what came of it.
func (w *walker) walk(ctx context.Context, gateway int, to phase.Phase) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	begin := time.Now()
	status, text, err := w.move(ctx, gateway, to)
	if err != nil {
		return fmt.Sprintf("       to %s: no answer", to)
	}
	if status != http.StatusOK {
		return fmt.Sprintf("       to %s: %d after %s: %s", to, status, round(time.Since(begin)), text)
	}
	return fmt.Sprintf("       in %s after %s", to, round(time.Since(begin)))
}

// state reads where the installation is, from the store.
func (w *walker) state(ctx context.Context) (s phase.State, err error) {
	var text string
	if err := w.stage.New.QueryRowContext(ctx, `SELECT state FROM phase`).Scan(&text); err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

func (w *walker) move(ctx context.Context, gateway int, to phase.Phase) (status int, text string, err error) {
	s, err := w.state(ctx)
	if err != nil {
		return 0, "", err
	}
	if s.Moving() && to != s.To && to != s.Phase {
		to = s.To // first that which is under way
	}
	body, err := json.Marshal(map[string]any{"to": to.String(), "reason": "chaos"})
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.stage.Gateways[gateway].Admin+"/admin/v1/phase", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+w.stage.Token)
	req.Header.Set("If-Match", strconv.Quote(strconv.FormatInt(s.Epoch, 10)))
	res, err := w.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	answer, err := io.ReadAll(io.LimitReader(res.Body, 400))
	return res.StatusCode, string(answer), err
}

// end goes on with a move that is under way until there is none.
func (w *walker) end(ctx context.Context) error {
	for ctx.Err() == nil {
		s, err := w.state(ctx)
		if err != nil || !s.Moving() {
			return err
		}
		w.walk(ctx, 0, s.To)
		wait(ctx, 100*time.Millisecond)
	}
	return ctx.Err()
}
