// Command gotest runs go test with the given arguments, shows what plain go test shows, and fails if any test was skipped.
//
// A skipped test looks like a passed one in go test's own output: a database that did not start, or a program that is
// not installed, would quietly take its tests along.
//
//	go run ./deploy/dev/gotest -race -count=1 ./...
package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		code = 1
	}
	os.Exit(code)
}

// run returns go test's own exit code, or 1 if it passed but skipped something.
func run(args []string) (int, error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	report, readErr := relay(os.Stdout, out)
	waitErr := cmd.Wait()
	if readErr != nil {
		return 0, fmt.Errorf("read go test's events: %w", readErr)
	}
	fmt.Println(report)
	switch {
	case cmd.ProcessState.ExitCode() > 0:
		return cmd.ProcessState.ExitCode(), nil
	case waitErr != nil:
		return 0, waitErr
	case len(report.skipped) > 0 || report.passed == 0:
		return 1, nil
	}
	return 0, nil
}
