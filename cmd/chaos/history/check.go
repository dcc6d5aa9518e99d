package history

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/anishathalye/porcupine"
)

// model is one account, whose first state is known.
func model(first account) porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []any { return []any{first} },
		Step: func(state, input, _ any) []any {
			before, isAccount := state.(account)
			op, isOp := input.(Op)
			if !isAccount || !isOp {
				return nil
			}
			var all []any
			for _, after := range before.next(op) {
				all = append(all, after)
			}
			return all
		},
		DescribeOperation: func(input, _ any) string {
			op, _ := input.(Op) // nothing else is given
			return fmt.Sprintf("%s: %s", op.describe(), op.Answer)
		},
	}
	m := nondeterministic.ToModel()
	m.DescribeState = func(state any) string { return strings.ReplaceAll(fmt.Sprint(state), "} {", "} or {") }
	return m
}

// A First says who was there at the begin, and with which password.
type First struct {
	Password string // "" if there was nobody
	Subject  string // "" if it is not known
}

// A Finding is an account that answered as no account can.
type Finding struct {
	Name  string
	Ops   []Op
	Doubt bool // the check took too long: nothing was found
	info  porcupine.LinearizationInfo
	model porcupine.Model
	reach int // of how many operations the longest explanation is
	stuck map[int]bool
}

// Rules are what accounts promise, beside what they always do.
type Rules struct {
	First map[string]First // who was there at the begin
	// Intents: some changes were made in the old store first, which answers from then on, and here at their end, which ends the
	// sessions that there are. So a session that was opened meanwhile with the new password may be ended too. And between the
	// two, of a change that nobody was told is done, what only asks the account here finds it as it was.
	Intents bool
	// Late: in some phases our half may follow when the change is acknowledged, with the end of the sessions.
	Late  bool
	Limit time.Duration // that the check of one account may take
}

// Check returns the accounts that answered as no account can.
func Check(ops []Op, rules Rules) []Finding {
	byName := map[string][]Op{}
	for _, op := range ops {
		byName[op.Name] = append(byName[op.Name], op)
	}
	var findings []Finding
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		theirs := byName[name]
		if rules.Intents {
			markFrail(theirs, rules.Late)
			markDoubt(theirs, rules.Late)
		}
		if f, ok := check(name, theirs, rules.First[name], rules.Limit); !ok {
			findings = append(findings, f)
		}
	}
	return findings
}

func check(name string, ops []Op, first First, limit time.Duration) (Finding, bool) {
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	forgetUnused(ops)
	m := model(account{exists: first.Password != "", password: first.Password, subject: first.Subject})
	calls := make([]porcupine.Operation, len(ops))
	for i, op := range ops {
		calls[i] = porcupine.Operation{ClientId: op.Worker, Input: op, Call: int64(op.Call), Output: op.Answer, Return: int64(op.Return)}
	}
	result, info := porcupine.CheckOperationsVerbose(m, calls, limit)
	f := Finding{Name: name, Ops: ops, Doubt: result == porcupine.Unknown, info: info, model: m, stuck: map[int]bool{}}
	if result == porcupine.Ok {
		return f, true
	}
	f.explain()
	return f, false
}

// markFrail marks what is asked by sessions that were opened while a change was under way.
func markFrail(ops []Op, late bool) {
	frail := map[int]bool{}
	for _, change := range ops {
		if change.Kind != Change && change.Kind != Reset || change.Answer == Refused {
			continue
		}
		end := change.Return
		if late {
			end = max(end, change.Call+doubtFor)
		}
		for _, login := range ops {
			if login.opens() && login.Session != 0 && login.Return > change.Call && login.Call < end {
				frail[login.Session] = true
			}
		}
	}
	for i, op := range ops {
		ops[i].frail = !op.opens() && frail[op.Session]
	}
}

// doubtFor is how long a change that was not answered may be between its begin and its end, at most: a claim of 30 s, and what
// keeps the others from going on.
const doubtFor = 90 * time.Second

// markDoubt marks what is asked while a change may be between its begin and its end.
func markDoubt(ops []Op, late bool) {
	for i, change := range ops {
		if !slices.Contains([]Kind{Change, Delete, Reset}, change.Kind) || change.Answer == Refused {
			continue
		}
		end := change.Call + doubtFor
		if !late {
			end = min(end, change.Return)
		}
		for j, op := range ops {
			ops[j].doubt = op.doubt || i != j && op.Return > change.Call && op.Call < end
		}
	}
}

// forgetUnused takes the session from a login whose session nobody used: it would only make more states to look at.
func forgetUnused(ops []Op) {
	used := map[int]bool{}
	for _, op := range ops {
		if !op.opens() {
			used[op.Session] = true
		}
	}
	for i, op := range ops {
		if op.opens() && !used[op.Session] {
			ops[i].Session = 0
		}
	}
}

// explain finds the operations that the longest explanation leaves out.
func (f *Finding) explain() {
	var longest []int
	for _, partials := range f.info.PartialLinearizations() {
		for _, partial := range partials {
			if len(partial) > len(longest) {
				longest = partial
			}
		}
	}
	f.reach = len(longest)
	for i := range f.Ops {
		f.stuck[i] = !slices.Contains(longest, i)
	}
}

// Table writes the account's history for people: in order, with a mark at what the longest explanation leaves out.
func (f Finding) Table(w io.Writer) error {
	verdict := "no account can have answered so"
	if f.Doubt {
		verdict = "too long to tell"
	}
	fmt.Fprintf(w, "%s: %s; the longest explanation is of %d of %d operations, \"*\" is what it leaves out\n", f.Name, verdict, f.reach, len(f.Ops))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\tCALL\tRETURN\tWORKER\tGATEWAY\tWHAT\tANSWER\tSUBJECT\t\n")
	for i, op := range f.Ops {
		mark := ""
		if f.stuck[i] {
			mark = "*"
		}
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%d\t%d\t%s\t%s\t%s\t%s\n",
			mark, op.Call.Seconds(), op.Return.Seconds(), op.Worker, op.Gateway, op.describe(), op.Answer, short(op.Subject), op.Note)
	}
	return t.Flush()
}

func short(subject string) string {
	if len(subject) < 8 {
		return subject
	}
	return subject[:8]
}

// Draw writes porcupine's picture into a folder, and returns the file's name.
func (f Finding) Draw(folder string) (string, error) {
	path := filepath.Join(folder, f.Name+".html")
	return path, porcupine.VisualizePath(f.model, f.info, path)
}
