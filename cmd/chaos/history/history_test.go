package history

import (
	"strings"
	"testing"
	"time"
)

// at gives an operation its time: each lasts from its place to just before the next, unless it says otherwise.
func at(ops ...Op) []Op {
	for i := range ops {
		ops[i].Name = "anna"
		if ops[i].Call == 0 {
			ops[i].Call = time.Duration(i+1) * 10
		}
		if ops[i].Return == 0 {
			ops[i].Return = ops[i].Call + 5
		}
		if ops[i].Answer == Lost {
			ops[i].Return = 1000
		}
	}
	return ops
}

func in(password string, session int) Op {
	return Op{Kind: Login, Password: password, Session: session, Subject: "s", Answer: Done}
}

func out(password string) Op { return Op{Kind: Login, Password: password, Answer: Refused} }

func change(from, to string, session int, a Answer) Op {
	return Op{Kind: Change, Password: from, New: to, Session: session, Answer: a}
}

func reset(to string, a Answer) Op { return Op{Kind: Reset, New: to, Answer: a} }

func half(password string) Op { return Op{Kind: Login, Password: password, Answer: Half} }

func second(password string, session int) Op {
	return Op{Kind: Second, Password: password, Session: session, Subject: "s", Answer: Done}
}

func of(kind Kind, session int, a Answer) Op { return Op{Kind: kind, Session: session, Answer: a} }

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		ops []Op
		ok  bool
	}{
		"in with the password":               {at(in("p1", 1)), true},
		"a right password is refused":        {at(out("p1")), false},
		"in with another":                    {at(in("p0", 1)), false},
		"a change counts":                    {at(in("p1", 1), change("p1", "p2", 1, Done), in("p2", 2), out("p1")), true},
		"an older password is revived":       {at(in("p1", 1), change("p1", "p2", 1, Done), in("p1", 2)), false},
		"an acknowledged change is lost":     {at(in("p1", 1), change("p1", "p2", 1, Done), out("p2")), false},
		"a lost change was made":             {at(in("p1", 1), change("p1", "p2", 1, Lost), in("p2", 2), out("p1")), true},
		"a lost change was not made":         {at(in("p1", 1), change("p1", "p2", 1, Lost), out("p2"), in("p1", 2)), true},
		"a lost change is made later":        {at(in("p1", 1), change("p1", "p2", 1, Lost), in("p1", 3), in("p2", 2)), true},
		"a lost change is made and unmade":   {at(in("p1", 1), change("p1", "p2", 1, Lost), in("p2", 2), in("p1", 3)), false},
		"two changes of one password":        {at(in("p1", 1), in("p1", 2), Op{Kind: Change, Call: 30, Return: 60, Password: "p1", New: "p2", Session: 1, Answer: Done}, Op{Kind: Change, Call: 35, Return: 60, Password: "p1", New: "p3", Session: 2, Answer: Done}), false},
		"the slower of two is refused":       {at(in("p1", 1), in("p1", 2), Op{Kind: Change, Call: 30, Return: 60, Password: "p1", New: "p2", Session: 1, Answer: Done}, Op{Kind: Change, Call: 35, Return: 60, Password: "p1", New: "p3", Session: 2, Answer: Refused}), true},
		"a session outlives a change":        {at(in("p1", 1), in("p1", 2), change("p1", "p2", 1, Done), of(Refresh, 2, Done)), false},
		"its own does":                       {at(in("p1", 1), in("p1", 2), change("p1", "p2", 1, Done), of(Refresh, 1, Done), of(Refresh, 2, Refused)), true},
		"a session is lost":                  {at(in("p1", 1), of(Refresh, 1, Refused)), false},
		"a session outlives a logout":        {at(in("p1", 1), of(Logout, 1, Done), of(Refresh, 1, Done)), false},
		"a session outlives its revocation":  {at(in("p1", 1), of(Revoke, 0, Done), of(Refresh, 1, Done)), false},
		"a used token is good again":         {at(in("p1", 1), of(Reuse, 1, Done)), false},
		"a used token ends the session":      {at(in("p1", 1), of(Reuse, 1, Refused), of(Refresh, 1, Refused)), true},
		"a used token does not":              {at(in("p1", 1), of(Reuse, 1, Refused), of(Refresh, 1, Done)), false},
		"the deleted comes back":             {at(in("p1", 1), Op{Kind: Delete, Password: "p1", Session: 1, Answer: Done}, in("p1", 2)), false},
		"the deleted stays away":             {at(in("p1", 1), Op{Kind: Delete, Password: "p1", Session: 1, Answer: Done}, out("p1"), Op{Kind: Register, New: "p2", Subject: "t", Answer: Done}), true},
		"a name is given twice":              {at(Op{Kind: Register, New: "p2", Subject: "t", Answer: Done}), false},
		"a free name is taken":               {at(in("p1", 1), Op{Kind: Delete, Password: "p1", Session: 1, Answer: Done}, Op{Kind: Register, New: "p2", Answer: Taken}), false},
		"the disabled is in":                 {at(of(Disable, 0, Done), in("p1", 1)), false},
		"the disabled is out":                {at(in("p1", 1), of(Disable, 0, Done), out("p1"), of(Refresh, 1, Refused), of(Enable, 0, Done), in("p1", 2)), true},
		"a subject changes":                  {at(in("p1", 1), Op{Kind: Login, Password: "p1", Subject: "t", Answer: Done}), false},
		"the old application's word":         {at(Op{Kind: LegacyWrite, New: "p2", Answer: Done}, in("p1", 1), in("p2", 2), out("p2")), true},
		"two of its words, the first moved":  {at(Op{Kind: LegacyWrite, New: "p2", Answer: Done}, in("p2", 1), Op{Kind: LegacyWrite, New: "p3", Answer: Done}, in("p2", 2), out("p3")), true},
		"not its word":                       {at(Op{Kind: LegacyWrite, New: "p2", Answer: Done}, in("p3", 1)), false},
		"a reset counts":                     {at(in("p1", 1), reset("p2", Done), in("p2", 2), out("p1")), true},
		"a reset leaves the old password":    {at(in("p1", 1), reset("p2", Done), in("p1", 2)), false},
		"a session outlives a reset":         {at(in("p1", 1), reset("p2", Done), of(Refresh, 1, Done)), false},
		"a lost reset is made later":         {at(reset("p2", Lost), in("p1", 1), in("p2", 2), out("p1")), true},
		"a dead link":                        {at(reset("p2", Refused), in("p1", 1), out("p2")), true},
		"a link revives the deleted":         {at(in("p1", 1), Op{Kind: Delete, Password: "p1", Session: 1, Answer: Done}, reset("p2", Done)), false},
		"a link revives the disabled":        {at(of(Disable, 0, Done), reset("p2", Done)), false},
		"staff move somebody":                {at(of(Migrate, 0, Done), in("p1", 1), of(Migrate, 0, Done), of(Migrate, 0, Absent), of(Refresh, 1, Done)), true},
		"staff move the deleted":             {at(in("p1", 1), Op{Kind: Delete, Password: "p1", Session: 1, Answer: Done}, of(Migrate, 0, Done)), false},
		"a second factor":                    {at(in("p1", 1), of(Enrol, 1, Done), half("p1"), out("p0"), second("p1", 2), of(Refresh, 2, Done), of(Unenrol, 2, Done), in("p1", 3)), true},
		"a password alone":                   {at(in("p1", 1), of(Enrol, 1, Done), in("p1", 2)), false},
		"a password alone, after a reset":    {at(in("p1", 1), of(Enrol, 1, Done), reset("p2", Done), in("p2", 2)), false},
		"an old password and a code":         {at(in("p1", 1), of(Enrol, 1, Done), change("p1", "p2", 1, Done), second("p1", 2)), false},
		"a challenge for a wrong password":   {at(in("p1", 1), of(Enrol, 1, Done), half("p0")), false},
		"a challenge for nothing":            {at(half("p1")), false},
		"a right password, refused for lack": {at(in("p1", 1), of(Enrol, 1, Done), out("p1")), false},
		"the old application's word is over": {at(Op{Kind: LegacyWrite, New: "p2", Answer: Done}, in("p1", 1), change("p1", "p3", 1, Done), in("p2", 2)), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := Check(row.ops, Rules{First: map[string]First{"anna": {Password: "p1", Subject: "s"}}, Limit: time.Second})
			if ok := len(findings) == 0; ok != row.ok {
				t.Errorf("%v, want %v", ok, row.ok)
			}
		})
	}
}

