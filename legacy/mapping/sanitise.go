package mapping

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rekey/legacy"
)

// An EmailCase says in which case an e-mail address is kept.
type EmailCase string

// Cases of an e-mail address. People log in whatever the case: this is only how the address is shown. As stored is the
// default, for the spelling tells namesakes apart where a store tells "Anna@…" from "anna@…".
const (
	EmailAsStored    EmailCase = ""
	EmailLowerDomain EmailCase = "domain"
	EmailLower       EmailCase = "lower"
)

// Sanitise says how texts are cleaned. The zero value does all that is safe. Two things cannot be turned off, because no
// store here holds them: bytes that are not UTF-8, and control characters (in the attributes alone, line feeds and tabs
// stay).
//
// Identifiers are never mended beyond the switches below: one that is too long, not UTF-8, or has a control character
// inside is left out, for a name without the character may be somebody else's name. Roles and groups neither: a role cut
// short may be another role.
type Sanitise struct {
	KeepSpaces bool      // leave white space and invisible characters at the ends
	KeepForm   bool      // leave the Unicode form; otherwise it is NFC
	EmailCase  EmailCase // default: as stored
	// MaxText is the longest display name or attribute, in bytes; the rest is cut off. 0: 4096; at most 16384.
	MaxText int
	// AskAsTyped asks the source only for the spellings that the caller asks for, and not for what cleaning would make of
	// them. It is for a source to which each spelling is a question of its own, such as an HTTP service.
	AskAsTyped bool
}

const (
	defaultMaxText = 4 << 10
	// maxText bounds what a text may have at all, and so what an expression can cost.
	maxText = 16 << 10

	maxIdentifier = 320 // bytes; what an account can have
	maxLocale     = 64  // bytes; BCP 47 tags in use have at most some 35
	maxItem       = 256 // bytes of a role, a group, the name of an attribute
	maxItems      = 256 // roles, groups, attributes
	maxExternal   = 1 << 10
)

// complete checks the switches and fills in the defaults.
func (s *Sanitise) complete() error {
	var errs []error
	switch {
	case s.MaxText < 0 || s.MaxText > maxText:
		errs = append(errs, legacy.Wrong("sanitise.max_text", "want 1 to %d bytes", maxText))
	case s.MaxText == 0:
		s.MaxText = defaultMaxText
	}
	switch s.EmailCase {
	case EmailAsStored, EmailLowerDomain, EmailLower:
	default:
		errs = append(errs, legacy.Wrong("sanitise.email_case", "want domain or lower, or leave it out"))
	}
	return errors.Join(errs...)
}

// user returns a person with clean texts. What it changes is a copy.
func (s Sanitise) user(u legacy.User, found *notes) legacy.User {
	before := len(*found)
	u.Username = s.identifier(u.Username, "username", found)
	u.Email = s.email(u.Email, "email", found)
	u.Phone = s.identifier(u.Phone, "phone", found)
	u.Aliases = s.aliases(u.Aliases, found)
	for _, n := range (*found)[before:] {
		switch n.kind {
		case TooLong, BadUTF8, Control:
			u.LeftOut++
		default:
		}
	}

	p := &u.Profile
	p.DisplayName = s.line(p.DisplayName, "display_name", found)
	p.Locale = s.item(p.Locale, maxLocale, "locale", found)
	p.Roles = s.items(p.Roles, "roles", found)
	p.Groups = s.items(p.Groups, "groups", found)
	p.Attributes = s.attributes(p.Attributes, found)
	p.External = s.external(p.External, found)
	p.TOTP = s.totp(p.TOTP, found)
	return u
}

// identifier returns what somebody types to log in, or "" if it cannot be that.
func (s Sanitise) identifier(text, field string, found *notes) string {
	return s.item(text, maxIdentifier, field, found)
}

// aliases cleans what else somebody types; an address among it is folded as their e-mail is.
func (s Sanitise) aliases(list []string, found *notes) []string {
	var clean []string
	for _, text := range list {
		fold := s.identifier
		if strings.Contains(text, "@") {
			fold = s.email
		}
		if text = fold(text, "aliases", found); text != "" {
			clean = append(clean, text)
		}
	}
	return clean
}

func (s Sanitise) email(text, field string, found *notes) string {
	text = s.identifier(text, field, found)
	lowered := text
	switch at := strings.LastIndexByte(text, '@'); s.EmailCase {
	case EmailAsStored:
	case EmailLowerDomain:
		lowered = text[:at+1] + strings.ToLower(text[at+1:])
		if at < 0 {
			lowered = text // there is no domain
		}
	case EmailLower:
		lowered = strings.ToLower(text)
	}
	if lowered == text {
		return text
	}
	if !s.KeepForm {
		lowered = norm.NFC.String(lowered) // lower case can undo it
	}
	if len(lowered) > maxIdentifier {
		found.add(TooLong, field) // a few letters are longer in lower case
		return ""
	}
	found.add(CaseFolded, field)
	return lowered
}

// item returns a value that names something, and must not become another name: it is mended at its ends or left out.
func (s Sanitise) item(text string, most int, field string, found *notes) string {
	if plain(text, most) {
		return text
	}
	trimmed := s.trim(text, field, found)
	switch {
	case trimmed == "":
		return ""
	case len(trimmed) > most:
		found.add(TooLong, field)
		return ""
	case !utf8.ValidString(trimmed):
		found.add(BadUTF8, field)
		return ""
	case strings.ContainsFunc(trimmed, unicode.IsControl):
		found.add(Control, field)
		return ""
	}
	composed := s.compose(trimmed, field, found)
	if len(composed) > most {
		found.add(TooLong, field) // NFC is longer for a few characters
		return ""
	}
	return composed
}

