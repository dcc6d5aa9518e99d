// Command rekey is a login gateway that moves its users out of an old store. `rekey help` says what it can do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr, os.Environ()}))
}

// run executes one command and returns the exit code. The first SIGINT or SIGTERM ends ctx, so that a command can
// finish what it has begun; the second ends the process at once.
func run(ctx context.Context, args []string, c console) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // hands the second signal back to the system

	root := newRoot(c)
	root.SetArgs(args)
	return c.report(root.ExecuteContext(ctx))
}
