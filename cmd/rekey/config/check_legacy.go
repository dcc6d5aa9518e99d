package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy/hash"
	"rekey/legacy/preset"
)

var sourceName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func (l *loader) checkLegacy(i int, names map[string]int, registry *hash.Registry) {
	s, at := &l.config.Legacy[i], fmt.Sprintf("legacy[%d]", i)
	first, repeated := names[s.Name]
	switch {
	case s.Name == "":
		l.problem(at+".name", "is missing; it is part of every account's id, so it must never change later")
	case !sourceName.MatchString(s.Name):
		l.problem(at+".name", "want 1 to 32 of a-z, 0-9 and -")
	case repeated:
		l.problem(at+".name", "is the name of legacy[%d] too", first)
	default:
		names[s.Name] = i
	}
	if err := password.Fold(s.Fold).Check(); err != nil {
		l.problem(at+".fold", "want trim, lower, upper, nfc, nfkc or 7bit")
	}
	switch accounts.CopyBack(s.CopyBack) {
	case "", accounts.CopyBackNone, accounts.CopyBackProfile, accounts.CopyBackFull:
	default:
		l.problem(at+".copy_back", "want none, profile-only or full")
	}
	for j, domain := range s.Domains {
		if _, err := idna.Lookup.ToASCII(domain); err != nil || !strings.Contains(domain, ".") {
			l.problem(fmt.Sprintf("%s.domains[%d]", at, j), "want a domain such as example.org")
		}
	}
	if u, err := url.Parse(s.ManageURL); s.ManageURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil) {
		l.problem(at+".manage_url", "want an http(s) address without user and password: everybody who is sent there sees it")
	}
	if l.checkKindName(at, s) {
		l.checkKind(at, s, registry)
	}
}

func (l *loader) checkDSN(at string, s *Legacy) {
	if s.DSN.IsZero() {
		l.problem(at+".dsn", "is missing: mysql://user:password@host:3306/database, postgres://…, sqlserver://… or sqlite:///path")
	} else {
		l.checkDatabase(at+".dsn", s.DSN)
	}
	switch {
	case s.ReplicaDSN.IsZero():
	case !s.DSN.IsZero() && s.ReplicaDSN.Scheme() != s.DSN.Scheme():
		l.problem(at+".replica_dsn", "is of another kind of database than dsn, so it is no replica of that")
	default:
		l.checkDatabase(at+".replica_dsn", s.ReplicaDSN)
	}
}

func (l *loader) checkDatabase(key string, dsn URL) {
	switch scheme := dsn.Scheme(); {
	case scheme == "sqlite":
		if path, ok := SQLitePath(dsn); !ok || !filepath.IsAbs(path) {
			l.problem(key, "want an absolute path: sqlite:///srv/old/users.db")
		} else if store, same := SQLitePath(l.config.Store); same && filepath.Clean(store) == filepath.Clean(path) {
			l.problem(key, "is the new store itself")
		}
	case slices.Contains([]string{"mysql", "mariadb", "postgres", "postgresql", "sqlserver"}, scheme):
		l.checkURL(key, dsn)
	default:
		l.problem(key, "want mysql://…, postgres://…, sqlserver://… or sqlite:///path")
	}
}

func (l *loader) checkTable(at string, s *Legacy) {
	if s.Preset != "" {
		if p, known := l.namedPreset(at, s); known && p.File.Format != "" {
			l.problem(at+".preset", "is for an export: use kind file; the export is made by: %s", p.File.Command)
		}
		return
	}
	if s.Prefix != "" {
		l.problem(at+".prefix", "is for the tables of a preset; write it into table instead")
	}
	if s.Queries != (Queries{}) {
		return // the adapter knows what they need
	}
	if s.Table == "" {
		l.problem(at+".table", "is missing; name the table, or a preset")
		return
	}
	for _, c := range []struct{ key, value string }{{"id", s.Columns.ID}, {"password", s.Columns.Password}} {
		if c.value == "" {
			l.problem(at+".columns."+c.key, "is missing")
		}
	}
	if s.Columns.Username == "" && s.Columns.Email == "" && s.Columns.Phone == "" {
		l.problem(at+".columns", "need username, email or phone: what people type to log in")
	}
}