// items cleans a list of names, and leaves out the empty ones.
func (s Sanitise) items(list []string, field string, found *notes) []string {
	if len(list) > maxItems {
		found.add(TooMany, field)
		list = list[:maxItems]
	}
	var kept []string
	for _, text := range list {
		if text = s.item(text, maxItem, field, found); text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}

// line cleans a text of one line: what breaks it becomes a blank.
func (s Sanitise) line(text, field string, found *notes) string {
	return s.text(text, field, found, func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	})
}

// block cleans a text that may have lines.
func (s Sanitise) block(text, field string, found *notes) string {
	return s.text(text, field, found, func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	})
}

// text cleans a text for reading. control replaces or removes (-1) the control characters.
func (s Sanitise) text(text, field string, found *notes, control func(rune) rune) string {
	if plain(text, s.MaxText) {
		return text
	}
	tooLong := false
	if most := 4 * maxText; len(text) > most { // whatever is done below, it takes no longer than for this much
		text, tooLong = text[:runeStart(text, most)], true
	}
	if !utf8.ValidString(text) {
		found.add(BadUTF8, field)
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if without := strings.Map(control, text); without != text {
		found.add(Control, field)
		text = without
	}
	text = s.trim(text, field, found)
	text = s.compose(text, field, found)
	if len(text) > s.MaxText {
		text, tooLong = text[:runeStart(text, s.MaxText)], true
		if !s.KeepSpaces {
			text = strings.TrimRightFunc(text, atEnds)
		}
	}
	if tooLong {
		found.add(TooLong, field)
	}
	return text
}

// attributes cleans names and values.
func (s Sanitise) attributes(all map[string]string, found *notes) map[string]string {
	if len(all) == 0 {
		return nil
	}
	dirty := len(all) > maxItems
	for name, value := range all {
		if dirty = dirty || name == "" || !plain(name, maxItem) || !plain(value, s.MaxText); dirty {
			break
		}
	}
	if !dirty {
		return all
	}
	// In a fixed order, so that it is always the same ones that are left out; those whose name stays as it is come first.
	type entry struct{ stored, name string }
	entries := make([]entry, 0, len(all))
	for _, stored := range slices.Sorted(maps.Keys(all)) {
		entries = append(entries, entry{stored, s.item(stored, maxItem, "attributes", found)})
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		switch aStays, bStays := a.name == a.stored, b.name == b.stored; {
		case aStays && !bStays:
			return -1
		case bStays && !aStays:
			return 1
		}
		return 0
	})
	kept := make(map[string]string, min(len(all), maxItems))
	for _, e := range entries {
		_, taken := kept[e.name]
		switch {
		case e.name == "" || taken:
			found.add(BadName, "attributes")
		case len(kept) == maxItems:
			found.add(TooMany, "attributes")
			return kept
		default:
			kept[e.name] = s.block(all[e.stored], attributePrefix+e.name, found)
		}
	}
	return kept
}

// external leaves out what cannot be an account at an identity provider. Nothing of the others is changed: a provider
// compares them byte by byte.
func (s Sanitise) external(all []legacy.ExternalIdentity, found *notes) []legacy.ExternalIdentity {
	bad := func(text string) (Kind, bool) {
		switch {
		case len(text) > maxExternal:
			return TooLong, true
		case !utf8.ValidString(text):
			return BadUTF8, true
		case strings.ContainsFunc(text, unicode.IsControl):
			return Control, true
		}
		return "", false
	}
	if len(all) > maxItems {
		found.add(TooMany, "external")
		all = all[:maxItems]
	}
	var kept []legacy.ExternalIdentity
	for _, identity := range all {
		kind, unfit := bad(identity.Provider)
		if !unfit {
			kind, unfit = bad(identity.Subject)
		}
		if unfit {
			found.add(kind, "external")
			continue
		}
		kept = append(kept, identity)
	}
	return kept
}

// totp cleans the names of the generators, and nothing else of them.
func (s Sanitise) totp(all []legacy.TOTP, found *notes) []legacy.TOTP {
	if !slices.ContainsFunc(all, func(t legacy.TOTP) bool { return !plain(t.Name, s.MaxText) }) {
		return all
	}
	all = slices.Clone(all)
	for i := range all {
		all[i].Name = s.line(all[i].Name, "totp", found)
	}
	return all
}

// trim removes what stands around a text unseen.
func (s Sanitise) trim(text, field string, found *notes) string {
	if s.KeepSpaces {
		return text
	}
	trimmed := strings.TrimFunc(text, atEnds)
	if trimmed != text {
		found.add(Trimmed, field)
	}
	return trimmed
}

// atEnds says what is not part of a text at its ends: white space, control characters, and two signs without width that
// come along when a text is copied, the zero width space and the byte order mark.
func atEnds(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u200B' || r == '\uFEFF'
}

func (s Sanitise) compose(text, field string, found *notes) string {
	if s.KeepForm || norm.NFC.IsNormalString(text) {
		return text
	}
	found.add(Composed, field)
	return norm.NFC.String(text)
}

// plain reports whether a text needs no cleaning: printable ASCII without blanks at its ends, or nothing. Nearly every
// text is.
func plain(text string, most int) bool {
	if text == "" {
		return true
	}
	if len(text) > most || text[0] == ' ' || text[len(text)-1] == ' ' {
		return false
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// runeStart returns the last place at or before n where a rune begins, in valid text; in other text it is near n.
func runeStart(text string, n int) int {
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return n
}

// settled returns an identifier as it is compared when it is asked whether two are the same.
func settled(text string) string { return norm.NFC.String(strings.ToLower(text)) }
