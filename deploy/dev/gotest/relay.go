package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// An event is one line of go test -json: see "go doc test2json" and, for build-output, "go help buildjson".
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A report says what the tests came to.
type report struct {
	passed, failed int      // tests and subtests; a package that fails without a failed test counts as one
	skipped        []string // "package test: reason"
}

func (r report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d passed, %d failed, %d skipped", r.passed, r.failed, len(r.skipped))
	for _, skip := range r.skipped {
		fmt.Fprintf(&text, "\n--- SKIP: %s", skip)
	}
	if r.passed == 0 {
		text.WriteString("\nno test has run")
	}
	return text.String()
}

// relay reads events and writes what go test without -v would: a line for each package, and all that a failed test said.
// What a test said is held back until it has ended, or until its package has, as it does when a test panics.
func relay(w io.Writer, events io.Reader) (report, error) {
	var (
		sum      report
		said     = map[string]map[string]string{} // package, test
		failedIn = map[string]bool{}
		in       = json.NewDecoder(events)
	)
	for {
		var e event
		err := in.Decode(&e)
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
		if said[e.Package] == nil {
			said[e.Package] = map[string]string{}
		}
		words := said[e.Package]
		show := ""
		switch {
		case e.Action == "output" && e.Test != "":
			words[e.Test] += e.Output
		case e.Action == "output" && e.Output != "PASS\n", e.Action == "build-output":
			show = e.Output
		case e.Action == "fail" && e.Test != "":
			sum.failed++
			failedIn[e.Package] = true
			show = words[e.Test]
			delete(words, e.Test)
		case e.Action == "fail":
			if !failedIn[e.Package] {
				sum.failed++
			}
			for _, rest := range words {
				show += rest
			}
			clear(words)
		case e.Action == "skip" && e.Test != "":
			sum.skipped = append(sum.skipped, e.Package+" "+e.Test+": "+reason(words[e.Test]))
			delete(words, e.Test)
		case e.Action == "pass" && e.Test != "":
			sum.passed++
			delete(words, e.Test)
		}
		if _, err := io.WriteString(w, show); err != nil {
			return sum, err
		}
	}
}

// reason returns what a skipped test said, without go test's own lines, on one line.
func reason(said string) string {
	var why []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			why = append(why, line)
		}
	}
	if why == nil {
		return "no reason given"
	}
	return strings.Join(why, " ")
}
