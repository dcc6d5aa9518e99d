package httpsource

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// An operation is a question as HTTP has it.
type operation struct {
	method string
	path   template
	// contentType of the request's body; "" if it has none.
	contentType string
	// nameField is where the name stands in the body, for questions that have it there; "" otherwise.
	nameField string

	// statuses are those whose answer has a body that counts, of which at most limit bytes are read. With every other
	// status no byte of it is.
	statuses []int
	limit    int
}

// asks reports whether the question can be put about a name.
func (o *operation) asks(n namingFunc) bool {
	_, ok := o.path.expand(n)
	return ok
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// A client sends requests. It is safe for concurrent use.
type client struct {
	base string // without a slash at its end
	auth Auth
	http *http.Client
	now  func() time.Time
}

const (
	// maxHeader is what the headers of an answer may have, in bytes; browsers' limits are of that order.
	maxHeader = 16 << 10
	// idle is how long a connection waits for its next question: an old server has better use for it.
	idle = time.Minute
)

func newClient(c Config) (*client, error) {
	plaintext, err := checkURL(c.URL)
	may, addressErr := newAddresses(c.AllowPrivate, plaintext)
	roots, caErr := authorities(c.CAFile)
	if err := errors.Join(err, c.Auth.check(), addressErr, caErr); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: c.Timeout, Control: may.control}
	return &client{
		base: strings.TrimSuffix(c.URL, "/"), auth: c.Auth, now: c.Now,
		http: &http.Client{
			// A redirect is an answer like any other, and not the one that was asked for.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy:       nil, // not even that of the environment: the password would pass through it
				DialContext: dialer.DialContext,
				TLSClientConfig: &tls.Config{
					MinVersion: tls.VersionTLS12,
					RootCAs:    roots,
				},
				TLSHandshakeTimeout:    c.Timeout,
				DisableCompression:     true, // a small answer may otherwise be a large one
				MaxResponseHeaderBytes: maxHeader,
				MaxConnsPerHost:        c.MaxConns,
				MaxIdleConnsPerHost:    c.MaxConns,
				IdleConnTimeout:        idle,
			},
		},
	}, nil
}

// checkURL reports whether requests to a URL go in the clear. Its error does not contain the URL.
func checkURL(text string) (plaintext bool, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Opaque != "":
		return false, legacy.Wrong("url", "want https://host/path")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "", strings.Contains(text, "#"):
		return false, legacy.Wrong("url", "no credentials, query or fragment belongs into it")
	}
	if _, err := parseTemplate(u.EscapedPath()); u.Path != "" && err != nil {
		return false, legacy.Wrong("url", "%w", err)
	}
	return u.Scheme == "http", nil
}

// authorities reads the certificates to trust. Without a file they are nil: the system's.
func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // what tls.Config takes for the system's
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, legacy.Wrong("ca_file", "%w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, legacy.Wrong("ca_file", "no certificate in %s", path)
	}
	return roots, nil
}

// What is wrong with a question or an answer, as a transfer.
var (
	errNoName      = errors.New("the person has no name that a request can hold")
	errNotWritable = errors.New("what is asked is not valid UTF-8 and cannot be written")
	errRequest     = errors.New("the request cannot be made")
	errTooLong     = errors.New("the answer is too long")
	errTruncated   = errors.New("the answer broke off")
	errCompressed  = errors.New("the answer is compressed, which was not asked for")
)

// ask sends one request. body, if it is not nil, is the request's; otherwise an operation that has the name in its body
// makes one.
func (c *client) ask(ctx context.Context, o *operation, n namingFunc, body []byte) (*answer, error) {
	return c.exchange(ctx, o, n, body, nil)
}

// exchange is ask with more headers.
func (c *client) exchange(ctx context.Context, o *operation, n namingFunc, body []byte, more http.Header) (*answer, error) {
	path, ok := o.path.expand(n)
	if !ok {
		return nil, guard.Answered(errNoName)
	}
	if body == nil && o.nameField != "" {
		var err error
		if body, err = encodeBody(o.contentType, []pair{{o.nameField, n(markIdentifier)}}); err != nil {
			return nil, guard.Answered(err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, o.method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, errRequest // the error itself quotes the URL
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "rekey")
	if o.contentType != "" {
		r.Header.Set("Content-Type", o.contentType)
	}
	maps.Copy(r.Header, more)
	c.auth.apply(r, body, c.now())

	response, err := c.http.Do(r)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // its text has the URL in it, and so the name
		}
		return nil, err
	}
	defer response.Body.Close()
	a := &answer{status: response.StatusCode, header: response.Header}
	if slices.Contains(o.statuses, a.status) {
		a.body, err = readBody(response, o.limit)
	}
	return a, err
}

// readBody reads an answer's body as it was sent.
func readBody(response *http.Response, limit int) ([]byte, error) {
	if coding := response.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, guard.Answered(errCompressed)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, errTruncated
	case len(body) > limit:
		return nil, guard.Answered(errTooLong)
	}
	return body, nil
}

// A pair is a field of a request's body.
type pair struct{ name, value string }

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// encodeBody writes fields as JSON or as a form. What is not Unicode is refused: JSON could only hold it changed.
func encodeBody(contentType string, fields []pair) ([]byte, error) {
	values, members := url.Values{}, map[string]string{}
	for _, f := range fields {
		if !utf8.ValidString(f.value) {
			return nil, errNotWritable
		}
		values.Set(f.name, f.value)
		members[f.name] = f.value
	}
	if contentType == typeForm {
		return []byte(values.Encode()), nil
	}
	return json.Marshal(members)
}
