package mapping

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

const (
	maxExpression = 4 << 10 // characters
	maxDepth      = 64      // of brackets in brackets

	// maxCost is what one expression may cost for one person, in CEL's units: it is compared with an estimate for the
	// largest person there can be when the expression is compiled, and with what it did cost when it runs. Kubernetes
	// allows twice as much for one expression of a policy. A comparison costs 3, a regular expression over an e-mail
	// address some 50; a million is about 0.1 s.
	maxCost = 500_000
)

// An ExpressionError says what is wrong with an expression of the configuration.
type ExpressionError struct {
	Target     string // keep, or the field that is set
	Expression string
	Line       int // from 1; 0 if the whole expression is meant
	Column     int // from 1, in characters
	Reason     string
}

// Error tells the reason and shows the place.
func (e *ExpressionError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s\n\t%s", e.Target, e.Reason, strings.ReplaceAll(e.Expression, "\n", "\n\t"))
	}
	lines := strings.Split(e.Expression, "\n")
	text := ""
	if e.Line <= len(lines) {
		text = strings.ReplaceAll(lines[e.Line-1], "\t", " ")
	}
	return fmt.Sprintf("%s, line %d, column %d: %s\n\t%s\n\t%s^",
		e.Target, e.Line, e.Column, e.Reason, text, strings.Repeat(" ", e.Column-1))
}

// An expression is compiled and can be asked about many people at once.
type expression struct {
	target  string
	program cel.Program
}

// eval returns the expression's result for one person.
func (e *expression) eval(subject *record) (ref.Val, error) {
	value, _, err := e.program.Eval(cel.Activation(subject))
	return value, err
}

// truth is eval for an expression that gives a truth value.
func (e *expression) truth(subject *record) (bool, error) {
	value, err := e.eval(subject)
	if err != nil {
		return false, err
	}
	return truthOf(value)
}

// A compiler compiles the expressions of one source.
type compiler struct {
	env    *cel.Env
	schema *schema
}

func newCompiler(columns []string) (*compiler, error) {
	s, err := newSchema(columns)
	if err != nil {
		return nil, err
	}
	env, err := cel.NewEnv(
		cel.CustomTypeAdapter(s),
		cel.CustomTypeProvider(s),
		cel.Variable("user", cel.ObjectType(userType)),
		cel.Variable("now", cel.TimestampType),
		cel.EnableIdentifierEscapeSyntax(),
		ext.Strings(ext.StringsVersion(5)), // the first that knows what its functions cost
		truthFunction(),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxDepth),
	)
	if err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	return &compiler{env, s}, nil
}

// compile compiles an expression and checks its type, its cost and what it does with user.
func (c *compiler) compile(target, text string, want result) (*expression, error) {
	fault := func(reason string) *ExpressionError {
		return &ExpressionError{Target: target, Expression: text, Reason: reason}
	}
	if strings.TrimSpace(text) == "" {
		return nil, fault("there is no expression")
	}
	checked, issues := c.env.Compile(text)
	if issues.Err() != nil {
		return nil, c.explain(fault, issues)
	}
	if reason, id := refused(checked); reason != "" {
		e := fault(reason)
		at := checked.NativeRep().SourceInfo().GetStartLocation(id)
		e.Line, e.Column = at.Line(), at.Column()+1
		return nil, e
	}
	if got := checked.OutputType(); !want.accepts(got) {
		return nil, fault(fmt.Sprintf("its result is %s; %s is needed", typeName(got), want.word))
	}
	checked, err := readTruths(c.env, checked, want.truth)
	if err != nil {
		return nil, fault(err.Error())
	}
	estimate, err := c.env.EstimateCost(checked, sizes{})
	switch {
	case err != nil:
		return nil, fault("its cost cannot be told: " + err.Error())
	case estimate.Max > maxCost:
		return nil, fault(fmt.Sprintf("it may cost too much for one person (more than %d units): "+
			"it goes through lists within lists, or through a text as often as that text is long", maxCost))
	}
	program, err := c.env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, fault(err.Error()) // a constant in it, such as a regular expression or a duration, cannot be read
	}
	return &expression{target, program}, nil
}

