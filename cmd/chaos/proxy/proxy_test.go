package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// echo answers each line, and says on heard that it came.
func echo(t *testing.T) (address string, heard <-chan string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	lines := make(chan string, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for scan := bufio.NewScanner(conn); scan.Scan(); {
					lines <- scan.Text()
					fmt.Fprintln(conn, scan.Text())
				}
			}()
		}
	}()
	return listener.Addr().String(), lines
}

func start(t *testing.T) (p *Proxy, heard <-chan string, conn net.Conn, answers *bufio.Reader) {
	t.Helper()
	target, heard := echo(t)
	p, err := New(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	conn = dial(t, p)
	answers = bufio.NewReader(conn)
	say(t, conn, "hello")
	want(t, answers, "hello")
	<-heard
	return p, heard, conn, answers
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := fmt.Fprintln(conn, text); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, answers *bufio.Reader, text string) {
	t.Helper()
	if got, err := answers.ReadString('\n'); got != text+"\n" {
		t.Fatalf("%q, %v; want %q", got, err, text)
	}
}

// What was said while the network was cut arrives when it is whole again.
func TestHang(t *testing.T) {
	t.Parallel()
	p, heard, conn, answers := start(t)
	p.Set(Hang, 0)
	say(t, conn, "late")
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := answers.Peek(1); err == nil {
		t.Fatal("it was answered")
	}
	if len(heard) > 0 {
		t.Fatal("it arrived")
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	p.Set(None, 0)
	want(t, answers, "late")
}

func TestSlow(t *testing.T) {
	t.Parallel()
	p, _, conn, answers := start(t)
	p.Set(Slow, 10*time.Millisecond)
	begin := time.Now()
	say(t, conn, "slow")
	want(t, answers, "slow")
	if took := time.Since(begin); took < 20*time.Millisecond {
		t.Errorf("there and back in %s", took)
	}
}

// What is asked arrives, and nobody hears the answer.
func TestDeaf(t *testing.T) {
	t.Parallel()
	p, heard, conn, answers := start(t)
	p.Set(Deaf, 0)
	say(t, conn, "anybody there?")
	if got := <-heard; got != "anybody there?" {
		t.Errorf("heard %q", got)
	}
	if _, err := answers.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
}

// Only the end of a transaction is not answered, and it arrives.
func TestUnheard(t *testing.T) {
	t.Parallel()
	p, heard, conn, answers := start(t)
	p.Set(Unheard, 0)
	say(t, conn, "update")
	want(t, answers, "update")
	<-heard
	say(t, conn, "commit")
	if got := <-heard; got != "commit" {
		t.Errorf("heard %q", got)
	}
	if _, err := answers.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
	again := dial(t, p)
	say(t, again, "select")
	want(t, bufio.NewReader(again), "select")
}

func TestReset(t *testing.T) {
	t.Parallel()
	p, heard, conn, answers := start(t)
	p.Set(Reset, 0)
	say(t, conn, "lost")
	if _, err := answers.ReadString('\n'); err == nil {
		t.Error("it was answered")
	}
	if fresh, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.Address()); err == nil { // it may be reset that soon
		if _, err := fresh.Read(make([]byte, 1)); err == nil {
			t.Error("a new connection is carried")
		}
		_ = fresh.Close()
	}
	if len(heard) > 0 {
		t.Error("it arrived")
	}
	p.Set(None, 0)
	again := dial(t, p)
	say(t, again, "back")
	want(t, bufio.NewReader(again), "back")
}
