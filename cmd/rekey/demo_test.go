package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/demo"
)

// TestDemoCurlLine pastes the line that the demo prints, twice, and then presses Ctrl-C.
func TestDemoCurlLine(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- demo.Run(ctx, writer, demo.Options{
			People: 200, Listen: "127.0.0.1:0",
			LoadConfig: func(path string) (*config.Config, error) { return (&configFlag{path: path}).read() },
		})
		writer.Close()
	}()

	var folder string
	var answers []map[string]any
	var all strings.Builder
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		all.WriteString(line + "\n")
		switch {
		case strings.HasPrefix(line, "curl "):
			answers = append(answers, paste(t, line), paste(t, line))
		case strings.HasPrefix(line, "Public "):
			checkIssuer(t, strings.Fields(line)[1])
		case strings.HasPrefix(line, "Folder "):
			folder = strings.Fields(line)[1]
			if _, err := os.Stat(folder); err != nil {
				t.Error(err)
			}
		case strings.HasPrefix(line, "Ctrl-C"):
			cancel()
		}
	}
	if err := <-ended; err != nil {
		t.Fatalf("%v\n%s", err, all.String())
	}
	if len(answers) != 2 || answers[0]["access_token"] == nil || answers[1]["access_token"] == nil {
		t.Fatalf("logins: %v\n%s", answers, all.String())
	}
	first, second := answers[0]["account"].(map[string]any)["id"], answers[1]["account"].(map[string]any)["id"]
	if first == nil || first != second {
		t.Errorf("the same person is %v, then %v", first, second)
	}
	if !strings.Contains(all.String(), "1 of 200 people moved by 2 logins; 0 refused, 0 could not be answered.") {
		t.Errorf("summary:\n%s", all.String())
	}
	if _, err := os.Stat(folder); folder == "" || !os.IsNotExist(err) {
		t.Errorf("folder %q is still there: %v", folder, err)
	}
}

// checkIssuer: clients compare the issuer with the address that they asked, so it must have the port that was picked.
func checkIssuer(t *testing.T, address string) {
	t.Helper()
	response, err := http.Get(address + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var discovery struct{ Issuer string }
	if err := json.NewDecoder(response.Body).Decode(&discovery); err != nil || discovery.Issuer != address {
		t.Errorf("issuer %q at %s, %v", discovery.Issuer, address, err)
	}
}

var curlLine = regexp.MustCompile(`^curl -s (\S+) -H 'Content-Type: application/json' -d '(.*)'$`)

// paste runs a curl line by a shell, or does what it says where there is no curl.
func paste(t *testing.T, line string) (answer map[string]any) {
	t.Helper()
	var out []byte
	var err error
	if _, missing := exec.LookPath("curl"); missing == nil {
		out, err = exec.CommandContext(t.Context(), "sh", "-c", line).Output()
	} else {
		parts := curlLine.FindStringSubmatch(line)
		if parts == nil {
			t.Fatalf("not a curl line: %s", line)
		}
		var response *http.Response
		if response, err = http.Post(parts[1], "application/json", strings.NewReader(parts[2])); err == nil {
			defer response.Body.Close()
			out, err = io.ReadAll(response.Body)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return answer
}
