package accounts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rekey/accounts/phase"
)

// What still stands between today and the day on which a legacy store is switched off: a list of questions, each answered with a
// number, and with what to do about it. What cannot be told is not done.

// A Hurdle is one of the questions.
type Hurdle string

// The questions, in the order in which they are shown.
const (
	HurdlePhase       Hurdle = "phase"             // whether this store answers for those whom it has
	HurdleRuns        Hurdle = "runs"              // that are under way
	HurdleUnmoved     Hurdle = "unmoved"           // people whom this store does not know
	HurdleCopies      Hurdle = "copies"            // people for whom legacy answers though there is a copy
	HurdleQuarantine  Hurdle = "quarantined"       // people who could not be moved
	HurdleContested   Hurdle = "contested"         // people whose name is another's too
	HurdleInDoubt     Hurdle = "in-doubt"          // changes of both stores that have not ended
	HurdleUndelivered Hurdle = "undelivered"       // changes that legacy has yet to hear of
	HurdleMarked      Hurdle = "marked"            // copies that differ: drifted or dirty
	HurdleValidation  Hurdle = "mismatched"        // what the last validation has found
	HurdleVerdicts    Hurdle = "verdicts"          // what comparing logins has found
	HurdleLegacyLogin Hurdle = "last-legacy-login" // when a login was last answered by what legacy has
	HurdleResets      Hurdle = "forced-resets"     // accounts without a password, to which a login with legacy may bring it
	HurdleOldHashes   Hurdle = "old-hashes"        // passwords that are still verified by legacy's scheme
)

// A Readiness is the answers.
type Readiness struct {
	At time.Time `json:"at"`
	// Ready: the legacy stores may be switched off. Removable: and so may be the code that knows their password schemes.
	Ready     bool        `json:"ready"`
	Removable bool        `json:"removable"`
	Checks    []ReadyLine `json:"checks"`
}

// A ReadyLine is the answer to one question.
type ReadyLine struct {
	Hurdle Hurdle `json:"check"`
	OK     bool   `json:"ok"`
	// Later: it is in the way of removing the code, not of switching the legacy stores off.
	Later bool   `json:"later"`
	Count *int64 `json:"count,omitempty"` // people or changes; nil: nobody knows, or it is no number
	Found string `json:"found"`
	Do    string `json:"do,omitempty"` // what to do about it
}

// quietFor is how long no login may have needed a legacy store: a week has its weekend.
const quietFor = 7 * 24 * time.Hour

// Ready asks all questions. Its error is an *UnavailableError: who cannot be counted is not ready.
func (s *Service) Ready(ctx context.Context) (Readiness, error) {
	var a asked
	var err error
	s.totalsOf(ctx) // who asks this waits for an answer
	if a.progress, err = s.Progress(ctx); err != nil {
		return Readiness{}, err
	}
	if a.state, err = s.phaseNow(ctx); err != nil {
		return Readiness{}, cannotTell("read the phase", err)
	}
	if a.intents, err = s.store.CountIntents(ctx); err != nil {
		return Readiness{}, cannotTell("count what is under way", err)
	}
	if a.backlog, err = s.Backlog(ctx); err != nil {
		return Readiness{}, err
	}
	if a.disagree, err = s.store.CountDisagreements(ctx); err != nil {
		return Readiness{}, cannotTell("count disagreements", err)
	}
	works, err := s.store.Works(ctx)
	if err != nil {
		return Readiness{}, cannotTell("read how many logins were compared", err)
	}
	a.compared = comparedIn(works)
	if a.runs, err = s.RunsUnderWay(ctx); err != nil {
		return Readiness{}, err
	}
	if a.passes, err = s.passesIn(ctx, a.state); err != nil {
		return Readiness{}, err
	}
	a.now, a.limits = s.now(), s.limits
	if a.state.AsksLegacy() && a.unmovedLine().OK {
		looked := s.readUnmoved(ctx)
		a.unmoved = &looked
	}
	r := Readiness{At: a.now, Ready: true, Checks: a.lines()}
	for _, line := range r.Checks {
		r.Ready = r.Ready && (line.OK || line.Later)
	}
	r.Removable = r.Ready && !slices.ContainsFunc(r.Checks, func(line ReadyLine) bool { return !line.OK })
	return r, nil
}

// asked is what the answers are made of.
type asked struct {
	now      time.Time
	progress Progress
	state    phase.State
	intents  int64
	backlog  Backlog
	disagree map[phase.Store]int64
	compared Compared
	runs     []Run
	passes   passes
	limits   phase.Limits
	unmoved  *unmoved // nil: nobody has looked, because there is somebody, or because the old stores are asked nothing any more
}