// namedPreset returns a source's preset, and says what the operator still has to find out for it.
func (l *loader) namedPreset(at string, s *Legacy) (preset.Preset, bool) {
	p, known := preset.Named(s.Preset)
	if !known {
		l.problem(at+".preset", "unknown preset %q%s", s.Preset, didYouMean(s.Preset, preset.Names()))
		return p, false
	}
	for _, need := range p.Needs {
		if l.isSet(at + "." + need.Key) {
			continue
		}
		if need.Always {
			l.problem(at+"."+need.Key, "is missing; %s", need.Why)
		} else {
			l.warn(at+"."+need.Key, "may be needed: %s", need.Why)
		}
	}
	return p, true
}

func (l *loader) checkScheme(at string, s *Legacy, registry *hash.Registry) {
	if s.Scheme == "" {
		s.Scheme = hash.Auto
		if p, ok := preset.Named(s.Preset); ok {
			s.Scheme = p.Scheme
		}
	}
	switch err := registry.CheckScheme(s.Scheme); {
	case errors.Is(err, hash.ErrScheme) && !strings.Contains(s.Scheme, "("):
		hint := "; `rekey hash identify --list` prints those that there are" // too many to list them here
		if near := nearest(s.Scheme, schemeNames(registry)); near != "" {
			hint = "; did you mean " + near + "?"
		}
		l.problem(at+".scheme", "unknown scheme %q%s", s.Scheme, hint)
	case err != nil:
		l.problem(at+".scheme", "%v", err)
	case s.Scheme == "plaintext" && !s.AllowPlaintext:
		l.problem(at+".scheme", "plaintext needs allow_plaintext: true beside it, so that nobody writes it by accident")
	case s.AllowPlaintext:
		l.warn(at+".allow_plaintext", "stored values that are no hash are compared as they are")
	}
	pepper, salt := registry.Needs(s.Scheme)
	if pepper && s.Pepper.IsZero() && s.Params["pepper"].IsZero() {
		l.problem(at+".pepper", "is missing: the scheme reads $pepper; give pepper or pepper_file")
	}
	if salt && s.Kind == "sql" && s.Preset == "" && s.Queries == (Queries{}) && s.Columns.Salt == "" && s.Params["salt_from"].IsZero() {
		l.problem(at+".columns.salt", "is missing: the scheme reads $salt; name its column, or say in params with salt_from where in the hash it is")
	}
	if !s.Pepper.IsZero() && !s.Params["pepper"].IsZero() {
		l.problem(at+".pepper", "is given twice, here and among params; keep one")
	}
}

// schemeNames lists what a scheme may be called.
func schemeNames(registry *hash.Registry) []string {
	names := []string{hash.Auto}
	for _, s := range registry.Schemes() {
		names = append(append(names, s.Name), s.Aliases...)
	}
	return names
}

// checkKind checks what a source of a kind is told, as far as its adapter does not.
func (l *loader) checkKind(at string, s *Legacy, registry *hash.Registry) {
	switch s.Kind {
	case "sql":
		l.checkDSN(at, s)
		l.checkTable(at, s)
	case "ldap":
		l.checkLDAP(at, s)
	case "http":
		l.checkHTTP(at, s)
	case "file":
		l.checkFile(at, s)
	}
	l.checkWrite(at, s)
	if l.isSet(at+".watch") && s.Columns.UpdatedAt == "" {
		l.problem(at+".watch", "needs columns.updated_at, which says when a record was written; reconcile does without")
	}
	if l.isSet(at+".reconcile") && s.Kind == "file" {
		l.problem(at+".reconcile", "is not for kind file: an export does not change")
	}
	for _, group := range []string{"ldap", "http", "file"} {
		if l.isSet(at+"."+group) && group != s.Kind {
			l.problem(at+"."+group, "is for kind %s", group)
		}
	}
	if s.Kind != "sql" {
		for _, key := range []string{"dsn", "replica_dsn", "table", "prefix", "columns", "joins", "where", "disabled_when", "queries"} {
			if l.isSet(at + "." + key) {
				l.problem(at+"."+key, "is for kind sql")
			}
		}
		if s.Preset != "" && s.Kind == "http" {
			l.problem(at+".preset", "is for kinds sql, ldap and file")
		}
	}
	if s.Kind != "http" || s.HTTP.Plain.Fields.Password != "" { // it shows no hashes
		l.checkScheme(at, s, registry)
	}
}

