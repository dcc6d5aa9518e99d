package phase

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// The model: one account, two operations at once on two replicas, and every order in which their steps can fall, with the
// relay's deliveries in between. What an operation does is read from the table of the package, so the model tests the table
// as well as the matrix. It knows nothing of time: an operation that has stopped for a minute is one whose next step comes
// last.
//
// A version is the gateway's own, for both stores: a change takes the highest that it sees and adds one. Legacy keeps its
// versions in the condition of the conditional write; where there is no such write (legacy-only, shadow) it is written
// as it stands. A change is acknowledged if its home took it.

// guards are what keeps the operations apart. Each is tried without.
type guards struct {
	lock      bool // one change of an account at a time
	lockAlone bool // also where legacy alone must be written
	cas       bool // a write names the version that it read
	tombstone bool // a deleted account leaves one
	doubt     bool // while an intent is open nothing is copied
	pin       bool // what has not reached legacy is answered here
	trust     bool // an old copy counts as absent
	hereFirst bool // a login reads the row here before legacy, not after
}

func allGuards() guards { return guards{true, true, true, true, true, true, true, true} }

// The passwords of the model.
const (
	none  byte = 0   // no row
	gone  byte = '-' // deleted: no row in legacy; a tombstone in the new store
	old   byte = 'o' // the password from before
	stale byte = 's' // one from long before
	newA  byte = 'x'
	newB  byte = 'y'
)

// a cell is the account in one store.
type cell struct {
	ver    int8
	val    byte
	copied int8 // new store: CopiedEpoch
}

// a world is both stores, the lock and the relay.
type world struct {
	legacy, here cell
	lock         int8 // the operation that holds it, or 0
	intent       bool
	relay        [3]cell // deliveries that have not been made; the zero cell is none
}

func (w world) pending() bool { return w.relay != [3]cell{} }

func (w world) queued(c cell) world {
	for i := range w.relay {
		if w.relay[i] == (cell{}) {
			w.relay[i] = c
			return w
		}
	}
	panic("the model has more deliveries than operations")
}

type opKind byte

const (
	opChange opKind = 'c'
	opDelete opKind = 'd'
	opLogin  opKind = 'l' // proves whatever is the password now, and copies as the table says
	opSweep  opKind = 's'
)

// an operation on one replica.
type operation struct {
	kind  opKind
	val   byte // what it writes
	state State
}

// a progress is how far an operation has come.
type progress struct {
	pc    int8 // 0: not begun; ended: over
	ver   int8
	row   Row
	l, n  cell // what it has read
	acked bool // a change: it was answered with success
	saw   byte // a login: the password that was right
}

const ended int8 = -1

type successor struct {
	w world
	p progress
}

// row asks the table.
func (g guards) row(s State, w world) Row {
	a := Account{ID: uuid.Max, CopiedEpoch: int64(w.here.copied)}
	a.Tombstone = w.here.val == gone
	a.ChangedHere = g.pin && w.pending()
	a.InDoubt = g.doubt && w.intent
	if !g.trust && w.here.val != none {
		a.CopiedEpoch = s.Epoch
	}
	return s.Row(a)
}

// read is the password that a replica takes.
func (g guards) read(s State, w world) byte {
	val := none
	switch g.row(s, w).Answers {
	case Legacy:
		val = w.legacy.val
	case New:
		val = w.here.val
	case Neither:
	}
	if val == gone {
		return none
	}
	return val
}

// over writes next over a cell of a lower version.
func (g guards) over(was, next cell) cell {
	if g.cas && was.ver >= next.ver {
		return was
	}
	return next
}

func (g guards) writeHere(w world, op operation, ver int8) world {
	next := cell{ver, op.val, int8(op.state.Epoch)}
	if op.kind == opDelete && !g.tombstone {
		w.here = cell{}
		return w
	}
	w.here = g.over(w.here, next)
	return w
}

func (g guards) writeLegacy(w world, op operation, ver int8) world {
	w.legacy = g.over(w.legacy, cell{ver: ver, val: op.val})
	return w
}

// step returns every way in which an operation can go on; none, while it waits for the lock.
func (g guards) step(op operation, me int8, w world, p progress) []successor {
	if op.kind == opChange || op.kind == opDelete {
		return g.stepChange(op, me, w, p)
	}
	return g.stepCopy(op, w, p)
}