// What is found is shown with a mark at what cannot be.
func TestTable(t *testing.T) {
	t.Parallel()
	ops := at(in("p1", 1), change("p1", "p2", 1, Done), in("p1", 2), in("p2", 2))
	findings := Check(ops, Rules{First: map[string]First{"anna": {Password: "p1"}}, Limit: time.Second})
	if len(findings) != 1 {
		t.Fatalf("%d findings", len(findings))
	}
	var b strings.Builder
	if err := findings[0].Table(&b); err != nil {
		t.Fatal(err)
	}
	marked := 0
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "*") {
			marked++
		}
	}
	if marked == 0 || !strings.Contains(b.String(), "change p1 -> p2 (session 1)") {
		t.Errorf("%s", b.String())
	}
	if path, err := findings[0].Draw(t.TempDir()); err != nil || path == "" {
		t.Error(err)
	}
}

// A session that was opened while a change was made may be ended by its end, if rules say so; by nothing else.
func TestFrailSessions(t *testing.T) {
	t.Parallel()
	ops := func() []Op {
		return at(in("p1", 1), Op{Kind: Change, Call: 20, Return: 40, Password: "p1", New: "p2", Session: 1, Answer: Done},
			Op{Kind: Login, Call: 30, Return: 50, Password: "p2", Session: 2, Subject: "s", Answer: Done}, Op{Kind: Refresh, Call: 60, Session: 2, Answer: Refused})
	}
	for _, intents := range []bool{true, false} {
		rules := Rules{First: map[string]First{"anna": {Password: "p1"}}, Intents: intents, Limit: time.Second}
		if findings := Check(ops(), rules); len(findings) == 0 != intents {
			t.Errorf("%d findings with intents: %v", len(findings), intents)
		}
	}
}

