package httpsource

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// What an answer to a password means. Plain.Yes and Plain.No, or 200 and Config.WrongStatus, are the statuses and fields
// of the first and second row; whatever fits neither is in the third.
//
//	answer                                                   | means
//	its status and its field are those of a yes              | yes
//	its status and its field are those of a no               | no
//	any other status, 201, 204, 3xx and 5xx among them       | cannot tell
//	neither empty, nor one JSON value, nor plain text        | cannot tell: a page is somebody else's answer
//	more than 1 KiB, broken off, compressed                  | cannot tell
//	a key twice, half a character, something behind it       | cannot tell
//	401 with a challenge of the scheme that we came with     | cannot tell: it is our own secret that is refused
//	a yes without a field, and the same to a made-up password | cannot tell
//
// And to a lookup:
//
//	200, one JSON value of at most 64 KiB, the person in it is called as asked | that person
//	404                                                                        | nobody
//	in a list: 200 and an empty list                                           | nobody
//	all else                                                                   | cannot tell

// A verdict is a yes, of one of two kinds; a no is an error.
type verdict int

const (
	yesBare   verdict = iota // only the status says so
	yesProven                // a field says so
)

// A Verdict is what an application answers to a password, for the plain dialect.
type Verdict struct {
	Status []int
	// Field is a JSON pointer into the answer, and Value what must stand there: the characters of a text, or true, false or
	// a number as it is written. Without a field the status is enough.
	Field string
	Value string
}

// A rule is a Verdict that was checked.
type rule struct {
	Verdict
	field pointer
	means error // nil is yes
}

// fits reports whether an answer of the rule's status says what the rule wants. v is the answer's body.
func (r rule) fits(v value) bool {
	if r.Field == "" {
		return true
	}
	there := v.at(r.field)
	return (there.kind == text || there.kind == number || there.kind == boolean) && there.literal == r.Value
}

// rules are the two verdicts.
type rules []rule

// newRules checks that no answer can be both a yes and a no, and that nothing which a proxy or a fault answers is either.
func newRules(yes, no Verdict) (rules, error) {
	rs := rules{{Verdict: yes}, {Verdict: no, means: legacy.ErrWrongPassword}}
	var errs []error
	for i, name := range []string{"yes", "no"} {
		r := &rs[i]
		var err error
		if r.field, err = parsePointer(r.Field); err != nil {
			errs = append(errs, legacy.Wrong("plain."+name+".field", "%w", err))
		}
		if len(r.Status) == 0 {
			errs = append(errs, legacy.Wrong("plain."+name+".status", "is missing"))
		}
		if r.Field == "" && r.Value != "" {
			errs = append(errs, legacy.Wrong("plain."+name+".value", "there is no field where it would stand"))
		}
		for _, status := range r.Status {
			if err := mayMean(status, i == 0, r.Field != ""); err != nil {
				errs = append(errs, legacy.Wrong("plain."+name+".status", "%d: %w", status, err))
			}
		}
	}
	both := func(status int) bool { return slices.Contains(no.Status, status) }
	if slices.ContainsFunc(yes.Status, both) && (yes.Field == "" || no.Field == "" || yes.Field != no.Field || yes.Value == no.Value) {
		errs = append(errs, legacy.Wrong("plain.no", "an answer could be both a yes and a no; want another status, or one field with two values"))
	}
	return rs, errors.Join(errs...)
}

// mayMean refuses statuses that no application chooses to answer a password with.
func mayMean(status int, yes, field bool) error {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusProxyAuthRequired:
		return errors.New("that says nothing of a password")
	case status >= 200 && status < 300 && (yes || field):
		return nil
	case status >= 400 && status < 500 && !yes:
		return nil
	}
	return errors.New("want 2xx for yes, and for no 4xx, or 2xx with a field")
}

// statuses are those that mean anything.
func (rs rules) statuses() []int {
	var list []int
	for _, r := range rs {
		list = append(list, r.Status...)
	}
	return list
}

var (
	errPage    = errors.New("the answer is neither empty, nor JSON, nor plain text")
	errNeither = errors.New("the answer is neither a yes nor a no")
	errOurs    = errors.New("the application does not accept our own credentials")
)

// judge reads the answer to a password. auth is the scheme that we came with.
func (rs rules) judge(a *answer, auth string) (verdict, error) {
	if !slices.Contains(rs.statuses(), a.status) {
		return 0, unexpected(a.status)
	}
	if a.status == http.StatusUnauthorized && challenged(a.header, auth) {
		return 0, guard.Answered(errOurs)
	}
	v, err := bodyOf(a)
	if err != nil {
		return 0, guard.Answered(err)
	}
	for _, r := range rs {
		switch {
		case !slices.Contains(r.Status, a.status) || !r.fits(v):
		case r.means != nil:
			return 0, guard.Answered(r.means)
		case r.Field != "":
			return yesProven, nil
		default:
			return yesBare, nil
		}
	}
	return 0, guard.Answered(errNeither)
}

// bodyOf reads the body of a verdict; null if it is empty or plain text, which is what frameworks write by themselves.
func bodyOf(a *answer) (value, error) {
	if len(a.body) == 0 {
		return value{}, nil
	}
	v, err := parseJSON(a.body)
	if err == nil {
		return v, nil
	}
	media, _, mimeErr := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case errors.Is(err, errTwice), errors.Is(err, errTooDeep), errors.Is(err, errNUL):
		return value{}, err
	case mimeErr == nil && media == "text/plain" && utf8.Valid(a.body) && !bytes.ContainsAny(a.body, "<\x00"):
		return value{}, nil
	}
	return value{}, errPage
}

// challenged reports whether a 401 asks for credentials of the scheme that we came with. RFC 9110, section 11.6.1; a
// header may hold several challenges, and only the schemes' names are looked at.
func challenged(header http.Header, auth string) bool {
	if auth == "" {
		return false
	}
	for _, line := range header.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(line, ",") {
			scheme, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if strings.EqualFold(scheme, auth) {
				return true
			}
		}
	}
	return false
}

// A statusError is an answer by a status that means nothing to us.
type statusError int

func (e statusError) Error() string {
	switch int(e) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("it answered %d; does it accept our credentials?", int(e))
	}
	return fmt.Sprintf("it answered %d", int(e))
}

// unexpected is the error for such an answer. An application that is overloaded or broken counts as not answering; one that
// refuses a question is up, and whoever can make it refuse must not be able to open the circuit breaker for all.
func unexpected(status int) error {
	if status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		return statusError(status)
	}
	return guard.Answered(statusError(status))
}
