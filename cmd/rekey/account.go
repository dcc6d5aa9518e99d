package main

import "github.com/spf13/cobra"

func newAccount(c console) *cobra.Command {
	return group("account", "Help one person",
		`A person is named by the id of their account, or by what they log in with. Nobody can see, set or use a password here.`,
		accountHelp(c)...)
}
