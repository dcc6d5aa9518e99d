package web

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

const emailTitle = "Confirm your e-mail address"

// ConfirmEmail asks for one click more: the link alone may have been opened by a machine.
func ConfirmEmail(token string) Page {
	return Page{emailTitle, []g.Node{h.Form(
		h.Method("post"), h.Action("/email"),
		h.Input(h.Type("hidden"), h.Name("token"), h.Value(token)),
		h.Button(h.Type("submit"), g.Text("Confirm")),
	)}}
}

// EmailNotConfirmed says what was wrong.
func EmailNotConfirmed(said ...string) Page { return Page{emailTitle, []g.Node{alert(said)}} }

// EmailConfirmed says that it is done.
func EmailConfirmed() Page {
	return Page{"Your e-mail address is confirmed", []g.Node{h.P(g.Text("You can close this page."))}}
}
