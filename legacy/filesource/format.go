package filesource

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A format is what one system's exports look like.
type format struct {
	name    string
	frame   frame
	columns map[string][]string // what it has by itself: target -> columns, the first that a record has is taken
	// fill reads what no single column says: hashes, second factors, identities. nil: nothing.
	fill func(v value, p *person) *fault
	// key makes the key of a record that has none in its column. nil: nothing does.
	key func(v value) string
	// ignore tells records that are no people, such as service accounts. nil: none are.
	ignore func(v value) bool
	// hidden are the columns that fill reads; with all below them they are left out of Extra.
	hidden []string
	// generic formats know nothing of their columns, and take the scheme from the configuration.
	generic bool
	// hashless formats never hold a hash.
	hashless bool
	// needs is a parameter without which no hash can be verified; "" for none.
	needs string
	// scheme is what hashes are, unless fill says so for each.
	scheme string
}

// A frame is how a file is cut into records.
type frame int

const (
	frameLines frame = iota // JSON lines, or a JSON array of the same
	frameUsers              // {"users": […]}
	frameTable              // CSV with a header
	frameAny                // frameTable, or what begins with a brace or a bracket as frameLines
)

// formats is the table.
func formats() []format {
	return []format{
		{name: "csv", frame: frameTable, generic: true},
		{name: "jsonl", frame: frameLines, generic: true},
		auth0Format(), firebaseFormat(), keycloakFormat(), cognitoFormat(), oktaFormat(),
	}
}

// Formats returns the names of the formats.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

