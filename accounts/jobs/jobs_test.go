package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts/jobs"
	"rekey/accounts/jobs/jobstest"
)

func engine(t *testing.T, kinds ...jobs.Kind) jobs.Engine {
	t.Helper()
	set, err := jobs.NewSet(nil, kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return jobs.New(set)
}

func TestLocal(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, false, func(t *testing.T, test func(*testing.T, jobstest.World)) {
		synctest.Test(t, func(t *testing.T) {
			test(t, jobstest.World{Machine: engine, Every: time.Second, Wait: synctest.Wait})
		})
	})
}

// What a process before has left is found at the start, and a hundred nudges while it is worked on are one.
func TestNudgesAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs, release := 0, make(chan struct{})
		e := engine(t, jobs.Kind{Name: "mail", Every: time.Hour, Work: func(context.Context) (bool, error) {
			runs++
			<-release
			return false, nil
		}})
		if err := e.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 100 {
			e.Nudge("mail")
		}
		close(release)
		synctest.Wait()
		if runs != 2 {
			t.Errorf("%d runs, want that at the start and one more", runs)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A kind that fails waits longer each time, but no longer than it goes without being looked for.
func TestFailuresWaitLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		begin, at := time.Now(), []time.Duration{}
		set, err := jobs.NewSet(slog.New(slog.NewTextHandler(&log, nil)), jobs.Kind{Name: "mail", Every: 5 * time.Second, Work: func(context.Context) (bool, error) {
			at = append(at, time.Since(begin))
			switch len(at) {
			case 6:
				return false, nil
			case 2:
				panic("Correct-Horse-7")
			}
			return true, errors.New("the server said no")
		}})
		if err != nil {
			t.Fatal(err)
		}
		e := jobs.New(set)
		if err := e.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(21 * time.Second) // of the bubble: 0, 1, 3, 7, 12, 17
		synctest.Wait()
		for i, want := range []int{0, 1, 3, 7, 12, 17} {
			if i >= len(at) || at[i] != time.Duration(want)*time.Second {
				t.Fatalf("tried at %v", at)
			}
		}
		if c := set.Count("mail"); c != (jobs.Count{Runs: 6, Failures: 5, Age: 4 * time.Second}) {
			t.Errorf("counted %+v", c)
		}
		if got := log.String(); strings.Contains(got, "Horse") || !strings.Contains(got, "panic of type string at") || !strings.Contains(got, "the server said no") {
			t.Errorf("logged %s", got)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestKindsAreChecked(t *testing.T) {
	t.Parallel()
	work := func(context.Context) (bool, error) { return false, nil }
	good := jobs.Kind{Name: "copy-back", Work: work, Every: time.Second}
	for want, change := range map[string]func(*jobs.Kind){
		"name":             func(k *jobs.Kind) { k.Name = "Copy Back" },
		"not of a-z":       func(k *jobs.Kind) { k.Name = "" },
		"no work":          func(k *jobs.Kind) { k.Work = nil },
		"looked for":       func(k *jobs.Kind) { k.Every = 0 },
		"may take":         func(k *jobs.Kind) { k.Timeout = time.Minute },
		"may take up to":   func(k *jobs.Kind) { k.Timeout = -1 },
		"alone has one":    func(k *jobs.Kind) { k.Alone, k.Workers = true, 2 },
		"stands twice":     func(*jobs.Kind) {},
		"\"copy-back\" st": func(*jobs.Kind) {},
	} {
		bad := good
		change(&bad)
		if _, err := jobs.NewSet(nil, good, bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	set, err := jobs.NewSet(nil, good)
	if err != nil {
		t.Fatal(err)
	}
	if k := set.Kinds()[0]; k.Timeout != jobs.MaxTimeout || k.Workers != 1 {
		t.Errorf("defaults %+v", k)
	}
	if c := set.Count("mail"); c != (jobs.Count{}) {
		t.Errorf("counted %+v of a kind that is not there", c)
	}
	if _, err := set.Drain(t.Context(), "mail", time.Second); err == nil {
		t.Error("worked on a kind that is not there")
	}
}
