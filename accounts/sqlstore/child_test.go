package sqlstore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/accountstest"
	"rekey/accounts/phase"
)

// Some promises are made to other processes, or to the next one after a crash. The test binary is started again with
// this variable to be that process; the URL of the store is in its environment as well.
const (
	childVariable = "REKEY_TEST_CHILD"
	urlVariable   = "REKEY_TEST_CHILD_URL"
)

// childJobs are what such a process can do. Each writes lines to out and returns when it is done.
func childJobs() map[string]func(ctx context.Context, s *Store, out io.Writer) error {
	return map[string]func(context.Context, *Store, io.Writer) error{
		"open": func(_ context.Context, _ *Store, out io.Writer) error {
			_, err := fmt.Fprintln(out, "open")
			return err
		},
		"create":   createForever,
		"sessions": createSessions,
		"one": func(ctx context.Context, s *Store, out io.Writer) error {
			r, e := person("one")
			_, err := fmt.Fprintln(out, s.Create(ctx, r, e))
			return err
		},
		"move":   moveOnce,
		"finish": finishOne,
	}
}

func TestMain(m *testing.M) {
	name := os.Getenv(childVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := runChild(name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runChild(name string) error {
	ctx := context.Background()
	job, ok := childJobs()[name]
	if !ok {
		return fmt.Errorf("no job is called %s", name)
	}
	s, err := Open(ctx, os.Getenv(urlVariable), Options{})
	if err != nil {
		return err
	}
	if err := job(ctx, s, os.Stdout); err != nil {
		return err
	}
	return s.Close()
}

// A child is a running process.
type child struct {
	command *exec.Cmd
	lines   *bufio.Scanner
}

// start starts a test binary, this one or another build, and lets it run until the end of the test at the latest.
func start(t *testing.T, binary, job, url string, environment ...string) *child {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, "-test.run=^$")
	command.Env = append(os.Environ(), childVariable+"="+job, urlVariable+"="+url)
	command.Env = append(command.Env, environment...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return &child{command: command, lines: bufio.NewScanner(out)}
}

// createForever makes the people 0, 1, 2, … and writes the number of each after it was told that it is stored.
func createForever(ctx context.Context, s *Store, out io.Writer) error {
	for i := 0; ; i++ {
		r, e := person("person-" + strconv.Itoa(i))
		if err := s.Create(ctx, r, e); err != nil {
			return err
		}
		if err := s.CreateSession(ctx, newSession(r.ID)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, i); err != nil {
			return err
		}
	}
}

// createSessions makes sessions for many callers at once and writes the id of each after it was told that it is stored.
func createSessions(ctx context.Context, s *Store, out io.Writer) error {
	failed := make(chan error)
	for range 8 {
		go func() {
			for {
				n := newSession(uuid.New())
				err := s.CreateSession(ctx, n)
				if err == nil {
					_, err = fmt.Fprintln(out, n.ID)
				}
				if err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

// twoPhases are the state of a new installation and the one behind it.
func twoPhases() (first, next phase.State) {
	first, err := phase.Initial(phase.DualWrite, "0123456789abcdef", time.UnixMicro(1e15))
	if err != nil {
		panic(err) // they are constants
	}
	steps, err := first.Move(phase.Shadow, 0, time.UnixMicro(1e15))
	if err != nil {
		panic(err)
	}
	return first, steps[0]
}

func moveOnce(ctx context.Context, s *Store, out io.Writer) error {
	first, next := twoPhases()
	if _, err := s.InitPhase(ctx, first); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, s.MovePhase(ctx, next, accountstest.Event(uuid.Max, accounts.EventPhaseMoved)))
	return err
}

// changedPrint is the fingerprint of somebody whose change has arrived.
const changedPrint = "changed"

// theFinish is what ends the change of a password that both stores are to have.
func theFinish(r accounts.Record) accounts.Finish {
	link := *r.Link
	link.Fingerprint = []byte(changedPrint)
	next := r.Credential
	return accounts.Finish{Event: accountstest.Event(r.ID, accounts.EventPassword), Link: &link, Credential: &next, At: time.Now()}
}

func finishOne(ctx context.Context, s *Store, out io.Writer) error {
	r, e := person("one")
	if err := s.Create(ctx, r, e); err != nil {
		return err
	}
	d := accounts.Delivery{
		ID: uuid.Must(uuid.NewV7()), AccountID: r.ID, Source: r.Link.Source, Kind: accounts.DeliverPassword, Sealed: []byte{1}, CreatedAt: time.Now(),
	}
	d, err := s.BeginIntent(ctx, d, time.Now().Add(time.Minute))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, s.FinishDelivery(ctx, d, theFinish(r)))
	return err
}
