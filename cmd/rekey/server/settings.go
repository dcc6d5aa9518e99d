package server

import (
	"errors"
	"slices"
	"strings"

	"rekey/cmd/rekey/config"
	"rekey/legacy"
)

// settingErrors takes what is wrong with the settings of a source out of an error. What is about none of them has no key.
func settingErrors(err error) []*legacy.SettingError {
	switch e := err.(type) { //nolint:errorlint // every error of the tree is looked at, one by one
	case nil:
		return nil
	case *legacy.SettingError:
		return []*legacy.SettingError{e}
	case interface{ Unwrap() []error }:
		var all []*legacy.SettingError
		for _, each := range e.Unwrap() {
			all = append(all, settingErrors(each)...)
		}
		return all
	case interface{ Unwrap() error }:
		if _, ok := errors.AsType[*legacy.SettingError](err); ok {
			return settingErrors(e.Unwrap())
		}
	}
	return []*legacy.SettingError{{Err: err}}
}

// besideGroup are the settings that stand beside the group of an adapter, and not in it.
var besideGroup = []string{"preset", "scheme", "params", "timeout", "max_conns", "keep", "set", "sanitise"}

// inGroup gives the settings that an adapter and its mapping speak of the keys that they have below the source.
func inGroup(l config.Legacy, err error) error {
	if err == nil || l.Kind == "sql" { // whose settings have no group of their own
		return err
	}
	var errs []error
	for _, e := range settingErrors(err) {
		first, _, _ := strings.Cut(e.Key, ".")
		beside := slices.Contains(besideGroup, first) || first == "extra" && l.Kind != "ldap"
		if e.Key != "" && !beside {
			e = &legacy.SettingError{Key: l.Kind + "." + e.Key, Err: e.Err}
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// mistakes makes problems of what is wrong with a source, each at its key below at.
func mistakes(c *config.Config, at string, err error) config.Problems {
	var problems config.Problems
	for _, e := range settingErrors(err) {
		key := at
		if e.Key != "" {
			key += "." + e.Key
		}
		problems = append(problems, c.Mistake(key, e.Err))
	}
	return problems
}