// stepChange is a change: lock and intent, home, the other store, unlock.
func (g guards) stepChange(op operation, me int8, w world, p progress) []successor {
	alone := p.row.New != Required // legacy-only and shadow
	switch p.pc {
	case 0:
		p.row = g.row(op.state, w)
		if p.row.Frozen || g.read(op.state, w) == none {
			p.pc = ended
			return []successor{{w, p}}
		}
		alone = p.row.New != Required
		if g.lock && (g.lockAlone || !alone) {
			if w.lock != 0 {
				return nil
			}
			w.lock = me
		}
		w.intent = w.intent || p.row.Legacy == Required && p.row.New == Required
		p.ver, p.pc = max(w.legacy.ver, w.here.ver)+1, 1
		if alone && !g.lockAlone { // at once: without a lock there is nothing between reading and writing
			return g.stepChange(op, me, w, p)
		}
	case 1:
		was := w
		switch {
		case alone:
			p.ver = w.legacy.ver + 1
			w.legacy = cell{ver: p.ver, val: op.val}
		case p.row.Home == Legacy && p.row.Legacy == Required:
			w = g.writeLegacy(w, op, p.ver)
		default:
			w = g.writeHere(w, op, p.ver)
		}
		p.acked = w != was
		if p.acked && p.row.Legacy == CopyBack {
			w = w.queued(cell{ver: p.ver, val: op.val})
		}
		p.pc = 2
		if !p.acked || p.row.Legacy == CopyBack || p.row.Legacy == NoWrite || p.row.New == NoWrite {
			p.pc = 3
		}
	case 2:
		p.pc = 3
		switch {
		case p.row.New == BestEffort: // arrives, or not
			return []successor{{w, p}, {g.writeHere(w, op, p.ver), p}}
		case p.row.Home == Legacy:
			w = g.writeHere(w, op, p.ver)
		default:
			w = g.writeLegacy(w, op, p.ver)
		}
	default:
		if w.lock == me {
			w.lock = 0
		}
		if p.row.Legacy == Required && p.row.New == Required {
			w.intent = false
		}
		p.pc = ended
	}
	return []successor{{w, p}}
}

// stepCopy is a login or the sweep: read here, read legacy, write here if nothing has changed here. It takes no lock: between
// the reads and the write lies the hash.
func (g guards) stepCopy(op operation, w world, p progress) []successor {
	readHere := func() {
		p.n, p.row = w.here, g.row(op.state, w)
	}
	switch p.pc {
	case 0:
		if g.hereFirst {
			readHere()
		} else {
			p.l = w.legacy
		}
		p.pc = 1
	case 1:
		if g.hereFirst {
			p.l = w.legacy
		} else {
			readHere()
		}
		p.pc, p.saw = g.proven(op, p)
	default:
		p.pc = ended
		without := successor{w, p}
		if g.cas && w.here != p.n || w.here.val == gone {
			return []successor{without}
		}
		w.here = cell{max(p.l.ver, p.n.ver), p.l.val, int8(op.state.Epoch)}
		if p.row.Login == TakeBestEffort {
			return []successor{without, {w, p}}
		}
		return []successor{{w, p}}
	}
	return []successor{{w, p}}
}

// proven says which password is right after both reads, and whether a copy follows.
func (g guards) proven(op operation, p progress) (pc int8, saw byte) {
	switch p.row.Answers {
	case Neither:
		return ended, none
	case New:
		return ended, p.n.val
	case Legacy:
	}
	if p.l.val == gone {
		return ended, none
	}
	copies := p.row.Login != TakeNothing && (op.kind == opLogin || p.row.Login > TakeBestEffort)
	if same := p.n.val == p.l.val && int64(p.n.copied) >= op.state.TrustEpoch; !copies || same {
		return ended, p.l.val
	}
	return 2, p.l.val
}

// a node is a point of an interleaving.
type node struct {
	w     world
	a, b  progress
	order byte // 'a': a was over before b began; 'b': the other way round; 0: neither
}

// a scene is what the model plays.
type scene struct {
	name string
	w    world
	now  byte // the password that is right at first
	a, b operation
	// later reads afterwards, in a phase that was entered when both operations were over; nil: nobody does.
	later *State
}

