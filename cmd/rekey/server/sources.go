package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/cmd/rekey/config"
	"rekey/legacy"
	"rekey/legacy/filesource"
	"rekey/legacy/mapping"
)

// An adapter is what the server needs of a legacy store, whatever kind it is.
type adapter interface {
	legacy.Source
	legacy.Checker
	legacy.Pinger
	Close() error
}

// kinds open the legacy stores, by the kind that the configuration names. They ask none of them.
var kinds = map[string]func(config.Legacy) (adapter, error){
	"sql":  openSQL,
	"ldap": openLDAP,
	"http": openHTTP,
	"file": openFile,
}

// A source is a legacy store under its configured name.
type source struct {
	adapter
	name     string
	kind     string
	domains  []string
	fold     password.Fold
	copyBack accounts.CopyBack
	watch    accounts.Watch
	manage   string           // where its people are sent
	people   legacy.Source    // the adapter's people as they are mapped
	mapping  *mapping.Mapping // what has been found about them
	asked    *recent          // how long questions about them take

	replica       adapter       // nil: there is none
	replicaPeople legacy.Source // its people as they are mapped; nil likewise
}

// openSource prepares one legacy store. It does not ask it. Its error joins a legacy.SettingError for each mistake, whose key
// is that below the source.
func openSource(l config.Legacy) (*source, error) {
	open, ok := kinds[l.Kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind %q", l.Kind)
	}
	asked := &recent{}
	m, mappingErr := mapping.New(mapping.Config{
		Asked: func(took time.Duration, people int, err error) {
			asked.add(time.Now(), oneQuestion(took, people), err != nil)
		},
		Name: l.Name, Keep: l.Keep, Set: l.Set, Columns: extraOf(l),
		Sanitise: mapping.Sanitise{
			KeepSpaces: l.Sanitise.KeepSpaces, KeepForm: l.Sanitise.KeepForm, EmailCase: mapping.EmailCase(l.Sanitise.EmailCase),
			MaxText: int(l.Sanitise.MaxText), AskAsTyped: l.Kind == "http",
		},
	})
	a, err := open(l)
	if err == nil && mappingErr != nil {
		err = a.Close()
	}
	if err := inGroup(l, errors.Join(mappingErr, err)); err != nil {
		return nil, err
	}
	people := m.Wrap(a)
	if err := fitFor(accounts.CopyBack(l.CopyBack), people); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	opened := &source{
		copyBack: accounts.CopyBack(l.CopyBack), watch: watchOf(l, people), manage: l.ManageURL,
		adapter: a, name: l.Name, kind: l.Kind, domains: l.Domains, fold: password.Fold(l.Fold), people: people, mapping: m, asked: asked,
	}
	if l.Kind == "sql" && !l.ReplicaDSN.IsZero() {
		replica := l
		replica.DSN, replica.Write = l.ReplicaDSN, config.Write{} // it is only read
		if opened.replica, err = open(replica); err != nil {
			return nil, errors.Join(legacy.Wrong("replica_dsn", "%w", err), a.Close())
		}
		opened.replicaPeople = m.Wrap(opened.replica)
	}
	return opened, nil
}

// watchOf says how a source is looked at: what was written there, if it tells; everybody who has moved, if people can be read by
// their keys, and an export does not change.
func watchOf(l config.Legacy, people legacy.Source) accounts.Watch {
	if _, gets := people.(legacy.Getter); !gets || l.Kind == "file" {
		return accounts.Watch{}
	}
	w := accounts.Watch{
		Overlap: l.Watch.Overlap, Reconcile: l.Reconcile.Every, PerSecond: int(l.Reconcile.PerSecond), MostChanged: int(l.Reconcile.MostChanged),
	}
	if watcher, ok := people.(legacy.Watcher); ok && watcher.Watches() {
		w.Every = l.Watch.Every
	}
	return w
}

// Why a source cannot be told of changes.
var (
	errCopyBack    = errors.New("copy_back: full needs a source that takes new passwords as hashes, under a condition; see write")
	errCopyProfile = errors.New("copy_back: profile-only needs a source that takes e-mail addresses or deletions, under a condition; see write")
)

// fitFor says why a policy cannot be followed with a source.
func fitFor(policy accounts.CopyBack, source legacy.Source) error {
	if policy == accounts.CopyBackFull && !takesHashes(source) {
		return errCopyBack
	}
	if policy == accounts.CopyBackProfile {
		w, ok := source.(legacy.Writer)
		if !ok || !w.Writes().Conditional || !w.Writes().Email && !w.Writes().Delete {
			return errCopyProfile
		}
	}
	return nil
}

