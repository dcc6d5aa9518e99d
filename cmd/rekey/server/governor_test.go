package server_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

// A gateway tells what it measures, and how fast sweeps may go: nobody leads here, so not at all.
func TestGovernorMetrics(t *testing.T) {
	t.Parallel()
	const check = "sweeper: {checks: [{name: disk, sql: SELECT 0.5, hold: 0.9}]}\n"
	for name, more := range map[string]string{"sqlite": onSQLite(t) + check, "postgres": onPostgres(t) + check} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := serve(t, configured(t, more))
			wanted := []string{
				`rekey_sweep_governor_factor 0`, `rekey_sweep_governor_zone{zone="stop"} 1`, `rekey_sweep_governor_zone{zone="grow"} 0`,
				`rekey_sweep_governor_tripped{signal="report"} 1`, `rekey_sweep_governor_tripped{signal="login_p99_ms"} 0`,
				`rekey_sweep_governor_wakes_timestamp_seconds 0`, `rekey_sweep_signal{of="",signal="login_errors"} 0`,
				`rekey_sweep_signal{of="",signal="store_latency_ms"} `, `rekey_sweep_signal{of="disk",signal="check"} `,
			}
			if name == "postgres" {
				wanted = append(wanted, `rekey_sweep_signal{of="",signal="store_wait_ms"} `)
			}
			text := ""
			for !strings.Contains(text, `rekey_sweep_signal{of="",signal="login_errors"} 0`) { // until it has measured
				_, text = get(t, "http://"+v.AdminAddress()+"/metrics")
			}
			for _, want := range wanted {
				if !strings.Contains(text, want) {
					t.Errorf("metrics without %s", want)
				}
			}
			v.close()
			if err := <-v.served; err != nil {
				t.Error(err)
			}
		})
	}
}

// A process that only sweeps is heard as well, until it ends.
func TestSweepersAreHeard(t *testing.T) {
	t.Parallel()
	c := configured(t, onSQLite(t)+"sweeper: {checks: [{name: disk, sql: SELECT 0.5, hold: 0.9}]}\n")
	v := serve(t, c)
	_, closeSweeper, err := server.OpenSweeper(t.Context(), c, slog.New(slog.DiscardHandler), "rekey sweep run", 1)
	if err != nil {
		t.Fatal(err)
	}
	sweepers := func() (texts []string) {
		for _, m := range signalsOf(t, c) {
			if strings.Contains(m.name, "rekey sweep run") {
				texts = append(texts, m.text)
			}
		}
		return texts
	}
	for len(sweepers()) == 0 { // until it has spoken
	}
	if text := sweepers()[0]; !strings.Contains(text, `"store_latency_ms"`) || !strings.Contains(text, `"disk"`) || strings.Contains(text, `"login_p99_ms"`) {
		t.Errorf("it says %s", text)
	}
	if err := closeSweeper(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if left := sweepers(); len(left) > 0 {
		t.Errorf("it has ended, and says %s", left)
	}
	v.close()
	if err := <-v.served; err != nil {
		t.Error(err)
	}
}

type said struct{ name, text string }

func signalsOf(t *testing.T, c *config.Config) (all []said) {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), c.Store.Reveal(), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }() // it was only read
	measured, _, err := store.Signals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range measured {
		all = append(all, said{m.Name, m.Text})
	}
	return all
}
