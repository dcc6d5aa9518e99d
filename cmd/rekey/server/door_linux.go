package server

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// letLastIn returns when nobody stands at a listener any more, so that it can be closed: closing it resets whatever
// connections are made and not accepted yet. First a filter keeps new ones from being begun: to a client, its SYN is lost,
// and sent again to a port that is closed then. Handshakes that have begun get the given time to end, and whoever is
// accepts goes on until nobody is left, or ctx ends. Where the filter is not allowed, a few may still come and be reset.
func letLastIn(ctx context.Context, listener *net.TCPListener, handshakes time.Duration) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, noNewcomers()) // see above
	})
	wait := time.NewTimer(handshakes)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		waiting := false
		err := raw.Control(func(fd uintptr) {
			n, pollErr := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			waiting = pollErr == nil && n > 0
		})
		if err != nil || !waiting {
			return
		}
		wait.Reset(time.Millisecond) // it is accepted as soon as there is a core for that
	}
}

// noNewcomers is a program of classic BPF over a TCP header: no packet with SYN and without ACK.
func noNewcomers() *unix.SockFprog {
	const (
		flags    = 13 // offset, RFC 9293, section 3.1
		syn, ack = 0x02, 0x10
	)
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	return &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
}
