package e2e

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A postgres is a server of a test's own, which can be killed. It forgets on a power cut, and on nothing else.
type postgres struct {
	t        *testing.T
	bin, dir string
	addr     string
	as       *syscall.SysProcAttr
	cmd      *exec.Cmd
	log      *lockedBuffer
}

// newPostgres makes one and starts it. It returns its DSN too.
func newPostgres(t *testing.T) (*postgres, string) {
	t.Helper()
	need(t, "REKEY_TEST_POSTGRES", "PostgreSQL")             // where it is, its programs are
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian keeps them out of PATH
	if err != nil || len(found) == 0 {
		t.Fatalf("no PostgreSQL is installed (%v)", err)
	}
	dir, err := os.MkdirTemp("", "rekey-e2e-pg-") //nolint:usetesting // whose account is another has to reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it is in the folder for what is temporary
	p := &postgres{t: t, bin: found[len(found)-1], dir: dir, addr: freeAddress(t), log: &lockedBuffer{}, as: &syscall.SysProcAttr{}}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		account, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if uidErr != nil || gidErr != nil {
			t.Fatal(uidErr, gidErr)
		}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
		p.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	if out, err := p.command("initdb", "--pgdata", dir+"/data", "--username", "rekey", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("log of PostgreSQL:\n%s", p.log)
		}
	})
	return p, (&url.URL{Scheme: "postgres", User: url.User("rekey"), Host: p.addr, Path: "/postgres", RawQuery: "sslmode=disable"}).String()
}

// command is one of its programs, in its folder, as its account.
func (p *postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = p.dir, p.as
	return cmd
}

// start starts it and waits until it answers.
func (p *postgres) start() {
	p.t.Helper()
	host, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		p.cmd = p.command("postgres", "-D", p.dir+"/data", "-c", "listen_addresses="+host, "-p", port, "-c", "unix_socket_directories=", "-c", "fsync=off")
		p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
		if err := p.cmd.Start(); err != nil {
			p.t.Fatal(err)
		}
		ended := make(chan struct{})
		go func(cmd *exec.Cmd) {
			_ = cmd.Wait() // it is killed
			close(ended)
		}(p.cmd)
		for running := true; running; {
			if p.command("pg_isready", "--quiet", "--host", host, "--port", port).Run() == nil {
				return
			}
			select {
			case <-ended: // those whom the last one has left behind had not ended yet
				running = false
			case <-time.After(50 * time.Millisecond): // another process tells only when it is asked
			}
		}
	}
	p.t.Fatalf("PostgreSQL did not start:\n%s", p.log)
}

// kill ends it with SIGKILL. The processes of its connections end when they see that it has gone.
func (p *postgres) kill() { _ = p.cmd.Process.Kill() }

// PostgreSQL is killed twice in the middle of the run, and started again. The gateway and the workers go on.
func sweepKilledStore(t *testing.T) {
	f := newShop(t, 3000)
	var server *postgres
	server, f.store = newPostgres(t)
	f.gateway = start(t, "", f.configuration(f.oldDSN, f.store, ""))
	f.worker()
	f.worker()
	f.set(`{"state": "running", "accounts_per_second": 300, "workers": 4, "chunk": 300, "batch": {"target_ms": 100, "max": 30}, ` + ungoverned + `}`)
	for range 2 {
		f.moving("the sweep goes on")
		server.kill()
		waitFor(t, "a login without a store", func() bool { return f.login(t, "user1", "password").status == http.StatusServiceUnavailable })
		server.start()
	}
	f.moving("the sweep goes on")
	f.finish()
	f.exactly()
	f.mustLogin(t, "user1", "password")
}