// checkWrite finds out whether anything is to be written back, and says what a source of that kind cannot.
func (l *loader) checkWrite(at string, s *Legacy) {
	if l.isSet(at+".write") && s.Kind != "sql" {
		l.problem(at+".write", "is for kind sql; a directory has ldap.write, an application http.write, and exports are only read")
		return
	}
	for _, key := range []string{
		"dsn", "scheme", "like", "like_salt", "password", "username", "email", "phone", "display_name", "email_verified", "disabled", "insert", "delete",
	} {
		s.Write.On = s.Write.On || l.isSet(at+".write."+key)
	}
	if !s.Write.DSN.IsZero() && s.Write.DSN.Scheme() != "sqlite" {
		l.checkURL(at+".write.dsn", s.Write.DSN)
	}
}

// isSet reports whether a key, or anything in the group or list that it stands for, has been given.
func (l *loader) isSet(key string) bool {
	for place := range l.config.origins {
		if rest, ok := strings.CutPrefix(place, key); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func (l *loader) checkLDAP(at string, s *Legacy) {
	for _, key := range []struct{ name, value, example string }{
		{"url", s.LDAP.URL, "ldaps://directory.example.org"}, {"base_dn", s.LDAP.BaseDN, "ou=people,dc=example,dc=org"},
	} {
		if key.value == "" {
			l.problem(at+".ldap."+key.name, "is missing: %s", key.example)
		}
	}
	for _, key := range []string{
		"bind_dn", "bind_password", "modify", "scheme", "like", "username", "email", "phone", "display_name", "delete", "disable", "insert",
	} {
		s.LDAP.Write.On = s.LDAP.Write.On || l.isSet(at+".ldap.write."+key)
	}
	if s.LDAP.InsecureSkipVerify {
		l.warn(at+".ldap.insecure_skip_verify", "whoever can pose as the directory gets every password that is tried")
	}
}

func (l *loader) checkHTTP(at string, s *Legacy) {
	if s.HTTP.URL == "" {
		l.problem(at+".http.url", "is missing: https://shop.example.org/api/users")
	}
	for _, list := range []struct {
		key    string
		values List
	}{
		{"wrong_status", s.HTTP.WrongStatus}, {"plain.yes.status", s.HTTP.Plain.Yes.Status}, {"plain.no.status", s.HTTP.Plain.No.Status},
	} {
		if len(Statuses(list.values)) != len(list.values) {
			l.problem(at+".http."+list.key, "want HTTP statuses such as 401")
		}
	}
	s.HTTP.Write.On = l.isSet(at + ".http.write")
}

func (l *loader) checkFile(at string, s *Legacy) {
	if !filepath.IsAbs(s.File.Path) {
		l.problem(at+".file.path", "want the absolute path of an export")
	}
	if s.Preset != "" {
		p, known := l.namedPreset(at, s)
		if known && p.File.Format == "" {
			l.problem(at+".preset", "is for a database: use kind sql")
		}
		if s.File.Format == "" {
			s.File.Format = p.File.Format
		}
	}
	if s.File.Format == "" {
		l.problem(at+".file.format", "is missing: auth0, firebase, keycloak, cognito, okta, csv or jsonl")
	}
	if len(s.File.Separator) > 1 {
		l.problem(at+".file.separator", "want one character")
	}
}

// knownKinds are the kinds of source.
var knownKinds = []string{"sql", "ldap", "http", "file"}

func (l *loader) checkKindName(at string, s *Legacy) bool {
	if slices.Contains(knownKinds, s.Kind) {
		return true
	}
	l.problem(at+".kind", "unknown kind %q%s; want %s", s.Kind, didYouMean(s.Kind, knownKinds), strings.Join(knownKinds, ", "))
	return false
}
