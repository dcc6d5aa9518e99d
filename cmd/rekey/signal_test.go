package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSecondSignalEndsAtOnce holds a request open, so that the first SIGTERM has something to wait for. The second
// must not.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), self, "serve")
	cmd.Args[0] = "rekey" // TestMain goes by the name
	cmd.Env = []string{"REKEY_LISTEN=127.0.0.1:0", "REKEY_ADMIN=off", "REKEY_STORE=sqlite://" + filepath.Join(folder, "new.db"), "REKEY_SHUTDOWN=10m"}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	var ready struct{ Public string }
	if err := json.Unmarshal([]byte(untilLine(t, lines, `"msg":"ready"`)), &ready); err != nil {
		t.Fatal(err)
	}

	connection, err := net.Dial("tcp", ready.Public)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprint(connection, "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
	if _, err := bufio.NewReader(connection).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	terminate(t, cmd)
	untilLine(t, lines, `"msg":"closing"`)
	terminate(t, cmd)
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended by itself: %v", err)
	}
}

func terminate(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func untilLine(t *testing.T, lines *bufio.Scanner, mark string) string {
	t.Helper()
	var before strings.Builder
	for lines.Scan() {
		if strings.Contains(lines.Text(), mark) {
			return lines.Text()
		}
		before.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("no line with %s in\n%s", mark, before.String())
	return ""
}

// TestCanceledIsQuiet: whoever pressed Ctrl-C is not told that something was canceled.
func TestCanceledIsQuiet(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	c := console{err: &stderr}
	if code := c.report(done{context.Canceled, exitFailed}); code != exitFailed || stderr.Len() > 0 {
		t.Errorf("code %d, says %q", code, stderr.String())
	}
}
