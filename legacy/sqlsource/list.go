package sqlsource

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"rekey/legacy"
)

const (
	maxList  = 64 << 10 // bytes of a column with roles or groups
	maxNames = 1000     // in it
	maxTOTP  = 128      // bytes of a secret; RFC 4226 recommends 20
)

// listOf reads roles or groups: names separated by commas, a JSON array of texts, an array of PostgreSQL, or one that PHP
// has serialised. Names are trimmed, empty ones left out. No error of it contains the text.
func listOf(text string, t columnType) ([]string, error) {
	if len(text) > maxList {
		return nil, errors.New("the list is too long")
	}
	text = strings.TrimSpace(text)
	var names []string
	switch {
	case t == typeArray:
		if err := pgtype.NewMap().Scan(pgtype.TextArrayOID, pgtype.TextFormatCode, []byte(text), &names); text != "" && err != nil {
			return nil, errors.New("not an array of texts")
		}
	case t == typeJSON, strings.HasPrefix(text, "["):
		if text == "" {
			break
		}
		if err := json.Unmarshal([]byte(text), &names); err != nil {
			return nil, errors.New("not a JSON array of texts")
		}
	case isPHPList(text):
		var err error
		if names, err = phpList(text); err != nil {
			return nil, err
		}
	case strings.HasPrefix(text, "{"):
		return nil, errors.New("neither names separated by commas nor a JSON array")
	default:
		names = strings.Split(text, ",")
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	if len(names) > maxNames {
		return nil, errors.New("the list is too long")
	}
	for _, name := range names {
		if len(name) > maxIdentifier {
			return nil, errors.New("a name in the list is too long")
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return names, nil
}

// totpOf reads a secret in base32 as people copy it: in either letter case, in groups, padded or not.
func totpOf(text string) ([]legacy.TOTP, error) {
	text = strings.NewReplacer(" ", "", "-", "").Replace(text)
	if text = strings.TrimRight(text, "="); text == "" {
		return nil, nil
	}
	encoding := base32.StdEncoding.WithPadding(base32.NoPadding)
	secret, err := encoding.DecodeString(strings.ToUpper(text))
	if err != nil || len(secret) == 0 || len(secret) > maxTOTP {
		return nil, errors.New("not a secret in base32")
	}
	return []legacy.TOTP{{Secret: secret}}, nil
}

// localeOf turns a POSIX locale into BCP 47, as in "pt_BR.UTF-8" and "pt-BR", and returns "" for what is neither: a
// strange language is no reason to keep somebody out.
func localeOf(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), ".")
	text, _, _ = strings.Cut(text, "@")
	text = strings.ReplaceAll(text, "_", "-")
	const longest = 35 // of RFC 5646, section 4.4.1
	if len(text) < 2 || len(text) > longest || strings.Contains(text, "--") || strings.HasPrefix(text, "-") || strings.HasSuffix(text, "-") {
		return ""
	}
	isOther := func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if strings.ContainsFunc(text, isOther) {
		return ""
	}
	return text
}
