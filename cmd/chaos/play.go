package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/cmd/chaos/audit"
	"rekey/cmd/chaos/history"
	"rekey/cmd/chaos/nemesis"
	"rekey/cmd/chaos/people"
	"rekey/cmd/chaos/stage"
	"rekey/legacy/hash"
)

// A scene is what is played: the road, who plays, and how often what is done.
type scene struct {
	plan    phase.Plan
	from    phase.Phase
	walk    []phase.Phase // the phases that are walked
	cast    people.Cast
	weights people.Weights
	every   time.Duration  // between two blows
	pause   time.Duration  // at most
	script  []nemesis.Blow // in place of blows from the seed
}

// walking is a scene in which everything happens, and some phases are walked up and down.
func walking(plan phase.Plan, from phase.Phase, walk ...phase.Phase) scene {
	return scene{
		plan: plan, from: from, walk: walk, cast: people.Cast{Old: 30, Others: 15}, weights: people.Ordinary(),
		every: 900 * time.Millisecond, pause: 12 * time.Second,
	}
}

// steady tells whether the phase is new-first all the time.
func (s scene) steady() bool {
	return s.from == phase.NewFirst && len(s.walk) == 0 &&
		!slices.ContainsFunc(s.script, func(b nemesis.Blow) bool { return b.Kind == nemesis.Walk })
}

// late tells whether there are phases in which a change is acknowledged when the old store has it, and our half may follow.
func (s scene) late() bool {
	isLate := func(p phase.Phase) bool { return p == phase.LegacyOnly || p == phase.Shadow }
	return isLate(s.from) || slices.ContainsFunc(s.walk, isLate) ||
		slices.ContainsFunc(s.script, func(b nemesis.Blow) bool { return b.Kind == nemesis.Walk && isLate(b.To) })
}

// A verdict is what was found.
type verdict struct {
	findings []string
	took     time.Duration // from the first request to the verdict
}

// policy is how a credential begins that is made by the policy of the stage.
const policy = "$argon2id$v=19$m=8,t=1,p=1$"

// checkFor is how long one account's history may be looked at.
const checkFor = 5 * time.Second

