package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
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
func relay(w io.Writer, events io.Reader) (report, error) {
	var (
		sum      report
		packages = map[string]*talk{}
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
		if packages[e.Package] == nil {
			packages[e.Package] = &talk{tests: map[string]string{}}
		}
		if _, err := io.WriteString(w, packages[e.Package].hear(e, &sum)); err != nil {
			return sum, err
		}
	}
}

// A talk is what a package's tests have said and is not shown yet: it is held back until it is known whether the test
// fails, or its package, as it does when a test panics.
type talk struct {
	tests  map[string]string // by test
	after  string            // said in the name of a test that had passed: a panic of another, or the end of the time allowed
	failed bool              // a test has
}

// hear takes an event, counts it in sum and returns what is to be shown now.
func (t *talk) hear(e event, sum *report) string {
	if e.Test == "" {
		return t.hearPackage(e, sum)
	}
	switch e.Action {
	case "output":
		t.tests[e.Test] += e.Output
		return ""
	case "pass":
		sum.passed++
		_, after, _ := strings.Cut(t.tests[e.Test], "--- PASS: "+e.Test)
		_, after, _ = strings.Cut(after, "\n")
		t.after += after
	case "skip":
		sum.skipped = append(sum.skipped, e.Package+" "+e.Test+": "+reason(t.tests[e.Test]))
	case "fail":
		sum.failed++
		t.failed = true
		defer delete(t.tests, e.Test)
		return t.tests[e.Test]
	default:
		return ""
	}
	delete(t.tests, e.Test)
	return ""
}

func (t *talk) hearPackage(e event, sum *report) string {
	switch {
	case e.Action == "build-output", e.Action == "output" && e.Output != "PASS\n":
		return e.Output
	case e.Action != "fail":
		return ""
	}
	if !t.failed {
		sum.failed++
	}
	var show strings.Builder
	show.WriteString(t.after)
	for _, test := range slices.Sorted(maps.Keys(t.tests)) {
		for line := range strings.Lines(t.tests[test]) {
			if !strings.HasPrefix(line, "=== ") {
				show.WriteString(line)
			}
		}
	}
	return show.String()
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