func (a asked) lines() []ReadyLine {
	lines := []ReadyLine{
		a.phaseLine(), a.runsLine(), a.unmovedLine(), a.copiesLine(), a.quarantineLine(), a.contestedLine(), a.inDoubtLine(),
		a.undeliveredLine(), a.markedLine(), a.validationLine(), a.verdictsLine(), a.legacyLoginLine(), a.resetsLine(), a.oldHashesLine(),
	}
	for i := range lines {
		if lines[i].OK {
			lines[i].Do = ""
		}
	}
	return lines
}

// none is a line that is done when nobody is left.
func none(hurdle Hurdle, n int64, found, do string) ReadyLine {
	return ReadyLine{Hurdle: hurdle, OK: n == 0, Count: &n, Found: found, Do: do}
}

func (a asked) phaseLine() ReadyLine {
	return ReadyLine{
		Hurdle: HurdlePhase, OK: a.state.Phase >= phase.NewFirst && !a.state.Moving(), Found: a.state.Phase.String() + ": " + a.state.Meaning(),
		Do: "rekey phase show says what the next step needs; the new store answers from new-first on",
	}
}

func (a asked) runsLine() ReadyLine {
	var under []string
	for _, r := range a.runs {
		under = append(under, string(r.Kind)+" "+r.ID.String())
	}
	found := "none is under way"
	if len(under) > 0 {
		found = strings.Join(under, ", ")
	}
	return none(HurdleRuns, int64(len(under)), found, "let it end; rekey sweep status says how far it is")
}

// people says how many.
func people(n int64) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

func (a asked) copiesLine() ReadyLine {
	var n int64
	for _, p := range a.progress.Sources {
		n += p.Copied + p.Ramp
	}
	return none(HurdleCopies, n, people(n), "their next login, or rekey sweep run, copies them again; those of a ramp are home in new-first")
}

func (a asked) quarantineLine() ReadyLine {
	var n int64
	classes := map[NoteClass]int64{}
	for _, p := range a.progress.Sources {
		for class, people := range p.Quarantined {
			if class != NoteContested {
				classes[class] += people
				n += people
			}
		}
	}
	var each []string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		each = append(each, fmt.Sprintf("%s %d", class, classes[class]))
	}
	found := people(n)
	if len(each) > 0 {
		found += ": " + strings.Join(each, ", ")
	}
	return none(HurdleQuarantine, n, found, "rekey quarantine list names them; mend the record and retry, or skip with a reason")
}

func (a asked) contestedLine() ReadyLine {
	var n int64
	for _, p := range a.progress.Sources {
		n += p.Quarantined[NoteContested]
	}
	return none(HurdleContested, n, people(n), "give each their own name in the old store, then rekey sweep run")
}

func (a asked) inDoubtLine() ReadyLine {
	return none(HurdleInDoubt, a.intents, changes(a.intents), "they end by themselves within half a minute of the old store's answering")
}

func changes(n int64) string {
	if n == 1 {
		return "1 change"
	}
	return fmt.Sprintf("%d changes", n)
}

func (a asked) undeliveredLine() ReadyLine {
	found := changes(a.backlog.Waiting)
	if a.backlog.Refused > 0 {
		found += fmt.Sprintf(", of which the old store has refused %d", a.backlog.Refused)
	}
	return none(HurdleUndelivered, a.backlog.Waiting, found, "rekey phase backlog lists them; mend what was refused, and have it tried again")
}

func (a asked) markedLine() ReadyLine {
	var dirty, drifted int64
	for _, p := range a.progress.Sources {
		dirty, drifted = dirty+p.Dirty, drifted+p.Drifted
	}
	return none(HurdleMarked, dirty+drifted, fmt.Sprintf("%d drifted, %d dirty", drifted, dirty), "their next login, or rekey sweep run, copies them again")
}

// age is how long before now a pass began; in new-only, where no other can be made, before that phase.
func (a asked) age(v Validation) time.Duration {
	until := a.now
	if a.state.Phase == phase.NewOnly {
		until = a.state.Began
	}
	return until.Sub(v.Began)
}

// countIn counts of whom a validation has found this.
func countIn(v Validation, verdict Verdict) (n int64) {
	for _, c := range v.Found.Sources {
		n += int64(c.Counts[verdict])
	}
	return n
}

// held is how many people are in quarantine who have no account.
func (a asked) held() (n int64) {
	for _, p := range a.progress.Sources {
		n += p.Held
	}
	return n
}

