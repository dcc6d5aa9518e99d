package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"rekey/cmd/chaos/proxy"
)

// The lines of a gateway.
const (
	PostgreSQL = "postgresql"
	MariaDB    = "mariadb"
	Redis      = "redis"
	Clients    = "clients" // who log in
)

// Lines returns the lines of a gateway, in a fixed order.
func Lines() []string { return []string{PostgreSQL, MariaDB, Redis, Clients} }

// A Gateway is one process of rekey, with a proxy on each of its lines.
type Gateway struct {
	URL   string // for those who log in, through the proxy
	Admin string // for staff, past it
	Lines map[string]*proxy.Proxy

	binary, config, direct string
	env                    []string
	log                    *os.File

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
}

// prepare makes the proxies and the configuration of a gateway, and ports that stay its own when it starts anew.
func (s *Stage) prepare(i int, keyFile string, servers map[string]*url.URL) (*Gateway, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	g := &Gateway{binary: s.Config.Binary, direct: "http://" + listen, Admin: "http://" + admin, Lines: map[string]*proxy.Proxy{}}
	through := map[string]string{}
	for _, line := range Lines() {
		target := listen
		if line != Clients {
			target = servers[line].Host
		}
		p, err := proxy.New(target)
		if err != nil {
			return nil, err
		}
		s.undo = append(s.undo, p.Close)
		g.Lines[line] = p
		if line == Clients {
			g.URL = "http://" + p.Address()
			continue
		}
		dsn := *servers[line]
		dsn.Host = p.Address()
		through[line] = dsn.String()
	}
	g.config = filepath.Join(s.Config.Dir, fmt.Sprintf("gateway%d.yaml", i))
	// Hashes are cheap, and made few at a time: what is tried here is not their price. A refusal need not wait. The gates that ask
	// for time and traffic are open; those that ask whether the stores are equal are as they are for everybody.
	text := fmt.Sprintf(`listen: %s
admin: {listen: %s}
store: %q
redis: %q
master_key_file: %s
issuer: http://chaos.test
limits: off
plan: %s
drain: 0s
login: {floor: 10ms}
password: {memory_kib: 8, time: 1}
phase: {limits: {soak: {shadow: 0s, both: 0s, ramp: 0s, new_first: 0s}, ramp_step: 0s, min_shadow_writes: 0, shadow_failure_rate: 1, min_shadow_reads: 0, mirrored_share: 0, read_error_rate: 1, p99_floor: 1m}}
mail: {smtp: "smtp://%s?tls=off", from: login@chaos.test}
legacy:
  - {name: %s, kind: sql, dsn: %q, preset: wordpress, timeout: 1s, copy_back: full, write: {like: %q}, reconcile: {most_changed: 100}}
`, listen, admin, through[PostgreSQL], through[Redis], keyFile, s.Config.Plan, s.Mailbox.listener.Addr(), Source, through[MariaDB], Example)
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if g.log, err = os.Create(filepath.Join(s.Config.Dir, fmt.Sprintf("gateway%d.log", i))); err != nil {
		return nil, err
	}
	if s.Config.Without != "" {
		g.env = append(g.env, "REKEY_FAILPOINT_WITHOUT="+s.Config.Without)
	}
	s.undo = append(s.undo, func() error {
		g.Kill()
		return g.log.Close()
	})
	return g, nil
}

// Example is a stored hash of the old store: phpass at its least cost, 128 rounds.
const Example = "$P$5abcdefghXf9bG7Ac4zYr4vGd8dZ9j."

// Guesses is how many wrong passwords of one name are looked at in ten minutes, once Limit was called.
const Guesses = 10

// Limit starts all processes anew, with a ceiling to the guesses at a name.
func (s *Stage) Limit(ctx context.Context) error {
	limits := fmt.Sprintf("limits: {address: {count: 10000, per: 1m, burst: 10000}, identifier: {count: %d, per: 10m, burst: %[1]d}}", Guesses)
	for _, g := range s.Gateways {
		text, err := os.ReadFile(g.config)
		if err != nil {
			return err
		}
		if err := os.WriteFile(g.config, bytes.Replace(text, []byte("limits: off"), []byte(limits), 1), 0o600); err != nil {
			return err
		}
		g.Kill()
	}
	return s.Start(ctx, 0)
}

// freeAddress is one of a loopback host of its own, where no connection going out takes the port while a process is down, and no
// other process is given it.
func freeAddress() (string, error) {
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand8()%254, rand8(), 1+rand8()%254)
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", host+":0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Start starts the process, with a clock that is wrong by skew.
func (g *Gateway) Start(skew time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	cmd := exec.Command(g.binary, "serve", "--config", g.config)
	cmd.Env = append(os.Environ(), g.env...)
	cmd.Env = append(cmd.Env, "REKEY_FAILPOINT_CLOCK="+skew.String())
	cmd.Stdout, cmd.Stderr = g.log, g.log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(ended)
	}()
	g.cmd, g.ended = cmd, ended
	return nil
}

// Kill ends the process with SIGKILL and waits for it.
func (g *Gateway) Kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Kill() // it may have ended by itself
	<-g.ended
	g.cmd = nil
}

// Signal sends a signal to the process, if it runs.
func (g *Gateway) Signal(s syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cmd != nil {
		_ = g.cmd.Process.Signal(s) // it may have ended by itself
	}
}

// Await waits until the process is ready. Its error is that of ctx, or says that it has ended.
func (g *Gateway) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	g.mu.Lock()
	ended := g.ended
	g.mu.Unlock()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.direct+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close() // only the status counts
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", g.direct, ctx.Err(), g.words())
		case <-ended:
			return errors.New("rekey has ended:\n" + g.words())
		case <-time.After(20 * time.Millisecond): // another process tells only when it is asked
		}
	}
}

// Command runs a command of rekey with the gateway's configuration: it reaches the stores as the gateway does.
func (g *Gateway) Command(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, g.binary, append(args, "--config", g.config, "--reason", "chaos")...)
	cmd.Stdout, cmd.Stderr = g.log, g.log
	return cmd.Run()
}

// words are the last of its log.
func (g *Gateway) words() string {
	text, err := os.ReadFile(g.log.Name())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// Logs are the files that the processes write.
func (s *Stage) Logs() []string {
	var files []string
	for _, g := range s.Gateways {
		files = append(files, g.log.Name())
	}
	return files
}
