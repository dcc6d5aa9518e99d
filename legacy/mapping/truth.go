package mapping

import (
	"errors"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Old stores write a truth value as 1, "Y", "t" or a date, and CEL takes nothing but true and false. So where an
// expression needs a truth value and a column stands, as in
//
//	user.last_login > now - duration("8760h") || user.paying
//
// the column is read by truth, which can also be called: truth(user.paying) == user.email_verified.
const truthName = "truth"

var errTruth = errors.New("a value that is neither true nor false")

func truthFunction() cel.EnvOption {
	return cel.Function(truthName, cel.Overload("truth_dyn", []*cel.Type{cel.DynType}, cel.BoolType,
		cel.UnaryBinding(func(value ref.Val) ref.Val {
			truth, err := truthOf(value)
			if err != nil {
				return types.WrapErr(err)
			}
			return types.Bool(truth)
		})))
}

// truths are the texts that mean something. Any other is an error, not a guess.
var truths = map[string]bool{
	"": false, "0": false, "f": false, "false": false, "n": false, "no": false, "off": false, "\x00": false,
	"0000-00-00": false, "0000-00-00 00:00:00": false, // MySQL's way to write "never"
	"1": true, "t": true, "true": true, "y": true, "yes": true, "on": true, "\x01": true,
}

// truthOf reads a truth value. Null is false, as what an application never wrote; a time is true, as the time since when
// something is so.
func truthOf(value ref.Val) (bool, error) {
	switch v := value.(type) {
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return v != 0, nil
	case types.Uint:
		return v != 0, nil
	case types.Double:
		return v != 0, nil
	case types.Null:
		return false, nil
	case types.Timestamp:
		return true, nil
	case types.String:
		if len(v) > 32 { // none of them is; folding the case of a long text is for nothing
			break
		}
		truth, known := truths[strings.ToLower(strings.TrimSpace(string(v)))]
		if known {
			return truth, nil
		}
	}
	return false, errTruth
}

// readTruths puts truth() around whatever is of unknown type where a truth value is needed: beside ||, && and !, before
// a question mark, and as the whole expression if that is to be one.
func readTruths(env *cel.Env, checked *cel.Ast, whole bool) (*cel.Ast, error) {
	optimizer, err := cel.NewStaticOptimizer(truthReader{whole})
	if err != nil {
		return nil, err
	}
	read, issues := optimizer.Optimize(env, checked)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return read, nil
}

// truthReader is a pass over a checked expression.
type truthReader struct{ whole bool }

// Optimize implements cel.ASTOptimizer.
func (t truthReader) Optimize(ctx *cel.OptimizerContext, a *ast.AST) *ast.AST {
	var loose []ast.Expr
	read := func(e ast.Expr) {
		if a.GetType(e.ID()).Kind() == types.DynKind {
			loose = append(loose, e)
		}
	}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
			for _, arg := range args {
				read(arg)
			}
		case operators.Conditional:
			read(args[0])
		}
	}))
	if t.whole {
		read(a.Expr())
	}
	for _, e := range loose {
		inner, _ := ctx.CopyAST(ctx.NewAST(e))
		ctx.UpdateExpr(e, ctx.NewCall(truthName, inner))
	}
	return ctx.NewAST(a.Expr())
}
