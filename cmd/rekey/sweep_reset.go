package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"rekey/accounts"
)

// confirmReset says how many people of some sources will lose their passwords, and asks whether that is meant, unless somebody has said
// so. Its error is a misuse where it is not meant, nobody can be asked, or no mail is sent; or says that the phase does not let it be.
func (c console) confirmReset(ctx context.Context, service *accounts.Service, sources []string, meant bool) error {
	if err := service.Moves(accounts.KeepReset); err != nil {
		return asMisuse(err)
	}
	at, err := service.Progress(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.err, resetWarning(at, sources))
	if meant {
		return nil
	}
	if f, ok := c.in.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return misuse("--hash reset wants --yes where nobody can be asked")
	}
	return c.askYes()
}

// askYes returns a misuse unless the answer is yes.
func (c console) askYes() error {
	fmt.Fprint(c.err, "Type yes to go on: ")
	answer, _ := bufio.NewReader(io.LimitReader(c.in, 64)).ReadString('\n') // what cannot be read is no yes
	if strings.TrimSpace(answer) != "yes" {
		return misuse("--hash reset was not confirmed: nothing was changed")
	}
	return nil
}

// resetWarning says who will lose their password.
func resetWarning(at accounts.Progress, sources []string) string {
	var of []string
	for _, source := range at.Sources {
		switch {
		case !slices.Contains(sources, source.Source):
		case source.Unmoved == nil:
			of = append(of, source.Source+": nobody knows how many")
		default:
			of = append(of, fmt.Sprintf("%s: up to %d people", source.Source, source.Unmoved.High))
		}
	}
	return "who has not moved yet (" + strings.Join(of, ", ") + ") loses the password that they have, and has to set a new one by a link in a mail; nothing takes that back"
}