// explain tells the first thing that CEL found. What comes behind is mostly its consequence.
func (c *compiler) explain(fault func(string) *ExpressionError, issues *cel.Issues) error {
	if len(issues.Errors()) == 0 {
		return fault(issues.Err().Error())
	}
	first := issues.Errors()[0]
	reason := first.Message
	if name, ok := strings.CutPrefix(reason, "undefined field '"); ok {
		reason = fmt.Sprintf("there is no user.%s; there are %s", strings.TrimSuffix(name, "'"), strings.Join(c.schema.names, ", "))
	}
	e := fault(reason)
	e.Line, e.Column = first.Location.Line(), first.Location.Column()+1
	if e.Line < 1 || e.Column < 1 {
		e.Line, e.Column = 0, 0
	}
	return e
}

// refused returns what an expression does that no type forbids, and where: it uses a person as a value, or calls format,
// whose cost CEL takes to be the same for a text of any length.
func refused(checked *cel.Ast) (reason string, id int64) {
	selected := map[int64]bool{} // in this order a selection comes before what is selected from
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch {
		case reason != "":
		case e.Kind() == ast.SelectKind:
			selected[e.AsSelect().Operand().ID()] = true
		case e.Kind() == ast.IdentKind && e.AsIdent() == "user" && !selected[e.ID()]:
			reason, id = "a person as a whole cannot be used, only a field, as in user.email", e.ID()
		case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "format":
			reason, id = "format cannot be used; + joins texts", e.ID()
		}
	}))
	return reason, id
}

// sizes tells CEL how large the values of a person can be, so that it can reckon what an expression costs.
type sizes struct{}

// EstimateCallCost implements cost.Estimator.
func (sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	if function != truthName {
		return nil // CEL knows its own functions
	}
	return cost.NewCallEstimate(cost.FixedCostEstimate(1), nil)
}

// EstimateSize implements cost.Estimator. A path is user, a field, and then what is in it.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if node.ComputedSize() != nil || len(path) < 2 || path[0] != "user" {
		return nil
	}
	text := cost.RangedSizeEstimate(0, maxText)
	if len(path) > 2 {
		if path[1] == "roles" || path[1] == "groups" || path[2] == "@keys" {
			text.Max = maxItem
		}
		text.Elem = &cost.SizeEstimate{Max: 1} // of a text, so that nobody asks on
		return &text
	}
	size := text
	switch path[1] {
	case "id", "username", "email", "phone", "locale":
		size.Max = maxKeyBytes
	case "roles", "groups":
		size.Max, size.Elem = maxItems, &cost.SizeEstimate{Max: maxItem}
	case "attributes":
		size.Max, size.Key, size.Elem = maxItems, &cost.SizeEstimate{Max: maxItem}, &text
	default: // a column is a text or a list; taken for both, which is too much by far, hardly anything could be asked of it
		size.Elem = &cost.SizeEstimate{Max: 1}
	}
	return &size
}

// maxKeyBytes is the longest key or identifier that adapters read.
const maxKeyBytes = 1 << 10

// Reasons for which an expression has no result, by what CEL says of them. Its own texts may contain values, and are not
// told.
var reasons = [...]struct{ says, reason string }{
	{"no such overload", "a value is of another type than the expression needs, or is not there"},
	{"unsupported overload", "a value is of another type than the expression needs, or is not there"},
	{"no such key", "an attribute is not there (has() tells)"},
	{"no such attribute", "a value is not there (has() tells)"},
	{"by zero", "a division by zero"},
	{"overflow", "a number or a time out of range"},
	{"out of range", "a number or a time out of range"},
	{"out of bounds", "a place in a list that is not there"},
	{"cost limit", "it costs too much"},
	{"conversion", "a text that is not what it is to be converted to"},
	{"RFC 3339", "a text that is not what it is to be converted to"},
	{"invalid", "a text that is not what it is to be converted to"},
	{"parsing", "a text that is not what it is to be converted to"},
}

// reasonOf tells why an expression has no result, without any value.
func reasonOf(err error) string {
	for _, known := range [...]error{errColumnLarge, errColumnType, errTruth, errResult} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	text := err.Error()
	for _, known := range reasons {
		if strings.Contains(text, known.says) {
			return known.reason
		}
	}
	return "it fails"
}

// typeName returns what a type is called in an error.
func typeName(t *cel.Type) string {
	switch t.Kind() {
	case types.TimestampKind:
		return "a time"
	case types.DurationKind:
		return "a duration"
	default:
		return t.String()
	}
}
