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

	"github.com/google/uuid"
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
