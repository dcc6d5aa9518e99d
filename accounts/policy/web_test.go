package policy

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRange(t *testing.T) {
	t.Parallel()
	sum := sha1.Sum([]byte("password"))
	digits := fmt.Sprintf("%X", sum)
	padding := strings.Repeat(strings.Repeat("A", rangeSuffix)+":0\r\n", 800)
	for name, test := range map[string]struct {
		status int
		body   string
		found  bool
		err    bool
	}{
		"there":            {200, padding + digits[5:] + ":9545824\r\n", true, false},
		"in lower case":    {200, strings.ToLower(digits[5:]) + ":1", true, false},
		"padding alone":    {200, padding + digits[5:] + ":0\r\n", false, false},
		"another":          {200, padding + "0" + digits[6:] + ":7\r\n", false, false},
		"empty":            {200, "", false, true},
		"an error page":    {200, "<html>password</html>", false, true},
		"refused":          {429, digits[5:] + ":1\r\n", false, true},
		"endless":          {200, strings.Repeat(padding, 40), false, true},
		"one endless line": {200, strings.Repeat("x", maxRange*2), false, true},
		"elsewhere":        {302, "", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/range/"+digits[:5] || r.Header.Get("Add-Padding") != "true" || r.URL.RawQuery != "" {
					t.Errorf("asked for %s, padding %q", r.URL.Path, r.Header.Get("Add-Padding"))
				}
				if test.status == http.StatusFound {
					w.Header().Set("Location", "/range/"+digits)
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			t.Cleanup(server.Close)
			r, err := NewRange(RangeConfig{URL: server.URL + "/range/", Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			found, err := r.Has(t.Context(), sum)
			if found != test.found || (err != nil) != test.err {
				t.Errorf("%t, %v", found, err)
			}
			if err != nil && (strings.Contains(err.Error(), digits[:5]) || strings.Contains(err.Error(), digits[5:])) {
				t.Errorf("the error tells the hash: %v", err)
			}
		})
	}
}

// silent does not answer.
type silent struct{ asked int }

func (s *silent) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked++
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestRangeDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := &silent{}
		r, err := NewRange(RangeConfig{URL: "https://ranges.invalid/range", Client: service})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err = r.Has(t.Context(), [sha1.Size]byte{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != rangeTimeout {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if strings.Contains(err.Error(), "00000") {
			t.Errorf("the error tells the hash: %v", err)
		}
		if _, err = r.Has(t.Context(), [sha1.Size]byte{}); !errors.Is(err, errResting) || service.asked != 1 {
			t.Errorf("it was asked again: %v", err)
		}
		time.Sleep(rangeRest)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the caller's own end says nothing of the service
		_, _ = r.Has(ctx, [sha1.Size]byte{})
		if _, err = r.Has(t.Context(), [sha1.Size]byte{}); errors.Is(err, errResting) || service.asked != 3 {
			t.Errorf("it was not asked again: %v", err)
		}
	})
}

func TestNewRange(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "api.pwnedpasswords.com", "ftp://a/b", "https:///range", "https://a/range?x=1", "::"} {
		if _, err := NewRange(RangeConfig{URL: bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzRange(f *testing.F) {
	suffix := strings.Repeat("A", rangeSuffix)
	f.Add(suffix + ":1\r\n")
	f.Add(suffix + ":0\r\n" + suffix)
	f.Add("\r\n:\n\n")
	f.Fuzz(func(t *testing.T, body string) {
		found, err := readRange(strings.NewReader(body), suffix)
		if found && (err != nil || !strings.Contains(strings.ToUpper(body), suffix)) {
			t.Fatalf("found what is not there, %v", err)
		}
	})
}
