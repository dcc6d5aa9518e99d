package main

import (
	"context"
	"fmt"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
	"rekey/legacy"
	"rekey/legacy/sqlsource"
	"rekey/sweeper/survey"
)

// surveySource turns an opened source into one to look at. Its people are looked at as they would be moved, mapped; the
// store behind answers for itself.
func surveySource(o server.Opened, l config.Legacy) survey.Source {
	s := survey.Source{
		Name: o.Name, Source: o.People, Inspect: inspectOf(o.Store),
		// As it is configured, its secrets redacted by their types: another configuration is another survey.
		About: fmt.Sprintf("%+v", l),
		Notes: func() []survey.Note {
			report := o.Mapping.Report()
			notes := []survey.Note{{What: "not wanted, by keep", Count: report.Dropped}}
			for _, f := range report.Findings {
				notes = append(notes, survey.Note{What: string(f.Kind), Field: f.Field, Count: f.Count, Keys: f.Keys})
			}
			return notes
		},
	}
	teller, ok := o.Store.(interface{ TellsVerified() bool })
	s.TellsVerified = ok && teller.TellsVerified() || l.Set["email_verified"] != ""
	if checker, ok := o.Store.(legacy.Checker); ok {
		s.Check = checker.Check
	}
	return s
}

// inspectOf returns how a store is asked what depends on it, or nil where that cannot be asked.
func inspectOf(store legacy.Source) func(context.Context) (survey.Dependents, error) {
	inspector, ok := store.(interface {
		Inspect(ctx context.Context) (sqlsource.Dependents, error)
	})
	if !ok {
		return nil
	}
	return func(ctx context.Context) (survey.Dependents, error) {
		found, err := inspector.Inspect(ctx)
		if err != nil {
			return survey.Dependents{}, err
		}
		d := survey.Dependents{
			Unmapped: append([]string{}, found.Unmapped...), Hidden: append([]string{}, found.Hidden...), // an empty list, and no null
			Bytes: found.Bytes, Rows: found.Rows, Found: []survey.Dependent{},
		}
		for _, one := range found.Found {
			d.Found = append(d.Found, survey.Dependent{Kind: string(one.Kind), Name: one.Name, Detail: one.Detail})
		}
		return d, nil
	}
}
