package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	_ "modernc.org/sqlite" // the legacy store

	"rekey/accounts/phase"
	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/load"
	"rekey/cmd/loadtest/rig"
)

// A person of the legacy store.
type person struct{ name, password, hash string }

// setup says what a server is started with.
type setup struct {
	postgres bool
	people   []person
	// memoryKiB and time are the argon2id policy; 0 means the default.
	memoryKiB, time int
	kernel          string        // "": the fastest
	floor           time.Duration // 0: the default
	in              phase.Phase   // of plan dual-write; 0: the default of a new installation
}

// A server is a running rekey.
type server struct {
	url     string
	client  *http.Client
	cmd     *exec.Cmd
	pg      int           // PID of PostgreSQL's postmaster, 0 without
	started time.Duration // from exec to the first ready answer
	launch  func() *exec.Cmd
	command func(ctx context.Context, args ...string) error // runs rekey on the same configuration
	stop    func() error
}

var serial atomic.Int64

// start makes the stores, starts rekey on them and waits until it is ready.
func (b *bench) start(ctx context.Context, s setup) (*server, error) {
	dir := filepath.Join(b.dir, fmt.Sprint("server", serial.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	old := filepath.Join(dir, "legacy.db")
	if err := writeLegacy(ctx, old, s.people); err != nil {
		return nil, err
	}
	srv := &server{client: load.NewClient()}
	store, drop := "sqlite://"+filepath.Join(dir, "new.db"), func() error { return nil }
	if s.postgres {
		made, err := rig.NewDatabase(ctx, b.postgres)
		if err != nil {
			return nil, err
		}
		store, drop = made.DSN, made.Drop
		if srv.pg, err = rig.ServerPID(ctx, b.postgres); err != nil {
			return nil, errors.Join(err, drop())
		}
	}
	if s.in != 0 {
		if err := settle(ctx, store, s.in); err != nil {
			return nil, errors.Join(err, drop())
		}
	}
	listen, admin, err := rig.FreePorts()
	if err != nil {
		return nil, err
	}
	srv.url = "http://" + listen
	key, err := rig.MasterKey(dir)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "rekey.yaml")
	if err := os.WriteFile(config, []byte(s.yaml(listen, admin, store, old, key)), 0o600); err != nil {
		return nil, err
	}

	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	srv.command = func(ctx context.Context, args ...string) error {
		if out, err := exec.CommandContext(ctx, b.binary, append(args, "--config", config)...).CombinedOutput(); err != nil {
			return fmt.Errorf("rekey %s: %w\n%s", args[0], err, out)
		}
		return nil
	}
	srv.launch = func() *exec.Cmd {
		cmd := exec.Command(b.binary, "serve", "--config", config)
		cmd.Stdout, cmd.Stderr = log, log
		return cmd
	}
	srv.stop = func() error { return errors.Join(srv.end(), log.Close(), drop()) }
	if err := srv.begin(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("%w:\n%s", err, text), srv.stop())
	}
	return srv, nil
}

// begin starts the process and waits until it is ready.
func (s *server) begin() (err error) {
	s.cmd = s.launch()
	s.started, err = rig.Begin(s.cmd, s.client, s.url)
	return err
}

// end stops the process as an operator does.
func (s *server) end() error { return rig.End(s.cmd) }

func (s setup) yaml(listen, admin, store, old, key string) string {
	var y strings.Builder
	fmt.Fprintf(&y, "listen: %s\nadmin: {listen: %s}\nstore: %s\nlimits: off\nissuer: http://%s\n", listen, admin, store, listen)
	fmt.Fprintf(&y, "master_key_file: %s\n", key)
	writes := ""
	if s.in != 0 {
		writes = ", write: {scheme: bcrypt, like: '" + s.people[0].hash + "'}"
		fmt.Fprintf(&y, "plan: %s\n", phase.DualWrite)
	}
	fmt.Fprintf(&y, "legacy:\n  - {name: old, kind: sql, dsn: 'sqlite://%s', table: users, columns: {id: id, username: name, password: hash}%s}\n", old, writes)
	var pw []string
	if s.memoryKiB > 0 {
		pw = append(pw, fmt.Sprintf("memory_kib: %d, time: %d", s.memoryKiB, s.time))
	}
	if s.kernel != "" {
		pw = append(pw, "kernel: "+s.kernel)
	}
	fmt.Fprintf(&y, "password: {%s}\n", strings.Join(pw, ", "))
	if s.floor > 0 {
		fmt.Fprintf(&y, "login: {floor: %s}\n", s.floor)
	}
	return y.String()
}

// pids are the processes that belong to a measurement beside this one and its children.
func (s *server) pids() []int {
	if s.pg == 0 {
		return nil
	}
	return gauge.Family(s.pg)
}

// login asks for one person and returns the status.
func (s *server) login(ctx context.Context, p person) (int, error) {
	return load.Post(ctx, s.client, s.url+"/v1/login", map[string]string{"identifier": p.name, "password": p.password}, nil)
}

// loginTokens logs in and returns both tokens.
func (s *server) loginTokens(ctx context.Context, p person) (access, refresh string, err error) {
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	status, err := load.Post(ctx, s.client, s.url+"/v1/login", map[string]string{"identifier": p.name, "password": p.password}, &answer)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("login answered %d", status)
	}
	return answer.Access, answer.Refresh, err
}

// changePassword changes a password into itself.
func (s *server) changePassword(ctx context.Context, access string) (int, error) {
	return s.bearing(ctx, http.MethodPut, "/v1/account/password", access, fmt.Sprintf(`{"current_password":%q,"new_password":%q}`, typed, typed))
}

// verify asks as forward authentication does.
func (s *server) verify(ctx context.Context, access string) (int, error) {
	return s.bearing(ctx, http.MethodGet, "/v1/verify", access, "")
}

// bearing sends a request with an access token.
func (s *server) bearing(ctx context.Context, method, path, access, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+access)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return load.Do(s.client, req, nil)
}

// migrate logs everybody in once.
func (s *server) migrate(ctx context.Context, people []person) error {
	t, _, err := load.Count(ctx, 4, int64(len(people)), func(ctx context.Context, i int64) (int, error) { return s.login(ctx, people[i]) })
	if err != nil {
		return err
	}
	return t.Only(http.StatusOK)
}

func writeLegacy(ctx context.Context, path string, people []person) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what counts is that the transaction was committed
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL)"); err != nil {
		return err
	}
	for _, p := range people {
		if _, err := tx.ExecContext(ctx, "INSERT INTO users (name, hash) VALUES ($1, $2)", p.name, p.hash); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// bareEchoArg makes this program a server that does nothing, to compare a route with.
const bareEchoArg = "bare-echo"

func serveBareEcho() error {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, e)
}

// startBareEcho runs it and returns its address.
func startBareEcho(ctx context.Context) (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, bareEchoArg)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		return "", nil, err
	}
	return "http://" + addr + "/", func() {
		_ = cmd.Process.Kill() // it holds nothing
		_ = cmd.Wait()         // "signal: killed" is what is meant
	}, nil
}
