package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)

// TestMain lets the test binary stand in for the programs that scripts run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rekey": main, "http": httpMain, "sqlite": sqliteMain})
}

// TestScripts runs what a person would type; the scripts in testdata/script say what they then see.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[gatewaysKey{}] = map[string]*served{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": startGateway,
			"stop":  stopGateway,
		},
	})
}

// A served is a `rekey serve` that a script has started.
type served struct {
	cmd   *exec.Cmd
	ended chan error
	log   *strings.Builder // complete when ended is closed
}

// startGateway runs `start NAME ARGS…`: rekey serve in the background, until it says that it is ready. NAME_PUBLIC and
// NAME_ADMIN are then its addresses.
func startGateway(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: start NAME ARGS…")
	}
	cmd := exec.Command("rekey", append([]string{"serve"}, args[1:]...)...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "REKEY_CONFIG", "REKEY_LISTEN"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	path, err := exec.LookPath("rekey")
	ts.Check(err)
	cmd.Path = path
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	g := &served{cmd: cmd, ended: make(chan error, 1), log: &strings.Builder{}}
	ts.Defer(func() {
		_ = cmd.Process.Kill() // it has ended already in a script that passes
		<-g.ended
	})

	ready := make(chan map[string]any, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			g.log.WriteString(lines.Text() + "\n")
			var entry map[string]any
			if json.Unmarshal(lines.Bytes(), &entry) == nil && entry["msg"] == "ready" {
				ready <- entry
			}
		}
		g.ended <- cmd.Wait()
		close(g.ended)
	}()
	select {
	case entry := <-ready:
		ts.Setenv(args[0]+"_PUBLIC", fmt.Sprint("http://", entry["public"]))
		ts.Setenv(args[0]+"_ADMIN", fmt.Sprint("http://", entry["admin"]))
	case err := <-g.ended:
		ts.Fatalf("rekey serve ended: %v\n%s", err, g.log)
	}
	ts.Setenv(args[0]+"_PID", fmt.Sprint(cmd.Process.Pid))
	gatewaysOf(ts)[args[0]] = g
}

// stopGateway runs `stop NAME`: SIGTERM, and an orderly end with exit code 0. Its log is then standard output.
func stopGateway(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stop NAME")
	}
	g := gatewaysOf(ts)[args[0]]
	ts.Check(g.cmd.Process.Signal(syscall.SIGTERM))
	if err := <-g.ended; err != nil {
		ts.Fatalf("rekey serve: %v\n%s", err, g.log)
	}
	_, err := io.WriteString(ts.Stdout(), g.log.String())
	ts.Check(err)
}

type gatewaysKey struct{}

func gatewaysOf(ts *testscript.TestScript) map[string]*served {
	return ts.Value(gatewaysKey{}).(map[string]*served)
}

// httpMain is `http METHOD URL [JSON]`: it prints the status and the body. BEARER, if it is set, is the token to send.
func httpMain() {
	if len(os.Args) < 3 {
		fail("usage: http METHOD URL [JSON]")
	}
	var body io.Reader
	if len(os.Args) > 3 {
		body = strings.NewReader(os.Args[3])
	}
	request, err := http.NewRequest(os.Args[1], os.Args[2], body)
	check(err)
	request.Header.Set("Content-Type", "application/json")
	if token := os.Getenv("BEARER"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: time.Minute}
	response, err := client.Do(request)
	check(err)
	defer response.Body.Close()
	fmt.Println(response.StatusCode)
	_, err = io.Copy(os.Stdout, response.Body)
	check(err)
}

// sqliteMain is `sqlite FILE STATEMENTS`: it prints the rows, if there are any.
func sqliteMain() {
	if len(os.Args) != 3 {
		fail("usage: sqlite FILE STATEMENTS")
	}
	db, err := sql.Open("sqlite", os.Args[1]+"?_pragma=busy_timeout(10000)") // a gateway may be writing
	check(err)
	defer db.Close()
	rows, err := db.Query(os.Args[2])
	check(err)
	defer rows.Close()
	for rows.Next() {
		columns, err := rows.Columns()
		check(err)
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		check(rows.Scan(targets...))
		fmt.Println(values...)
	}
	check(rows.Err())
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}
