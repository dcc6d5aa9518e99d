package policy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// A Range asks a service with the range interface of Have I Been Pwned: it is told the first five of the forty hex digits
// of a hash, and answers with all that begin so. What it is told fits one password in a million, and the answer's length is
// padded, so that who reads along learns nothing either.
type Range struct {
	base    string
	timeout time.Duration
	client  *http.Client
	now     func() time.Time
	resting atomic.Int64 // until when nobody is asked, in Unix nanoseconds
}

// RangeConfig is what a Range is made of.
type RangeConfig struct {
	URL     string            // https://api.pwnedpasswords.com/range
	Timeout time.Duration     // of one question; 0: a second, while somebody waits
	Client  http.RoundTripper // nil: a transport of its own
	Now     func() time.Time
}

const (
	rangeTimeout = time.Second
	// rangeRest is how long a service that did not answer is left alone, so that not everybody waits for its timeout.
	rangeRest = 10 * time.Second
	// maxRange bounds an answer: they have about a thousand lines of forty bytes.
	maxRange = 512 << 10

	rangePrefix = 5
	rangeSuffix = 2*sha1.Size - rangePrefix
)

var errResting = errors.New("the service has just not answered, and is left alone for a while")

// NewRange returns a Range. It asks nobody yet.
func NewRange(c RangeConfig) (*Range, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("want the address of a range interface, such as https://api.pwnedpasswords.com/range")
	}
	r := &Range{base: strings.TrimSuffix(u.String(), "/"), timeout: c.Timeout, now: c.Now}
	if r.timeout == 0 {
		r.timeout = rangeTimeout
	}
	if r.now == nil {
		r.now = time.Now
	}
	if c.Client == nil {
		own := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert,errcheck // it is one, and nobody here replaces it
		own.MaxIdleConnsPerHost, own.MaxConnsPerHost, own.MaxResponseHeaderBytes = 2, 8, 16<<10
		c.Client = own
	}
	r.client = &http.Client{Transport: c.Client, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return r, nil
}

// Close closes the connections that nobody uses.
func (r *Range) Close() error {
	r.client.CloseIdleConnections()
	return nil
}

// Has implements Breached.
func (r *Range) Has(ctx context.Context, sum [sha1.Size]byte) (bool, error) {
	if r.now().UnixNano() < r.resting.Load() {
		return false, errResting
	}
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	found, err := r.ask(limited, sum)
	if err != nil && ctx.Err() == nil { // it was not the caller who gave up
		r.resting.Store(r.now().Add(rangeRest).UnixNano())
	}
	return found, err
}

func (r *Range) ask(ctx context.Context, sum [sha1.Size]byte) (bool, error) {
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/"+digits[:rangePrefix], nil)
	if err != nil {
		return false, errAsk
	}
	request.Header.Set("Add-Padding", "true")
	request.Header.Set("User-Agent", "rekey")
	response, err := r.client.Do(request)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errAsk, withoutURL(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%w: it answered %d", errAsk, response.StatusCode)
	}
	return readRange(response.Body, digits[rangePrefix:])
}

// Errors of an answer.
var (
	errAsk      = errors.New("ask for breached passwords")
	errTooLong  = errors.New("ask for breached passwords: the answer is longer than one can be")
	errNotRange = errors.New("ask for breached passwords: the answer is none")
)

// withoutURL leaves out the address, whose end is of a password's hash.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// readRange reports whether an answer has the rest of a hash, in upper case. A line that counts nobody is padding. An answer
// without any line that is one is an error page.
func readRange(body io.Reader, suffix string) (found bool, err error) {
	limited := &io.LimitedReader{R: body, N: maxRange + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 4<<10), 4<<10)
	isRange := false
	for lines.Scan() {
		hash, count, ok := bytes.Cut(bytes.TrimSpace(lines.Bytes()), []byte{':'})
		if !ok || len(hash) != rangeSuffix {
			continue
		}
		isRange = true
		found = found || strings.EqualFold(string(hash), suffix) && len(bytes.Trim(count, "0")) > 0
	}
	switch {
	case found:
		return true, nil
	case limited.N == 0:
		return false, errTooLong
	case lines.Err() != nil:
		return false, fmt.Errorf("%w: %w", errAsk, lines.Err())
	case !isRange:
		return false, errNotRange
	}
	return false, nil
}