func findFormat(name string) (format, error) {
	for _, f := range formats() {
		if f.name == name {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("format %q: want one of %s", name, strings.Join(Formats(), ", "))
}

// scan returns what walks a stream of the frame, and whether it is a table.
func (f frame) scan(s *stream, separator byte) (scanner, bool, error) {
	if f == frameUsers {
		return &array{in: s, list: "users"}, false, nil
	}
	first, err := s.first()
	if err != nil && (f == frameTable || f == frameAny) {
		first = 0 // newTable finds out
	}
	switch {
	case f == frameTable, f == frameAny && first != '{' && first != '[':
		t, err := newTable(s, separator)
		return t, true, err
	case first == '[':
		return &array{in: s}, false, nil
	}
	return &lines{in: s}, false, nil
}

// cognitoFormat is the CSV whose header GetCSVHeader gives, as user import jobs take it and export tools write it. Cognito
// shows no hash to anybody, so nobody's password can be verified.
func cognitoFormat() format {
	return format{
		name: "cognito", frame: frameTable, hashless: true,
		columns: map[string][]string{
			"id": {"cognito:username"}, "username": {"cognito:username"}, "email": {"email"}, "phone": {"phone_number"},
			"display_name": {"name"}, "locale": {"locale"},
			"email_verified": {"email_verified"}, "phone_verified": {"phone_number_verified"},
		},
		fill: func(v value, p *person) *fault {
			p.nameFrom(v, "given_name", "family_name")
			return nil
		},
	}
}

// firebaseFormat is what `firebase auth:export --format=json` writes (firebase-tools, accountExporter). Hashes of other
// algorithms than the project's scrypt, and second factors, are not exported.
func firebaseFormat() format {
	return format{
		name: "firebase", frame: frameUsers, scheme: "firebase-scrypt", needs: "signerKey",
		columns: map[string][]string{
			"id": {"localId"}, "email": {"email"}, "phone": {"phoneNumber"}, "email_verified": {"emailVerified"},
			"password": {"passwordHash"}, "salt": {"salt"}, "display_name": {"displayName"}, "disabled": {"disabled"},
			"created_at": {"createdAt"}, "last_login_at": {"lastSignedInAt", "lastLoginAt"},
		},
		hidden: []string{"customAttributes", "providerUserInfo", "mfaInfo"},
		fill:   fillFirebase,
	}
}

func fillFirebase(v value, p *person) *fault {
	providers, _ := v.at("providerUserInfo")
	for _, info := range providers.list {
		provider, subject := info.str("providerId"), info.str("rawId")
		if provider != "" && subject != "" && provider != "password" && provider != "phone" {
			p.External = append(p.External, external{Provider: provider, Subject: subject})
		}
	}
	if claims := v.str("customAttributes"); claims != "" {
		read, err := parseJSON([]byte(claims))
		if err != nil || read.kind != kindObject {
			return &fault{"customAttributes", "not a JSON object"}
		}
		p.addExtra("claims", read, nil)
	}
	return nil
}

// nameFrom puts a name together where there is none.
func (p *person) nameFrom(v value, first, last string) {
	if p.DisplayName == "" {
		p.DisplayName = strings.TrimSpace(v.str(first) + " " + v.str(last))
	}
}

// unsupported notes a second factor that cannot be moved, in Extra under unsupported_factors: a rule over it can hold
// back people who would otherwise lose one.
func (p *person) unsupported(factor string) {
	const name = "unsupported_factors"
	if p.Extra == nil {
		p.Extra = map[string]extra{}
	}
	list := p.Extra[name].List
	if !slices.Contains(list, factor) {
		p.Extra[name] = extra{List: append(list, factor)}
	}
}

// addExtra adds what is in v under dotted names, but what is hidden.
func (p *person) addExtra(prefix string, v value, hidden map[string]bool) {
	if v.kind != kindObject {
		if e, ok := extraOf(v); ok {
			if p.Extra == nil {
				p.Extra = map[string]extra{}
			}
			p.Extra[prefix] = e
		}
		return
	}
	for _, m := range v.members {
		name := m.name
		if prefix != "" {
			name = prefix + "." + name
		}
		if !isHidden(name, hidden) {
			p.addExtra(name, m.value, hidden)
		}
	}
}

// isHidden reports whether a dotted name, or one that it is below, is hidden.
func isHidden(name string, hidden map[string]bool) bool {
	for i := range len(name) {
		if name[i] == '.' && hidden[name[:i]] {
			return true
		}
	}
	return hidden[name]
}

// A shaper makes people of records.
type shaper struct {
	format format
	rules  []columnRule
	ownKey bool // the operator named the column of the key
	hidden map[string]bool
	seen   map[string]bool // of the rules that an operator gave and that must not miss: whether a record had it
}

func newShaper(c Config, f format, isTable bool) (*shaper, error) {
	rules, err := columnRules(f, c.Columns, isTable)
	if err != nil {
		return nil, err
	}
	s := &shaper{format: f, rules: rules, hidden: map[string]bool{}, seen: map[string]bool{}}
	for _, name := range f.hidden {
		s.hidden[name] = true
	}
	var id, identified bool
	for _, r := range rules {
		id = id || r.name == "id"
		s.ownKey = s.ownKey || r.name == "id" && r.configured
		identified = identified || r.name == "username" || r.name == "email" || r.name == "phone"
		for _, path := range r.paths {
			s.hidden[path] = true
		}
	}
	switch {
	case !id:
		return nil, errors.New("column id: a name is missing")
	case !identified:
		return nil, errors.New("columns: at least one of username, email and phone is needed")
	}
	return s, nil
}

// An absence is something that an export does not have and must.
type absence struct {
	target string // as in Config.Columns; "" for whatever people log in with
	column string // what the configuration calls it; of several any would do
}

// refusal makes an error of what is absent, or nil of nothing; what says where.
func refusal(what string, missing []absence) error {
	if len(missing) == 0 {
		return nil
	}
	columns := make([]string, len(missing))
	for i, a := range missing {
		columns[i] = a.column
	}
	return &mappingError{what + strings.Join(columns, ", ")}
}

// header returns what a table with these columns has not, of what is needed: the key, one identifier, and all that the
// operator named.
func (s *shaper) header(columns []string) []absence {
	var missing []absence
	var identifiers []string
	identified := false
	for _, r := range s.rules {
		has := slices.ContainsFunc(r.paths, func(path string) bool { return slices.Contains(columns, path) })
		isIdentifier := r.name == "username" || r.name == "email" || r.name == "phone"
		switch {
		case has:
			identified = identified || isIdentifier
		case r.configured, r.name == "id":
			missing = append(missing, r.absent())
		case isIdentifier:
			identifiers = append(identifiers, r.paths...)
		}
	}
	if !identified && len(missing) == 0 {
		return []absence{{column: strings.Join(identifiers, " or ")}}
	}
	return missing
}

// missing returns what an operator named and no record had.
func (s *shaper) missing() []absence {
	var list []absence
	for _, r := range s.rules {
		if r.needed && (r.configured || r.name == "id") && !s.seen[r.name] {
			list = append(list, r.absent())
		}
	}
	return list
}

// had returns what some record had, and resume takes it over from the shaper of the records before.
func (s *shaper) had() []string { return slices.Sorted(maps.Keys(s.seen)) }

func (s *shaper) resume(had []string) {
	for _, name := range had {
		s.seen[name] = true
	}
}

// shape makes a person of a record. With a fault the person holds what could be read, of which the identifiers matter:
// they must not be taken for nobody's.
func (s *shaper) shape(v value) (key string, p person, f *fault) {
	for _, r := range s.rules {
		found, ok := r.find(v)
		if !ok {
			if r.name == "disabled" && r.negated {
				p.Disabled = true // that they are active is not said
			}
			continue
		}
		s.seen[r.name] = true
		if r.name == "id" {
			text, valid := found.plain()
			switch {
			case !valid:
				f = keep(f, &fault{r.paths[0], "the key is no text or whole number"})
			case text == "":
				f = keep(f, &fault{r.paths[0], "the key is empty"})
			case len(text) > maxIdentifier:
				f = keep(f, &fault{r.paths[0], fmt.Sprintf("the key is longer than %d bytes", maxIdentifier)})
			default:
				key = text
			}
			continue
		}
		f = keep(f, r.set(&p, r, found))
	}
	if key == "" && f == nil && s.format.key != nil && !s.ownKey {
		if key = s.format.key(v); key != "" {
			s.seen["id"] = true
		}
	}
	if s.format.fill != nil {
		f = keep(f, s.format.fill(v, &p))
	}
	if key == "" {
		f = keep(f, &fault{"id", "the key is missing"})
	}
	if p.Password != nil && p.Password.Hash == "" && p.Password.Salt == "" {
		p.Password = nil
	}
	if p.Password != nil && p.Password.Scheme == "" {
		p.Password.Scheme = s.format.scheme
	}
	p.addExtra("", v, s.hidden)
	return key, p, f
}

// keep returns the first fault.
func keep(first, next *fault) *fault {
	if first != nil {
		return first
	}
	return next
}
