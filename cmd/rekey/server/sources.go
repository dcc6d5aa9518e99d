package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"rekey/accounts"
	"rekey/cmd/rekey/config"
	"rekey/legacy"
	"rekey/legacy/preset"
	"rekey/legacy/sqlsource"
)

// A source is a legacy store under its configured name.
type source struct {
	*sqlsource.Source
	name string
}

// openSources prepares every legacy source. It asks none of them.
func openSources(c *config.Config) ([]*source, error) {
	var sources []*source
	for i, l := range c.Legacy {
		s, err := sqlsource.Open(sourceConfig(l))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("legacy[%d]: %w", i, err), closeSources(sources))
		}
		sources = append(sources, &source{s, l.Name})
	}
	return sources, nil
}

// sourceConfig fills a source's columns from its preset; what the operator has named counts more.
func sourceConfig(l config.Legacy) sqlsource.Config {
	columns := sqlsource.Columns(l.Columns)
	table := l.Table
	if p, ok := preset.Named(l.Preset); ok {
		if table == "" {
			table = p.TableWith(l.Prefix)
		}
		columns = overlay(sqlsource.Columns(p.Columns), columns)
	}
	params := maps.Clone(l.Params.Reveal())
	if !l.Pepper.IsZero() {
		params["pepper"] = l.Pepper.Reveal()
	}
	return sqlsource.Config{
		Name: l.Name, DSN: l.DSN.Reveal(), Table: table, Columns: columns, Scheme: l.Scheme, Params: params,
		Timeout: l.Timeout, MaxConns: int(l.MaxConns),
	}
}

// overlay returns base with the columns that over names.
func overlay(base, over sqlsource.Columns) sqlsource.Columns {
	for _, c := range []struct{ to, from *string }{
		{&base.ID, &over.ID}, {&base.Username, &over.Username}, {&base.Email, &over.Email}, {&base.Phone, &over.Phone},
		{&base.Password, &over.Password}, {&base.Salt, &over.Salt}, {&base.CreatedAt, &over.CreatedAt},
		{&base.LastLoginAt, &over.LastLoginAt}, {&base.Disabled, &over.Disabled},
	} {
		if *c.from != "" {
			*c.to = *c.from
		}
	}
	return base
}

func closeSources(sources []*source) error {
	var errs []error
	for _, s := range sources {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func accountSources(sources []*source) []accounts.Source {
	list := make([]accounts.Source, len(sources))
	for i, s := range sources {
		list[i] = accounts.Source{Name: s.name, Source: s.Source}
	}
	return list
}

// checkSources asks every source once, side by side. A table or column that is not there is an error: no restart of the
// old database would mend it. A source that does not answer is a warning.
func (s *Server) checkSources(ctx context.Context) error {
	errs := make([]error, len(s.sources))
	var wg sync.WaitGroup
	for i, src := range s.sources {
		wg.Go(func() { errs[i] = src.Check(ctx) })
	}
	wg.Wait()
	var wrong []error
	for i, err := range errs {
		switch {
		case errors.Is(err, legacy.ErrMapping):
			wrong = append(wrong, err)
		case err != nil:
			s.log.WarnContext(ctx, "a legacy source does not answer; people who have not moved from it cannot log in yet",
				"source", s.sources[i].name, "error", err)
		}
	}
	return errors.Join(wrong...)
}
