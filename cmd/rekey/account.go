package main

import "github.com/spf13/cobra"

func newAccount(c console) *cobra.Command {
	return group("account", "Look one person up in both stores, and help them",
		`A person is named by the id of their account, as "source/legacy id", or by what they log in with.`,
		accountDesk(c)...)
}