// play tries every interleaving of a scene and returns what was found wrong first, or "".
func (g guards) play(sc scene) string {
	seen := map[node]bool{}
	stack := []node{{w: sc.w}}
	push := func(n node) {
		if !seen[n] {
			seen[n] = true
			stack = append(stack, n)
		}
	}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if n.a.pc == ended && n.b.pc == ended {
			if fault := g.judge(sc, n); fault != "" {
				return fmt.Sprintf("%s: %c%c in %s, %c%c in %s: %s", sc.name,
					sc.a.kind, shown(sc.a.val), told(sc.a.state), sc.b.kind, shown(sc.b.val), told(sc.b.state), fault)
			}
		}
		if n.a.pc != ended {
			order := n.order
			if n.a.pc == 0 && n.b.pc == ended {
				order = 'b'
			}
			for _, next := range g.step(sc.a, 1, n.w, n.a) {
				push(node{next.w, next.p, n.b, order})
			}
		}
		if n.b.pc != ended {
			order := n.order
			if n.b.pc == 0 && n.a.pc == ended {
				order = 'a'
			}
			for _, next := range g.step(sc.b, 2, n.w, n.b) {
				push(node{next.w, n.a, next.p, order})
			}
		}
		for i, delivery := range n.w.relay {
			if delivery != (cell{}) {
				w := n.w
				w.relay[i] = cell{}
				w.legacy = g.over(w.legacy, delivery)
				push(node{w, n.a, n.b, n.order})
			}
		}
	}
	return ""
}

func shown(val byte) byte {
	if val == none {
		return '_'
	}
	return val
}

func told(s State) string {
	text := fmt.Sprintf("%s (epoch %d", s.Phase, s.Epoch)
	if s.Phase == Ramp {
		text += ", " + s.Percent.String() + " %"
	}
	if s.Frozen {
		text += ", frozen"
	}
	return text + ")"
}

// judge says what is wrong once both operations are over.
func (g guards) judge(sc scene, n node) string {
	right := rightAfter(sc, n)
	left, other := g.read(sc.a.state, n.w), g.read(sc.b.state, n.w)
	switch {
	case left != other:
		return fmt.Sprintf("replicas disagree: %q and %q", left, other)
	case !slices.Contains(right, left):
		return fmt.Sprintf("%q is the password, want one of %q", left, right)
	case !seenRight(sc, n):
		return "a login took a password that was not right at any moment of it"
	case n.w.lock != 0:
		return "the lock is held and nobody is there"
	case n.w.pending():
		return ""
	}
	if sc.later != nil {
		if val := g.read(*sc.later, n.w); !slices.Contains(right, val) {
			return fmt.Sprintf("%q is the password in %s, want one of %q", val, told(*sc.later), right)
		}
	}
	keeps := func(s State) bool { return Both <= s.Phase && s.Phase <= NewFirst }
	if keeps(sc.a.state) && keeps(sc.b.state) && n.w.here.val != none && int64(n.w.here.copied) >= sc.a.state.TrustEpoch &&
		n.w.here.val != n.w.legacy.val {
		return fmt.Sprintf("the stores differ: %q here, %q in legacy", n.w.here.val, n.w.legacy.val)
	}
	return ""
}

// rightAfter are the passwords that may be right after both operations. A deleted account has none, whatever came before,
// after or at the same time.
func rightAfter(sc scene, n node) []byte {
	var right []byte
	for _, c := range []struct {
		op    operation
		p     progress
		first bool
	}{{sc.a, n.a, n.order == 'a'}, {sc.b, n.b, n.order == 'b'}} {
		switch {
		case !c.p.acked:
		case c.op.kind == opDelete:
			return []byte{none}
		case c.first && (n.a.acked && n.b.acked):
		default:
			right = append(right, c.op.val)
		}
	}
	if right == nil {
		return []byte{sc.now}
	}
	return right
}

// seenRight tells whether each login took a password that was right before, during or after it.
func seenRight(sc scene, n node) bool {
	for _, c := range []struct {
		login, other progress
		kind         opKind
		by           operation
		otherFirst   bool
		loginFirst   bool
	}{
		{n.a, n.b, sc.a.kind, sc.b, n.order == 'b', n.order == 'a'},
		{n.b, n.a, sc.b.kind, sc.a, n.order == 'a', n.order == 'b'},
	} {
		if c.kind != opLogin {
			continue
		}
		written := c.by.val
		if c.by.kind == opDelete {
			written = none
		}
		switch saw := normal(c.login.saw); {
		case !c.other.acked, c.loginFirst:
			if saw != sc.now {
				return false
			}
		case c.otherFirst:
			if saw != written {
				return false
			}
		case saw != sc.now && saw != written:
			return false
		}
	}
	return true
}

func normal(val byte) byte {
	if val == gone {
		return none
	}
	return val
}
