package hash

import (
	"fmt"
	"unicode/utf8"
)

// A recipeParser turns a recipe's text into nodes, by recursive descent.
type recipeParser struct {
	text   string
	bounds Bounds
	token  token // the one to be read
	end    int   // where it ends
	depth  int   // calls that are open

	running *recipeNode // what $it stands for; nil outside iterate
	checks  []func(in *recipeInput) error
	user    bool
	pepper  bool
	salt    bool
}

func (p *recipeParser) next() { p.token, p.end = scanToken(p.text, p.end) }

// failAt returns an error about the text at a byte.
func (p *recipeParser) failAt(at int, reason string) error {
	return fmt.Errorf("%w: recipe, column %d: %s", ErrScheme, utf8.RuneCountInString(p.text[:at])+1, reason)
}

// want returns an error that says what should have stood where the current token is.
func (p *recipeParser) want(expected string) error {
	return p.failAt(p.token.at, "want "+expected+", got "+p.token.String())
}

func (p *recipeParser) isSign(sign string) bool {
	return p.token.kind == tokenSign && p.token.text == sign
}

// expression reads values joined by dots.
func (p *recipeParser) expression() (recipeNode, error) {
	node, err := p.value()
	if err != nil || !p.isSign(".") {
		return node, err
	}
	parts := []recipeNode{node}
	for p.isSign(".") {
		p.next()
		part, err := p.value()
		if err != nil {
			return recipeNode{}, err
		}
		parts = append(parts, part)
	}
	return joined(parts), nil
}

// value reads a call, a variable or a literal.
func (p *recipeParser) value() (recipeNode, error) {
	t := p.token
	switch t.kind {
	case tokenLiteral:
		p.next()
		text := []byte(t.text)
		return recipeNode{kind: kindText, size: len(text), eval: func(*recipeInput) ([]byte, bool) { return text, true }}, nil
	case tokenVariable:
		return p.variable(t)
	case tokenName:
		return p.call(t)
	case tokenEnd, tokenNumber, tokenSign, tokenBad:
	}
	return recipeNode{}, p.want("a function, a variable or a literal")
}

func (p *recipeParser) variable(t token) (recipeNode, error) {
	node := recipeNode{kind: kindText, size: unknownSize}
	switch t.text {
	case "pass", "p":
		node.typed = usedBare
		node.eval = func(in *recipeInput) ([]byte, bool) { return in.pass, true }
	case "salt", "s":
		p.salt = true
		node.eval = func(in *recipeInput) ([]byte, bool) { return in.salt, true }
	case "user", "u", "username":
		p.user = true
		node.eval = func(in *recipeInput) ([]byte, bool) { return in.user, true }
	case "pepper":
		p.pepper = true
		node.eval = func(in *recipeInput) ([]byte, bool) { return in.pepper, true }
	case "it":
		if p.running == nil {
			return node, p.failAt(t.at, "$it has a value only in the last argument of iterate")
		}
		node.kind, node.typed, node.varies, node.spelled = p.running.kind, p.running.typed, true, true
		node.eval = func(in *recipeInput) ([]byte, bool) { return in.it, true }
	default:
		return node, p.failAt(t.at, "want $pass, $salt, $user, $pepper or $it, got "+t.String())
	}
	p.next()
	return node, nil
}

// call reads a function's name and its arguments.
func (p *recipeParser) call(name token) (recipeNode, error) {
	f, ok := findRecipeFunc(name.text)
	if !ok {
		return recipeNode{}, p.failAt(name.at, "want a function such as md5, sha256, hmac_sha1, pbkdf2_sha256, iterate, base64 or lower, got "+name.String())
	}
	if p.depth++; p.depth > maxRecipeDepth {
		return recipeNode{}, p.failAt(name.at, fmt.Sprintf("calls within calls deeper than %d", maxRecipeDepth))
	}
	p.next()
	if !p.isSign("(") {
		return recipeNode{}, p.want(`"(" behind ` + name.text)
	}
	p.next()
	call := recipeCall{at: name.at, name: name.text}
	for i, kind := range f.args {
		if i > 0 {
			if !p.isSign(",") {
				return recipeNode{}, p.want(fmt.Sprintf(`"," and %d arguments of %s`, len(f.args), name.text))
			}
			p.next()
		}
		if err := p.argument(&call, kind); err != nil {
			return recipeNode{}, err
		}
	}
	if !p.isSign(")") {
		return recipeNode{}, p.want(fmt.Sprintf(`")" behind %d argument(s) of %s`, len(f.args), name.text))
	}
	p.next()
	p.depth--
	return f.build(p, call)
}

// argument reads one argument of the given kind: 'n' a number, 'x' an expression, 'i' one that may read $it, which
// runs over the expression before.
func (p *recipeParser) argument(call *recipeCall, kind rune) error {
	if kind == 'n' {
		n, ok := decimal(p.token.text)
		if p.token.kind != tokenNumber || !ok || n < 1 {
			return p.want("a whole number above zero")
		}
		call.numbers = append(call.numbers, n)
		p.next()
		return nil
	}
	if kind == 'i' {
		outer := p.running
		p.running = &call.nodes[len(call.nodes)-1]
		defer func() { p.running = outer }()
	}
	node, err := p.expression()
	call.nodes = append(call.nodes, node)
	return err
}