// Where a change begins in the old store, what asks the account here finds it as it was until the end; not afterwards.
func TestChangesInDoubt(t *testing.T) {
	t.Parallel()
	const late = doubtFor + 20
	gone := Op{Kind: Delete, Call: 20, Password: "p1", Session: 1, Answer: Lost, Return: late + 100}
	for name, row := range map[string]struct {
		ops     []Op
		intents bool
		ok      bool
	}{
		"a session":                  {[]Op{in("p1", 1), gone, out("p1"), of(Refresh, 1, Done)}, true, true},
		"the name":                   {[]Op{in("p1", 1), gone, out("p1"), {Kind: Register, New: "p2", Answer: Taken}}, true, true},
		"staff":                      {[]Op{in("p1", 1), gone, out("p1"), of(Enable, 0, Done)}, true, true},
		"in a phase without intents": {[]Op{in("p1", 1), gone, out("p1"), of(Refresh, 1, Done)}, false, false},
		"for too long":               {[]Op{in("p1", 1), gone, out("p1"), {Kind: Refresh, Call: late + 50, Return: late + 60, Session: 1, Answer: Done}}, true, false},
		"the password":               {[]Op{in("p1", 1), gone, out("p1"), in("p1", 2)}, true, false},
		"late, a session that ends":  {[]Op{in("p1", 1), change("p1", "p2", 1, Done), in("p2", 2), of(Refresh, 2, Refused)}, true, true},
		"late, one that does not":    {[]Op{in("p1", 1), in("p1", 2), change("p1", "p2", 1, Done), in("p2", 3), of(Refresh, 2, Done)}, true, true},
		"late, the password":         {[]Op{in("p1", 1), change("p1", "p2", 1, Done), in("p1", 2)}, true, false},
	} {
		rules := Rules{Late: strings.HasPrefix(name, "late"), First: map[string]First{"anna": {Password: "p1", Subject: "s"}}, Intents: row.intents, Limit: time.Second}
		ops := row.ops
		for i := range ops {
			ops[i].Name = "anna"
			if ops[i].Call == 0 {
				ops[i].Call, ops[i].Return = time.Duration(i+1)*10, time.Duration(i+1)*10+5
			}
		}
		if ok := len(Check(ops, rules)) == 0; ok != row.ok {
			t.Errorf("%s: %v, want %v", name, ok, row.ok)
		}
	}
}

// What got no answer may happen until everything is at rest.
func TestAllAtRest(t *testing.T) {
	t.Parallel()
	log := NewLog()
	log.Add(Op{Answer: Lost, Return: 3})
	log.Add(Op{Answer: Done, Return: 4})
	if all := log.All(9); all[0].Return != 9 || all[1].Return != 4 {
		t.Errorf("%+v", all)
	}
}
