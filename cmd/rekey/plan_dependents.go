package main

import (
	"context"

	"rekey/legacy"
	"rekey/legacy/sqlsource"
	"rekey/sweeper/survey"
)

// inspectOf returns how a source is asked what depends on it, or nil where that cannot be asked.
func inspectOf(source legacy.Source) func(context.Context) (survey.Dependents, error) {
	inspector, ok := source.(interface {
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
		d := survey.Dependents{Unmapped: found.Unmapped, Bytes: found.Bytes, Rows: found.Rows, Hidden: found.Hidden, Found: []survey.Dependent{}}
		for _, one := range found.Found {
			d.Found = append(d.Found, survey.Dependent{Kind: string(one.Kind), Name: one.Name, Detail: one.Detail})
		}
		return d, nil
	}
}