// play starts everything, lets everybody loose, mends everything and judges.
func play(ctx context.Context, o options, s scene, w io.Writer) (v verdict, err error) {
	s.cast.Gateways = o.gateways
	var saying sync.Mutex
	say := func(format string, args ...any) {
		saying.Lock()
		defer saying.Unlock()
		fmt.Fprintf(w, format+"\n", args...)
	}
	say("seed %d (CHAOS_SEED=%d), plan %s from %s, %s, %d gateways, logs in %s", o.seed, o.seed, s.plan, s.from, o.length, o.gateways, o.dir)

	old, hashes, err := oldPeople(s.cast)
	if err != nil {
		return v, err
	}
	stages, err := stage.Open(ctx, stage.Config{
		Binary: o.binary, Dir: o.dir, Gateways: o.gateways, Plan: s.plan, Phase: s.from, Without: o.plant, People: old,
		Postgres: os.Getenv("REKEY_TEST_POSTGRES"), MySQL: os.Getenv("REKEY_TEST_MYSQL"), Redis: os.Getenv("REKEY_TEST_REDIS"),
	})
	defer func() { err = errors.Join(err, stages.Close()) }()
	if err != nil {
		return v, err
	}
	first, subjects := map[string]history.First{}, map[string]string{}
	for _, p := range old {
		subject, err := stages.SubjectFor(ctx, p.Name, accounts.SubjectFor)
		if err != nil {
			return v, err
		}
		subjects[p.Name] = subject
		first[p.Name] = history.First{Password: people.First, Subject: subject}
	}

	log := history.NewLog()
	begin := time.Now()
	crowd := people.New(people.Config{
		Cast: s.cast, Doors: doors(stages), Token: stages.Token, Legacy: stages.Legacy, Example: stage.Example, Log: log,
		Address: stage.Address, Letter: stages.Mailbox.Letter,
	})
	watch := audit.NewWatch(stages.New, policy)
	evil := nemesis.New(stages, say)
	blows := s.script
	if blows == nil {
		blows = nemesis.Plan(o.seed, nemesis.Shape{Every: s.every, Gateways: o.gateways, Walk: s.walk, From: s.from, Pause: s.pause}, o.length)
	}
	if o.calm {
		blows = nil
	}

	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	var all, watched sync.WaitGroup
	watched.Go(func() { watch.Run(watching) })
	all.Go(func() { evil.Run(ctx, blows) })
	all.Go(func() {
		crowd.Run(ctx, people.Plan(o.seed, s.cast, s.weights, o.length, o.rate), o.workers)
	})
	all.Wait()
	say("%6.2f everybody stops; mending", time.Since(begin).Seconds())
	if err := evil.Heal(ctx); err != nil {
		return v, fmt.Errorf("mend: %w", err)
	}
	books := audit.Books{
		New: stages.New, Legacy: stages.Legacy, Source: stage.Source, Subjects: subjects, Hashes: hashes, Text: people.Text,
		Tokens: stages.Mailbox.Tokens, Logs: stages.Logs(),
	}
	v.findings = append(v.findings, books.AwaitRest(ctx)...)
	rest := log.Now()
	say("%6.2f at rest; asking everybody for everything", time.Since(begin).Seconds())
	v.findings = append(v.findings, crowd.LookAlike(ctx)...)
	crowd.Settle(ctx)
	stopWatching()
	watched.Wait()

	ops := log.All(rest)
	v.findings = append(v.findings, crowd.Faults()...)
	v.findings = append(v.findings, watch.Findings()...)
	more, err := books.Look(ctx, ops, s.cast.Names(), s.steady())
	if err != nil {
		return v, fmt.Errorf("read the books: %w", err)
	}
	v.findings = append(v.findings, more...)
	if o.plant == "" && !o.whole {
		if err := stages.Limit(ctx); err != nil {
			return v, fmt.Errorf("set a limit: %w", err)
		}
		v.findings = append(v.findings, crowd.Guess(ctx, 6*stage.Guesses, stage.Guesses)...)
	}
	for _, f := range v.findings {
		say("FOUND %s", f)
	}
	judged := history.Check(ops, history.Rules{First: first, Intents: !s.steady(), Late: s.late(), Limit: checkFor})
	for _, f := range judged {
		if f.Doubt {
			say("UNDECIDED: the answers to %s have too many explanations to try them all in %s", f.Name, checkFor)
			continue
		}
		v.findings = append(v.findings, "the answers to "+f.Name)
		if err := f.Table(w); err != nil {
			return v, err
		}
		path, err := f.Draw(o.dir)
		if err != nil {
			return v, err
		}
		say("FOUND in the answers to %s; a picture is in %s", f.Name, path)
	}
	v.took = time.Since(begin)
	say("%6.2f %s; %d looks at the store; %d findings", v.took.Seconds(), counts(ops), watch.Looks(), len(v.findings))
	if len(v.findings) > 0 {
		say("logs and pictures stay in %s", o.dir)
	}
	return v, nil
}

// oldPeople are the rows of the old store.
func oldPeople(cast people.Cast) ([]stage.Person, *hash.Registry, error) {
	hashes := hash.New(hash.Config{})
	var old []stage.Person
	for _, name := range cast.Names()[:cast.Old] {
		stored, err := people.StoredFor(hashes, stage.Example, name, people.First)
		if err != nil {
			return nil, nil, err
		}
		old = append(old, stage.Person{Name: name, Hash: stored})
	}
	return old, hashes, nil
}

func doors(s *stage.Stage) []people.Door {
	var all []people.Door
	for _, g := range s.Gateways {
		all = append(all, people.Door{Public: g.URL, Admin: g.Admin})
	}
	return all
}

// counts says how many operations there were, by their answer.
func counts(ops []history.Op) string {
	n := map[history.Answer]int{}
	for _, op := range ops {
		n[op.Answer]++
	}
	return fmt.Sprintf("%d operations: %d done, %d refused, %d taken, %d without an answer",
		len(ops), n[history.Done]+n[history.Half], n[history.Refused], n[history.Taken]+n[history.Absent], n[history.Lost])
}

// folder makes the folder of one try below the run's.
func folder(dir, name string, try int) (string, error) {
	path := filepath.Join(dir, name, strconv.Itoa(try))
	return path, os.MkdirAll(path, 0o700)
}