// unfitFor says why a plan cannot be walked with a source; "" if it can. In the middle of plan dual-write a change is in both
// stores or nowhere.
func unfitFor(plan string, s *source) string {
	if plan != phase.DualWrite.String() {
		return ""
	}
	const because = "plan dual-write writes every change to the old store: "
	writer, ok := s.people.(legacy.Writer)
	switch {
	case !ok || writer.Writes().Password == legacy.PasswordNever:
		return because + "this source takes no new passwords; give it write, or use plan lazy"
	case !takesHashes(s.people):
		return because + "this source takes new passwords in the clear or under no condition, so that a change that was interrupted could not be " +
			"ended, or somebody else's be overwritten; use plan lazy"
	}
	return ""
}

// takesHashes reports whether a new password can be delivered to a source later, and nobody else's be overwritten by it.
func takesHashes(source legacy.Source) bool {
	w, ok := source.(legacy.Writer)
	return ok && w.Writes().Password == legacy.PasswordHashed && w.Writes().Conditional
}

// extraOf names what is read for mapping expressions alone.
func extraOf(l config.Legacy) []string {
	if l.Kind == "ldap" {
		return slices.Sorted(maps.Keys(l.LDAP.Extra))
	}
	return l.Extra
}

// openSources prepares every legacy source. It asks none of them. Its error is config.Problems, with what is wrong with
// each of them as far as that shows without asking.
func openSources(c *config.Config) ([]*source, error) {
	var sources []*source
	var problems config.Problems
	for i, l := range c.Legacy {
		s, err := openSource(l)
		if err != nil {
			problems = append(problems, mistakes(c, fmt.Sprintf("legacy[%d]", i), err)...)
			continue
		}
		if no := unfitFor(c.Plan, s); no != "" {
			problems = append(problems, c.Mistake(fmt.Sprintf("legacy[%d]", i), errors.New(no)))
		}
		sources = append(sources, s)
	}
	if problems != nil {
		slices.SortStableFunc(problems, func(a, b config.Problem) int { return cmp.Compare(a.At.Line, b.At.Line) })
		return nil, errors.Join(problems, closeSources(sources))
	}
	return sources, nil
}

// CheckSources tells what is wrong with the sources as openSources does, for commands that open none.
func CheckSources(c *config.Config) error {
	sources, err := openSources(c)
	return errors.Join(err, closeSources(sources))
}

// paramsOf returns what a source's scheme must be told, the pepper among it.
func paramsOf(l config.Legacy) map[string]string {
	params := maps.Clone(l.Params.Reveal())
	if !l.Pepper.IsZero() {
		params["pepper"] = l.Pepper.Reveal()
	}
	return params
}

func closeSources(sources []*source) error {
	var errs []error
	for _, s := range sources {
		errs = append(errs, s.Close())
		if s.replica != nil {
			errs = append(errs, s.replica.Close())
		}
	}
	return errors.Join(errs...)
}

func accountSources(sources []*source) []accounts.Source {
	list := make([]accounts.Source, len(sources))
	for i, s := range sources {
		list[i] = accounts.Source{Name: s.name, Source: s.people, Domains: s.domains, Fold: s.fold, CopyBack: s.copyBack, Watch: s.watch, ManageURL: s.manage, Replica: s.replicaPeople}
	}
	return list
}

// checkSources asks every source once, side by side. A table or column that is not there is an error: no restart of the
// old database would mend it. A source that does not answer is a warning. Of an export the beginning is looked at.
func (s *Server) checkSources(ctx context.Context) error {
	look := LookAtExports(ctx, s.config, openedAs(s.sources))
	if err := look.Err(); err != nil {
		return err
	}
	for _, p := range look.Doubtful {
		s.log.WarnContext(ctx, "an export may not be as configured", "key", p.Key, "reason", p.Reason)
	}
	errs := make([]error, len(s.sources))
	var wg sync.WaitGroup
	for i, src := range s.sources {
		if _, export := src.adapter.(*filesource.Source); export {
			continue // the rest takes as long as the export is; see indexExports
		}
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
				"source", s.sources[i].name, "other_sources", s.whileOneIsSilent(), "error", err)
		}
	}
	return errors.Join(wrong...)
}

// whileOneIsSilent says what it means for the people of the other sources, who have not moved either.
func (s *Server) whileOneIsSilent() string {
	switch {
	case len(s.sources) < 2:
		return "there is none"
	case s.config.Collisions == string(accounts.CollisionsPreferOrder):
		return "people of those before it move as ever; people of those behind it cannot log in yet"
	case s.config.Collisions == string(accounts.CollisionsLink):
		return "their people cannot log in yet: they may be the same"
	}
	return "their people log in under the name as it is stored, and are not moved: it may be another's too"
}
