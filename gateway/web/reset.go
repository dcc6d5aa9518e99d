package web

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// AskReset asks whose password is to be reset. said is what was wrong the last time.
func AskReset(said ...string) Page {
	return Page{"Forgot your password?", []g.Node{alert(said), h.Form(
		h.Method("post"), h.Action("/reset"),
		h.Label(h.For("identifier"), g.Text("User name or e-mail address")),
		h.Input(h.ID("identifier"), h.Name("identifier"), h.AutoComplete("username"), h.Required(), h.AutoFocus()),
		h.Button(h.Type("submit"), g.Text("Send me a link")),
	)}}
}

// ResetAsked says the same to everybody.
func ResetAsked() Page {
	return Page{"Look into your mailbox", []g.Node{
		h.P(g.Text("If there is an account of that name, a link is on its way to its e-mail address. It works for ten minutes.")),
	}}
}

// NewPassword asks for the new password of whom a token is for. said is what was wrong the last time.
func NewPassword(token string, said ...string) Page {
	return Page{"Set a new password", []g.Node{alert(said), h.Form(
		h.Method("post"), h.Action("/reset"),
		h.Input(h.Type("hidden"), h.Name("token"), h.Value(token)),
		h.Label(h.For("new_password"), g.Text("New password")),
		h.Input(h.ID("new_password"), h.Type("password"), h.Name("new_password"), h.AutoComplete("new-password"), h.Required(), h.AutoFocus()),
		h.Button(h.Type("submit"), g.Text("Set the password")),
	)}}
}

// LinkDead says that a token does not count.
func LinkDead(said ...string) Page {
	return Page{"Set a new password", []g.Node{alert(said), h.P(h.A(h.Href("/reset"), g.Text("Ask for a new link")))}}
}

// PasswordSet says that it is done.
func PasswordSet() Page {
	return Page{"Your password is set", []g.Node{h.P(g.Text("Log in with it. All devices that were logged in have been logged out."))}}
}
