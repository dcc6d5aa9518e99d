package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/sweeper"
)

func TestDrawn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		picture       string
		width, height int
		want          string
	}{
		{"one\ntwo\n", 80, 24, "\x1b[Hone\x1b[K\r\ntwo\x1b[K\r\n\x1b[J"},
		{"a line that is too long\n", 6, 24, "\x1b[Ha line\x1b[K\r\n\x1b[J"},
		{"äöüß\n", 3, 24, "\x1b[Häöü\x1b[K\r\n\x1b[J"},
		{"1\n2\n3\n4\n", 80, 3, "\x1b[H1\x1b[K\r\n2\x1b[K\r\n\x1b[J"},
		{"1\n2\n", 0, 0, "\x1b[H\x1b[K\r\n\x1b[J"},
	} {
		if got := drawn(tt.picture, tt.width, tt.height); got != tt.want {
			t.Errorf("drawn(%q, %d, %d) = %q, want %q", tt.picture, tt.width, tt.height, got, tt.want)
		}
	}
}

// TestWatch: it is shown each second, a store that is silent for a moment is told, and Ctrl-C ends it without an error.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		asked := 0
		var out bytes.Buffer
		err := watchSweep(ctx, &out, asTable, func(context.Context) (sweeper.Status, error) {
			switch asked++; asked {
			case 2:
				return sweeper.Status{}, &accounts.UnavailableError{Err: errors.New("the store does not answer")}
			case 4:
				cancel()
				return sweeper.Status{}, context.Canceled
			}
			return sweeper.Status{At: begun, Held: []string{"paused by anna"}}, nil
		})
		if err != nil || time.Since(begun) != 3*time.Second {
			t.Errorf("it ended after %v with %v", time.Since(begun), err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "no run; 0.0 people/s moved; sweep held: paused by anna") || !strings.Contains(lines[1], "does not answer") {
			t.Errorf("shown was\n%s", out.String())
		}
	})
}

// TestWatchJSON: a document a line.
func TestWatchJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		asked := 0
		var out bytes.Buffer
		broken := errors.New("the stored counts cannot be read")
		err := watchSweep(ctx, &out, asJSON, func(context.Context) (sweeper.Status, error) {
			if asked++; asked == 3 {
				return sweeper.Status{}, broken
			}
			return sweeper.Status{Verdict: "held", Progress: accounts.Progress{Phase: phase.NewFirst}}, nil
		})
		if cancel(); !errors.Is(err, broken) {
			t.Errorf("it ended with %v, want %v", err, broken)
		}
		if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[1], `"verdict":"held"`) {
			t.Errorf("shown was\n%s", out.String())
		}
	})
}

// TestNobodyIsLeft: that nobody is left is said with what is known of it; that somebody is needs no more words.
func TestNobodyIsLeft(t *testing.T) {
	t.Parallel()
	people, at := int64(5), time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for left, told := range map[accounts.Between]bool{{}: true, {High: 2}: true, {Low: 1, High: 1}: false} {
		var out bytes.Buffer
		err := printProgress(&out, accounts.Progress{Sources: []accounts.SourceProgress{{Source: "shop", Total: &people, TotalAt: &at, Unmoved: &left}}})
		if err != nil || strings.Contains(out.String(), "shop: LEFT is by the 5 people that were counted there at 2026-03-04T05:06:07Z") != told {
			t.Errorf("%+v (%v):\n%s", left, err, out.String())
		}
	}
}
