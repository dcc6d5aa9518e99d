package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	xargon2 "golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"rekey/accounts/password/argon2"
	"rekey/cmd/loadtest/gauge"
)

// costs are argon2id policies, and what of x/crypto's CPU a hash may take; 0: there is no goal.
var costs = []struct {
	memory, time uint32 // MiB, passes
	lanes        uint8
	most         float64
}{{19, 2, 1, 0.5}, {46, 1, 1, 0.6}, {64, 3, 4, 0.75}, {12, 3, 1, 0}, {7, 5, 1, 0}}

// hashing: CPU for a hash by each kernel of this machine, over that of golang.org/x/crypto.
func hashing(ctx context.Context, b *bench) ([]gauge.Result, error) {
	var results []gauge.Result
	salt, key := []byte("0123456789abcdef"), make([]byte, 0, 32)
	for i, name := range argon2.Kernels() {
		if name == argon2.Generic {
			continue
		}
		d, err := argon2.New(argon2.Config{Kernel: name})
		if err != nil {
			return nil, err
		}
		for _, c := range costs {
			p := argon2.Params{Variant: argon2.ID, Version: argon2.Version13, Time: c.time, Memory: c.memory << 10, Lanes: c.lanes, Length: 32}
			ours := b.cpuOf(func() { d.Append(key, p, argon2.Input{Password: []byte(typed), Salt: salt}) })
			m, others, err := b.compare(ctx, func() []int { return nil }, ours, b.cpuOf(func() {
				xargon2.IDKey([]byte(typed), salt, p.Time, p.Memory, p.Lanes, p.Length)
			}))
			if err != nil {
				return nil, err
			}
			r := gauge.Result{
				What:  fmt.Sprintf("CPU of argon2id by %s over x/crypto's, %d MiB, t=%d, p=%d", name, c.memory, c.time, c.lanes),
				Value: f2(m[0] / m[1]), Goal: "-", Met: true, Others: others,
				Detail: fmt.Sprintf("%.2f ms / %.2f ms%s", 1e3*m[0], 1e3*m[1], inC(ctx, p)),
			}
			if i == 0 && c.most > 0 { // the one that is used
				r.Goal, r.Met = "<= "+f2(c.most), m[0]/m[1] <= c.most
			}
			results = append(results, r)
		}
	}
	if len(results) == 0 {
		return nil, errors.New("this processor has none of the kernels")
	}
	return results, nil
}

// inC says what the reference program, Debian's argon2, takes for a hash, its start included; "" where it is not installed.
func inC(ctx context.Context, p argon2.Params) string {
	const hashes = 10
	var took time.Duration
	for range hashes {
		cmd := exec.CommandContext(ctx, "argon2", "0123456789abcdef", "-id", "-t", strconv.FormatUint(uint64(p.Time), 10), "-k", strconv.FormatUint(uint64(p.Memory), 10), "-p", strconv.FormatUint(uint64(p.Lanes), 10))
		cmd.Stdin = strings.NewReader(typed)
		if err := cmd.Run(); err != nil {
			return ""
		}
		took += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return fmt.Sprintf("; the reference program in C takes %.2f ms", 1e3*took.Seconds()/hashes)
}

// cpuOf returns a side that measures the CPU of this process for one call, in seconds.
func (b *bench) cpuOf(do func()) gauge.Side {
	return func(ctx context.Context) (float64, error) {
		do() // warm
		runtime.GC()
		before, calls := ownCPU(), 0
		for until := time.Now().Add(b.span); time.Now().Before(until) && ctx.Err() == nil; calls++ {
			do()
		}
		return (ownCPU() - before).Seconds() / float64(max(calls, 1)), ctx.Err()
	}
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // of this process it cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// kernels: logins a second with the fastest kernel over those without one.
func kernels(ctx context.Context, b *bench) ([]gauge.Result, error) {
	crowd, err := people(64, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	side := func(kernel string) gauge.Side {
		return func(ctx context.Context) (rate float64, err error) {
			err = b.with(ctx, setup{people: crowd, kernel: kernel}, func(srv *server) error {
				if err := srv.migrate(ctx, crowd); err != nil {
					return err
				}
				rate, err = b.logins(srv, crowd, 8)(ctx)
				return err
			})
			return rate, err
		}
	}
	m, others, err := b.compare(ctx, func() []int { return nil }, side("auto"), side(argon2.Generic))
	if err != nil {
		return nil, err
	}
	return []gauge.Result{{
		What: "logins/s of 8 clients with the kernel over those without, SQLite", Value: f2(m[0] / m[1]), Goal: "-", Met: true,
		Detail: fmt.Sprintf("%.1f / %.1f", m[0], m[1]), Others: others,
	}}, nil
}
