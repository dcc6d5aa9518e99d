package hash

import (
	"strings"

	"rekey/legacy"
)

// phpEscaped lets a scheme take the parameter "escape": what the application did to every request field before its
// hasher saw the password.
//
//   - "html": & < > and " became entities (htmlspecialchars). phpBB 3 and OpenCart before 3 do.
//   - "slashes": ' " and \ got a backslash, NUL became \0 (addslashes). WordPress's own login and profile pages do;
//     its WP-CLI, REST interface and some plug-ins do not, which is why it is not the default.
//
// Both map different passwords to different ones, so what is rehashed is what was typed.
func phpEscaped(parse func(*env, legacy.Stored) (*Hash, error)) func(*env, legacy.Stored) (*Hash, error) {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		var replacer *strings.Replacer
		var growth int // how many bytes the longest replacement has
		switch textParam(s, "escape", "") {
		case "":
			return parse(e, s)
		case "html":
			replacer, growth = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;"), len("&quot;")
		case "slashes":
			replacer, growth = strings.NewReplacer("'", `\'`, `"`, `\"`, `\`, `\\`, "\x00", `\0`), len(`\\`)
		default:
			return nil, malformed(`parameter escape must be "html" or "slashes"`)
		}
		h, err := parse(e, s)
		if err != nil {
			return nil, err
		}
		inner := h.compute
		h.compute = func(password []byte) []byte { return inner([]byte(replacer.Replace(string(password)))) }
		if h.Limit > 0 {
			h.Limit = max(1, h.Limit/growth) // the scheme counts escaped bytes
		}
		return h, nil
	}
}
