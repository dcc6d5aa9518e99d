// Package filter tells whom a sweep takes, by an expression over what the old store knows of a person.
//
// It is CEL, as in the mapping of a source: a person is user, the time now.
//
//	user.last_login_at < now - duration("8760h")        nobody has seen them for a year, or ever
//	has(user.last_login_at) && !user.disabled           they have logged in at least once
//	user.scheme in ["md5", "sha1"] || user.source == "forum"
//	user.email.matches("(?i)@example\\.org$")
//
// A time that the store does not know is 1970-01-01: beside "long ago" that is what "never" means. has(user.created_at) and
// has(user.last_login_at) tell whether it is known; of a text it tells whether it is not empty.
package filter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

const (
	// MaxLength is the longest expression, in bytes.
	MaxLength = 4 << 10
	maxDepth  = 64 // of brackets in brackets

	// maxCost is what an expression may cost for one person, in CEL's units: by an estimate for the largest person when it is
	// compiled, and in fact when it is asked. A comparison costs 3, a regular expression over an e-mail address some 50; all
	// of it takes some 10 ms, and a sweep asks for everybody.
	maxCost = 100_000

	maxText = 1 << 10 // bytes of a key or an identifier, as adapters read them
)

// A Record is what an expression sees of a person.
type Record struct {
	ID, Source      string
	Username, Email string
	CreatedAt       time.Time // zero: not known
	LastLoginAt     time.Time // zero: not known, or never
	Disabled        bool
	Scheme          string // of the password hash; empty: there is none to be seen
}

// A Filter is an expression that was compiled. It may be asked by many at once.
type Filter struct{ program cel.Program }

// An Error says what is wrong with an expression, and where.
type Error struct {
	Line, Column int // from 1, in characters; 0: the whole of it is meant
	Reason       string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// Compile reads an expression; an empty one takes everybody. Its error is an *Error.
func Compile(text string) (*Filter, error) {
	if strings.TrimSpace(text) == "" {
		text = "true"
	}
	if len(text) > MaxLength {
		return nil, &Error{Reason: fmt.Sprintf("must be at most %d bytes", MaxLength)}
	}
	provider, err := newProvider()
	if err != nil {
		return nil, err
	}
	env, err := cel.NewEnv(
		cel.CustomTypeAdapter(provider),
		cel.CustomTypeProvider(provider),
		cel.Variable("user", cel.ObjectType(userType)),
		cel.Variable("now", cel.TimestampType),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ParserRecursionLimit(maxDepth),
	)
	if err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, explain(issues)
	}
	if id, ok := asValue(checked); ok {
		at := checked.NativeRep().SourceInfo().GetStartLocation(id)
		return nil, &Error{at.Line(), at.Column() + 1, "user is no value; ask for one of " + strings.Join(fieldNames(), ", ")}
	}
	if checked.OutputType() != cel.BoolType {
		return nil, &Error{Reason: "its result must be true or false"}
	}
	switch estimate, err := env.EstimateCost(checked, sizes{}); {
	case err != nil:
		return nil, &Error{Reason: "its cost cannot be told"}
	case estimate.Max > maxCost:
		return nil, &Error{Reason: "it may cost too much for one person: it goes through lists within lists"}
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, &Error{Reason: "a constant in it, such as a regular expression or a duration, cannot be read"}
	}
	return &Filter{program}, nil
}

// Check returns an *Error if Compile does.
func Check(text string) error {
	_, err := Compile(text)
	return err
}

// explain tells the first thing that CEL found. What comes behind is mostly its consequence.
func explain(issues *cel.Issues) error {
	if len(issues.Errors()) == 0 {
		return &Error{Reason: "it cannot be read"}
	}
	first := issues.Errors()[0]
	e := &Error{first.Location.Line(), first.Location.Column() + 1, first.Message}
	if name, ok := strings.CutPrefix(first.Message, "undefined field '"); ok {
		e.Reason = fmt.Sprintf("there is no user.%s; there are %s", strings.TrimSuffix(name, "'"), strings.Join(fieldNames(), ", "))
	}
	if e.Line < 1 || e.Column < 1 {
		e.Line, e.Column = 0, 0
	}
	return e
}

