// Command rekey is a login gateway that moves its users out of an old store. `rekey help` says what it can do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // for the sweeper's windows, where the machine has no zones: 450 KB
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr, os.Environ()}))
}

// run executes one command and returns the exit code.
func run(ctx context.Context, args []string, c console) int {
	ctx, stop := withSignals(ctx)
	defer stop()
	root := newRoot(c) //nolint:contextcheck // a command has its context from cobra, when it runs
	root.SetArgs(args)
	return c.report(root.ExecuteContext(ctx))
}

// withSignals ends the context at the first SIGINT or SIGTERM, so that a command can finish what it has begun. From then
// on signals are the system's again, so that the second ends the process at once: they are handed back before the
// context ends, or a second one in between would be lost.
func withSignals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}
