package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/gateway"
)

func newAccountFind(c console) *cobra.Command {
	var file *configFlag
	var output *format
	cmd := &cobra.Command{
		Use:   "find QUERY",
		Short: "Look for people in both stores at once",
		Long: `QUERY is something that they log in with, the id of an account, the key of an old store ("shop/4711", or the bare key in each
of them), or, from three characters on, part of what they log in with. At most 50 are listed. A store that does not answer is
named on standard error: whoever is in there alone is not in the list.`,
		Example: "  rekey account find anna@example.org --config rekey.yaml\n  rekey account find shop/4711\n  rekey account find berg -o json",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				found, err := service.Search(ctx, args[0])
				if invalid, ok := errors.AsType[*accounts.InvalidError](err); ok {
					return misuse("QUERY %s", invalid.Reason)
				}
				if err != nil {
					return err
				}
				return printFinding(c, *output, gateway.FindingStateOf(found))
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	return cmd
}

func printFinding(c console, f format, found gateway.FindingState) error {
	if f == asJSON {
		return printJSON(c.out, found)
	}
	if len(found.People) > 0 {
		err := printList(c.out, f, found.People, []column[gateway.FoundState]{
			{"PERSON", func(p gateway.FoundState) string { return visible(personText(p.Source, p.LegacyID, p.ID.String())) }},
			{"NAME", func(p gateway.FoundState) string { return visible(p.Name()) }},
			{"WHERE", func(p gateway.FoundState) string { return p.Where }},
			{"STATE", func(p gateway.FoundState) string { return p.State }},
			{"WHY", func(p gateway.FoundState) string { return visible(p.Why) }},
		})
		if err != nil {
			return err
		}
	} else {
		fmt.Fprintln(c.out, "nobody was found")
	}
	return printUnsearched(c.err, found)
}

// personText names somebody as every command takes it.
func personText(source, legacyID, id string) string {
	if source == "" {
		return id
	}
	return source + "/" + legacyID
}

// unsearched are the words for what was not searched.
var unsearched = map[accounts.NotSearched]string{
	accounts.NotAnswered:     "does not answer: whoever is in there alone is not listed",
	accounts.NotByPart:       "can be asked for whole names alone",
	accounts.NotByID:         "cannot be asked by its own key",
	accounts.NotAllByPart:    "was not searched to the end: say more of the name",
	accounts.NotAskedAnyMore: "is not asked any more in this phase",
}

func printUnsearched(w io.Writer, found gateway.FindingState) error {
	for _, p := range found.Problems {
		if _, err := fmt.Fprintf(w, "%s %s\n", cmp.Or(p.Source, "the new store"), unsearched[p.Problem]); err != nil {
			return err
		}
	}
	if found.More {
		_, err := fmt.Fprintf(w, "there are more than these %d: say more of the name\n", len(found.People))
		return err
	}
	return nil
}