// asValue returns where user stands for itself instead of for one of its fields.
func asValue(checked *cel.Ast) (id int64, found bool) {
	fields := map[int64]bool{}
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch {
		case e.Kind() == ast.SelectKind && e.AsSelect().Operand().Kind() == ast.IdentKind:
			fields[e.AsSelect().Operand().ID()] = true
		case e.Kind() == ast.IdentKind && strings.TrimPrefix(e.AsIdent(), ".") == "user" && !fields[e.ID()] && !found:
			id, found = e.ID(), true
		}
	}))
	return id, found
}

// errNoResult: an expression has none for this person. What CEL says of it may hold values, and is not told.
var errNoResult = errors.New("the filter has no result for this person: a division by zero, a number or a time out of range, or a text that is not what it is converted to")

// Match reports whether a run takes a person. now is the time that the expression sees: one run has one, so that nobody
// moves in or out of it.
func (f *Filter) Match(r Record, now time.Time) (bool, error) {
	value, _, err := f.program.Eval(cel.Activation(&activation{r, now}))
	if err != nil {
		return false, errNoResult
	}
	truth, ok := value.(types.Bool)
	if !ok {
		return false, errNoResult
	}
	return bool(truth), nil
}

// An activation resolves the two names. It reaches CEL only as that of which a field is selected.
type activation struct {
	record Record
	now    time.Time
}

// ResolveName implements cel.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "user":
		return a, true
	case "now":
		return types.Timestamp{Time: a.now}, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (*activation) Parent() cel.Activation { return nil }

// A field is something of a person that expressions can ask for.
type field struct {
	name string
	kind *types.Type
	get  func(*Record) (value ref.Val, known bool)
}

func text(name string, of func(*Record) string) field {
	return field{name, types.StringType, func(r *Record) (ref.Val, bool) { return types.String(of(r)), of(r) != "" }}
}

func moment(name string, of func(*Record) time.Time) field {
	return field{name, types.TimestampType, func(r *Record) (ref.Val, bool) {
		if at := of(r); !at.IsZero() {
			return types.Timestamp{Time: at}, true
		}
		return types.Timestamp{Time: time.Unix(0, 0).UTC()}, false
	}}
}

var fields = []field{
	text("id", func(r *Record) string { return r.ID }),
	text("source", func(r *Record) string { return r.Source }),
	text("username", func(r *Record) string { return r.Username }),
	text("email", func(r *Record) string { return r.Email }),
	moment("created_at", func(r *Record) time.Time { return r.CreatedAt }),
	moment("last_login_at", func(r *Record) time.Time { return r.LastLoginAt }),
	{"disabled", types.BoolType, func(r *Record) (ref.Val, bool) { return types.Bool(r.Disabled), true }},
	text("scheme", func(r *Record) string { return r.Scheme }),
}

func fieldNames() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// userType is what CEL calls the type of user. No expression can write that name, and so make one.
const userType = "a person"

// A provider knows the fields of user. It is CEL's type provider.
type provider struct{ *types.Registry }

func newProvider() (provider, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return provider{}, fmt.Errorf("CEL: %w", err)
	}
	return provider{registry}, nil
}

// FindStructType implements types.Provider.
func (p provider) FindStructType(name string) (*types.Type, bool) {
	if name != userType {
		return p.Registry.FindStructType(name)
	}
	return types.NewTypeTypeWithParam(types.NewObjectType(userType)), true
}

// FindStructFieldType implements types.Provider.
func (p provider) FindStructFieldType(of, name string) (*types.FieldType, bool) {
	if of != userType {
		return p.Registry.FindStructFieldType(of, name)
	}
	for _, f := range fields {
		if f.name == name {
			return &types.FieldType{Type: f.kind, IsSet: f.isSet, GetFrom: f.from}, true
		}
	}
	return nil, false
}

func (f field) isSet(target any) bool {
	a, ok := target.(*activation)
	if !ok {
		return false
	}
	_, known := f.get(&a.record)
	return known
}

func (f field) from(target any) (any, error) {
	a, ok := target.(*activation)
	if !ok {
		return nil, errNoResult
	}
	value, _ := f.get(&a.record)
	return value, nil
}

// sizes tells CEL how long the texts of a person can be, so that it can reckon what an expression costs.
type sizes struct{}

// EstimateCallCost implements cost.Estimator.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if path := node.Path(); node.ComputedSize() == nil && len(path) == 2 && path[0] == "user" {
		return &cost.SizeEstimate{Max: maxText}
	}
	return nil
}