// validationLine counts nobody whom the lines of the unmoved and of the quarantine count. Whom a validation could not tell from
// those, because they were skipped since, the next one lets be.
func (a asked) validationLine() ReadyLine {
	line := ReadyLine{Hurdle: HurdleValidation, Found: "no pass over all sources counts", Do: "rekey verify"}
	v := a.passes.newest()
	if v == nil {
		return line
	}
	var n int64
	var found []string
	totals := map[Verdict]int{}
	for _, c := range v.Found.Sources {
		for verdict, people := range c.Counts {
			if !verdict.Clean() {
				totals[verdict] += people
			}
		}
	}
	if v.Found.Complete && a.unmovedLine().OK {
		totals[VerdictUnmovable] = int(max(0, countIn(*v, VerdictUnmovable)-a.held()))
	}
	for _, verdict := range slices.Sorted(maps.Keys(totals)) {
		if totals[verdict] > 0 {
			n += int64(totals[verdict])
			found = append(found, fmt.Sprintf("%s %d", verdict, totals[verdict]))
		}
	}
	if found == nil {
		found = []string{"no difference"}
	}
	age := a.age(*v)
	line.Count, line.Found = &n, strings.Join(found, ", ")+", "+ago(age)+v.Found.among()
	line.OK = a.passes.clean() && n == 0 && age <= a.limits.ValidationAge
	switch {
	case !a.passes.clean():
		line.Do = "rekey verify --repair marks who differs, rekey sweep run copies them again and moves who is missing, and rekey verify, over all sources, looks again" + elsewhereMended(totals)
	case n > 0:
		line.Do = "rekey verify looks again: who cannot be moved and was skipped in quarantine counts no more; rekey sweep run puts the others there"
	}
	return line
}

// verdictsLine is of people about whose password the stores disagree, as a login has shown.
func (a asked) verdictsLine() ReadyLine {
	legacy, here := a.disagree[phase.Legacy], a.disagree[phase.New]
	found := a.compared.words()
	switch {
	case legacy+here > 0:
		found += fmt.Sprintf("; the old store alone took the password of %s, the new store alone that of %s", people(legacy), people(here))
	case a.compared.Agreed+a.compared.Disagreed > 0:
		found += "; none is judged differently now"
	}
	return none(HurdleVerdicts, legacy+here, found,
		"rekey verify names them, rekey account show says when; --repair lets the old store answer for them until their next login, or rekey sweep run, copies them again")
}

// ago says how long ago something was, in the largest unit of which there are two.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		name string
		d    time.Duration
	}{{"days", 24 * time.Hour}, {"hours", time.Hour}, {"minutes", time.Minute}} {
		if d >= 2*unit.d {
			return fmt.Sprintf("%d %s ago", d/unit.d, unit.name)
		}
	}
	return "just now"
}

func (a asked) legacyLoginLine() ReadyLine {
	line := ReadyLine{
		Hurdle: HurdleLegacyLogin, OK: true,
		Do: fmt.Sprintf("wait until no login has needed an old store for %d days", quietFor/(24*time.Hour)),
	}
	if !a.state.AsksLegacy() {
		line.Found = "none: nobody is looked for there"
		return line
	}
	var newest time.Time
	for _, p := range a.progress.Sources {
		if p.LegacyLogin != nil && p.LegacyLogin.After(newest) {
			newest = *p.LegacyLogin
			line.Found = newest.UTC().Format(time.RFC3339) + ", " + p.Source
		}
	}
	if newest.IsZero() { // whoever has come since the phase began would be noted
		newest = a.state.Began
		line.Found = "none since " + a.state.Phase.String() + " began, " + ago(a.now.Sub(newest))
	}
	line.OK = !newest.IsZero() && a.now.Sub(newest) >= quietFor
	if newest.IsZero() {
		line.Found = "none: nobody can have logged in yet"
	}
	return line
}

func (a asked) resetsLine() ReadyLine {
	n := a.progress.Reset - a.progress.AwaitResets
	found := people(n) + " without a password here"
	if due := a.progress.AwaitResets; due > 0 { // no legacy store can help them
		found += fmt.Sprintf("; %s more whose password was taken away", people(due))
	}
	return none(HurdleResets, n, found,
		"whoever logs in before the end brings one; the others need a reset: tell them, and see that mail reaches them")
}

func (a asked) oldHashesLine() ReadyLine {
	wrapped, carried := a.progress.Passwords[SchemeWrapped], a.progress.Passwords[SchemeCarried]
	line := none(HurdleOldHashes, wrapped+carried, fmt.Sprintf("%d wrapped, %d carried", wrapped, carried),
		"each becomes argon2id at the person's next login; until the last has, the code that verifies them stays")
	line.Later = true
	return line
}
