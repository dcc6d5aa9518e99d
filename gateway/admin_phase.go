package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// numberTag is the ETag of what has a number that grows with every change: the epoch of the phase, the version of the settings.
func numberTag(number int64) string { return strconv.Quote(strconv.FormatInt(number, 10)) }

// showPhase serves GET /admin/v1/phase.
func (g *Gateway) showPhase(c echo.Context) error {
	view, err := g.accounts.Phase(c.Request().Context())
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", numberTag(view.State.Epoch))
	return c.JSON(http.StatusOK, view)
}

// listReplicas serves GET /admin/v1/replicas: who serves, and who did in the last hour.
func (g *Gateway) listReplicas(c echo.Context) error {
	replicas, err := g.accounts.Replicas(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"replicas": replicas})
}

// moveTimeout is how long a move may take that is asked for over HTTP. A replica that hangs holds it up for 10 s; a request
// that an older epoch has to wait for may take 20 s. The people of large old stores are better counted at the command line,
// which has no limit.
const moveTimeout = 5 * time.Minute

// movedPhase is what a move has done, or would do.
type movedPhase struct {
	DryRun   bool             `json:"dry_run"`
	From     accounts.Epoch   `json:"from"`
	State    accounts.Epoch   `json:"state"`
	Epochs   []accounts.Epoch `json:"epochs"`
	Findings []phase.Finding  `json:"findings"`
}

// movePhase serves POST /admin/v1/phase. It answers when every live replica has arrived.
//
// A client that hangs up does not stop the move: it goes on to its end, for half-way the phase is frozen. A move that was
// cut off all the same, because this process was killed or the time was up, is gone on with by asking again.
func (g *Gateway) movePhase(c echo.Context) error {
	m, err := readMove(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), moveTimeout)
	defer cancel()
	err = http.NewResponseController(c.Response()).SetWriteDeadline(g.now().Add(moveTimeout + 10*time.Second))
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("set the deadline of the answer: %w", err)
	}
	m.Progress = g.logProgress(ctx, requestID(c))
	report, err := g.makeMove(ctx, m)
	if err != nil {
		return err
	}
	steps := accounts.EpochsOf(append([]phase.State{report.From}, report.Steps...))
	answer := movedPhase{DryRun: m.DryRun, From: steps[0], State: steps[len(steps)-1], Epochs: steps[1:], Findings: report.Findings}
	if answer.Findings == nil {
		answer.Findings = []phase.Finding{}
	}
	if m.DryRun {
		answer.State = answer.From
	}
	c.Response().Header().Set("ETag", numberTag(answer.State.Epoch))
	return c.JSON(http.StatusOK, answer)
}

// makeMove makes it. From both to shadow there is a quicker way than along the plan, which also is there while the copies
// of both are about to be trusted.
func (g *Gateway) makeMove(ctx context.Context, m accounts.PhaseMove) (accounts.PhaseReport, error) {
	if m.To == phase.Shadow {
		report, err := g.accounts.Relax(ctx, m)
		if _, notBoth := errors.AsType[*phase.MoveError](err); !notBoth {
			return report, err
		}
	}
	return g.accounts.MovePhase(ctx, m)
}

// logProgress notes whom a move waits for, each time that it is for others.
func (g *Gateway) logProgress(ctx context.Context, request string) func(accounts.PhaseStep) {
	said := ""
	return func(s accounts.PhaseStep) {
		names := make([]string, len(s.Missing))
		for i, r := range s.Missing {
			names[i] = r.Name
		}
		if text := fmt.Sprint(s.State.Epoch, names); len(names) > 0 && text != said {
			said = text
			g.log.LogAttrs(ctx, slog.LevelInfo, "a move of the phase waits", slog.String("request_id", request),
				slog.Int64("epoch", s.State.Epoch), slog.Any("replicas", names))
		}
	}
}

// readMove reads a request for a move.
func readMove(c echo.Context) (m accounts.PhaseMove, err error) {
	var to string
	var percent, abandon json.Number
	m.By, err = change(c, field{name: "to", value: &to}, field{name: "percent", number: &percent, optional: true},
		field{name: "dry_run", truth: &m.DryRun, optional: true}, field{name: "abandon", number: &abandon, optional: true},
		field{name: "leave_backlog", truth: &m.LeaveBacklog, optional: true})
	if err != nil {
		return m, err
	}
	if m.To, err = phase.ParsePhase(to); err != nil {
		return m, invalid("to", "must be a phase: legacy-only, shadow, both, ramp, new-first or new-only")
	}
	if percent != "" {
		if m.Percent, err = phase.ParsePercent(percent.String()); err != nil {
			return m, invalid("percent", "must be 0 to 100 with at most two decimals")
		}
	}
	if abandon != "" {
		n, err := strconv.ParseUint(abandon.String(), 10, 31)
		if err != nil {
			return m, invalid("abandon", "must be a number of people")
		}
		m.Abandon = new(int(n))
	}
	m.Epoch, err = ifMatch(c, "/admin/v1/phase")
	return m, err
}

// errUnmatched: a change that depends on what was seen does not say what that was.
var errUnmatched = errors.New("If-Match is missing")

// ifMatch reads the number that the client has seen, of what is at a path. A list, a weak tag and * are refused: they would
// not say which.
func ifMatch(c echo.Context, of string) (int64, error) {
	values := c.Request().Header.Values("If-Match")
	if len(values) == 0 {
		return 0, errUnmatched
	}
	inner, quoted := strings.CutPrefix(values[0], `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	number, err := strconv.ParseInt(inner, 10, 64)
	if len(values) > 1 || !quoted || !closed || err != nil || number < 1 || values[0] != numberTag(number) {
		return 0, invalid("If-Match", "must be the one ETag of GET "+of)
	}
	return number, nil
}

// reasons are why the phase stays as it is: all of them.
type reasons struct {
	Reasons []phase.Reason  `json:"reasons,omitempty"` // of the plan
	Gates   []phase.Finding `json:"gates,omitempty"`   // those that hold the move up
}

func (r reasons) none() bool { return len(r.Reasons)+len(r.Gates) == 0 }

// phaseReasons returns those that an error holds.
func phaseReasons(err error) (r reasons) {
	if illegal, ok := errors.AsType[*phase.MoveError](err); ok {
		r.Reasons = illegal.Reasons
	}
	if held, ok := errors.AsType[*accounts.GateError](err); ok {
		r.Gates = held.Blockers
	}
	return r
}
