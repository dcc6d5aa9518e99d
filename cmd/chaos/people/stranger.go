package people

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// LookAlike tries a wrong password of everybody, and of names that nobody has, at one gateway or another, and says whose refusal tells
// them from the others by status, headers or body (I15). The clock is not looked at: on a machine that does more than this it tells
// of that. It is for when nothing is faulty.
func (c *Crowd) LookAlike(ctx context.Context) []string {
	var names []string
	for i, p := range c.people {
		names = append(names, p.name)
		if i%8 == 0 {
			names = append(names, "nobody"+strconv.Itoa(i), c.Address("nobody"+strconv.Itoa(i)), c.Address(p.name))
		}
	}
	var findings []string
	first := ""
	for i, name := range names {
		refusal, err := c.refusal(ctx, c.Doors[i%len(c.Doors)], name)
		for range 10 {
			if err == nil && !strings.HasPrefix(refusal, "503") {
				break
			}
			select { // a store was slower than its deadline, on a machine that does more than this
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
			refusal, err = c.refusal(ctx, c.Doors[i%len(c.Doors)], name)
		}
		if err != nil {
			findings = append(findings, fmt.Sprintf("I15: a wrong password of %s is not answered: %v", name, err))
			continue
		}
		if first == "" {
			first = refusal
		}
		if refusal != first {
			findings = append(findings, fmt.Sprintf("I15: a wrong password of %s is answered\n%s\nand that of %s\n%s", names[0], first, name, refusal))
		}
	}
	return findings
}

// refusal is the answer to a wrong password: all of it but what is another for each request.
func (c *Crowd) refusal(ctx context.Context, door Door, name string) (string, error) {
	body, err := json.Marshal(fields{"identifier": name, "password": Text(name, "wrong")})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, door.Public+"/v1/login", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, res.StatusCode)
	headers := make([]string, 0, len(res.Header))
	for name := range res.Header {
		headers = append(headers, name)
	}
	slices.Sort(headers)
	for _, name := range headers {
		values := res.Header[name]
		if name == "Date" || name == "X-Request-Id" {
			values = nil
		}
		fmt.Fprintln(&b, name, values)
	}
	return b.String() + string(answer), nil
}

// Guess tries so many wrong passwords of one name at the same moment, at all gateways, and says if more than the ceiling of each
// were looked at (I16): where Redis does not answer in time, each counts for itself.
func (c *Crowd) Guess(ctx context.Context, tries, ceiling int) []string {
	var all sync.WaitGroup
	var looked atomic.Int64
	for i := range tries {
		all.Go(func() {
			refusal, err := c.refusal(ctx, c.Doors[i%len(c.Doors)], c.people[0].name)
			if err == nil && strings.HasPrefix(refusal, "401") {
				looked.Add(1)
			}
		})
	}
	all.Wait()
	if n := looked.Load(); n > int64(ceiling*len(c.Doors)) {
		return []string{fmt.Sprintf("I16: of %d guesses at once %d were looked at; %d may be, at each gateway", tries, n, ceiling)}
	}
	return nil
}
