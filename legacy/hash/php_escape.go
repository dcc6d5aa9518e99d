package hash

import (
	"bytes"
	"maps"
	"strings"

	"rekey/legacy"
)

// A phpEscape is what an application did to every field of a request before its hasher saw the password. It maps
// different passwords to different ones, so what is rehashed is what was typed.
type phpEscape struct {
	changes  string // the bytes that it replaces
	longest  int    // bytes of the longest replacement
	replacer *strings.Replacer
}

// phpEscapes are the values of the parameter "escape"; escapeNone is another.
var phpEscapes = map[string]phpEscape{
	// htmlspecialchars: phpBB 3 (phpbb/request), OpenCart before 3 (system/library/request.php)
	"html": {`&<>"`, len("&quot;"), strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")},
	// addslashes: WordPress (wp_magic_quotes in wp-includes/load.php)
	"slashes": {"'\"\\\x00", len(`\\`), strings.NewReplacer("'", `\'`, `"`, `\"`, `\`, `\\`, "\x00", `\0`)},
}

const escapeNone = "none"

// phpReadings lets a scheme take the parameter "escape": "html", "slashes", or "none" for the password as it was
// typed. Where it is absent, the password is read as it was typed; and if habit names an escape, in that reading too.
//
// An application has both in one table. WordPress's login and profile pages hash what was escaped, while its WP-CLI,
// REST interface and some plug-ins do not; phpBB's and OpenCart's importers do not either.
func phpReadings(parse parseFunc, habit string) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		declared, ok := s.Params["escape"]
		switch {
		case ok:
			return openReading(e, s, parse, declared)
		case habit == "":
			return parse(e, s)
		}
		h, err := parse(e, s)
		if err != nil {
			return nil, err
		}
		for _, escape := range []string{escapeNone, habit} {
			reading, err := openReading(e, withEscape(s, escape), parse, escape)
			if err != nil {
				return nil, err
			}
			h.readings = append(h.readings, reading)
		}
		return h, nil
	}
}

// withEscape declares an escape, without changing the map of the caller.
func withEscape(s legacy.Stored, escape string) legacy.Stored {
	params := maps.Clone(s.Params)
	if params == nil {
		params = map[string]string{}
	}
	params["escape"] = escape
	s.Params = params
	return s
}

// openReading opens s as hashes of passwords that were escaped.
func openReading(e *env, s legacy.Stored, parse parseFunc, escape string) (*Hash, error) {
	esc, ok := phpEscapes[escape]
	if !ok && escape != escapeNone {
		return nil, malformed(`parameter escape must be "html", "slashes" or "none"`)
	}
	h, err := parse(e, s)
	if err != nil || escape == escapeNone {
		return h, err
	}
	inner, trims := h.compute, h.Fold == FoldTrim
	h.changes = esc.changes
	h.compute = func(password []byte) []byte {
		if trims && len(phpTrim(password)) != len(bytes.Trim(password, " \n\r\t\v")) {
			return nil // the old system kept a NUL at the edge, as \0, but the fold that is stored would cut it
		}
		return inner([]byte(esc.replacer.Replace(string(password))))
	}
	if h.Limit > 0 {
		h.Limit = max(1, h.Limit/esc.longest) // the scheme counts escaped bytes
	}
	return h, nil
}
