package spel

import (
	"errors"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of an expression: every level costs stack.
const maxDepth = 500

// parser turns tokens into a tree by recursive descent, one method for each
// level of binding. A method that finds no operand where one may stand returns
// nil; the level that needs the operand reports it.
type parser struct {
	toks  []token
	next  int
	depth int
	// functions are those that can be called; an unknown one is an error when
	// it is called only.
	functions map[string]*function
	// refused are the operators that would write. What follows them is parsed
	// all the same, because its errors come first; the outermost operator does
	// before those inside its operands.
	refused []*Error
}

// parseTree parses a whole expression.
func parseTree(text string, functions map[string]*function) (node, *Error) {
	toks, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{toks: toks, functions: functions}
	tree, err := p.expression()
	if err != nil {
		return nil, err
	}
	if tree == nil {
		return nil, syntaxError(0, codeOutOfData, "there is no expression here, but %s", p.peek().describe())
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, moreInput(t)
	}
	if len(p.refused) > 0 {
		return &refusedNode{at(p.refused[0].Pos), p.refused[0]}, nil
	}
	return tree, nil
}

// moreInput is the error of a token that cannot follow an expression.
func moreInput(t token) *Error {
	e := syntaxError(t.pos, codeMoreInput, "after the expression there is still %s", t.describe())
	switch t.kind {
	case tokFactoryBean:
		e.suggest(`use "&&" or "and"`)
	case tokAssign:
		e.suggest(`use "==" to compare`)
	case tokLCurly:
		e.suggest(`inside "${" there is no other "${": names stand alone there`)
	case tokIdentifier, tokString, tokInt, tokReal:
		e.suggest("an operator or a comma is missing in between")
	}
	return e
}

// refuse notes an operator that would write; inside is how many were noted
// before its operands.
func (p *parser) refuse(inside int, t token, code Code, what string) {
	p.refused = append(p.refused[:inside], syntaxError(t.pos, code, "%s would change a value, which expressions cannot", what))
}

func (p *parser) peek() token { return p.toks[p.next] }

func (p *parser) is(kind tokenKind) bool { return p.toks[p.next].kind == kind }

// take consumes the next token; the end is never consumed.
func (p *parser) take() token {
	t := p.toks[p.next]
	if t.kind != tokEnd {
		p.next++
	}
	return t
}

func (p *parser) accept(kind tokenKind) bool {
	if !p.is(kind) {
		return false
	}
	p.next++
	return true
}

func (p *parser) acceptWord(word string) bool {
	if t := p.peek(); t.kind != tokIdentifier || !strings.EqualFold(t.text, word) {
		return false
	}
	p.next++
	return true
}

func (p *parser) expect(kind tokenKind, what string) *Error {
	t := p.peek()
	switch t.kind {
	case kind:
		p.next++
		return nil
	case tokEnd:
		return syntaxError(t.pos, codeOutOfData, "%s is missing at the end", what)
	default:
		return syntaxError(t.pos, codeNotExpectedToken, "expected %s, but found %s", what, t.describe())
	}
}

// expression := or [ "=" or | "?:" [expression] | "?" expression ":" expression ]
func (p *parser) expression() (node, *Error) {
	if p.depth++; p.depth > maxDepth {
		return nil, syntaxError(p.peek().pos, codeNestingTooDeep, "the expression is nested more than %d levels deep", maxDepth)
	}
	defer func() { p.depth-- }()
	refused := len(p.refused)
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	switch t := p.peek(); t.kind {
	case tokAssign:
		p.next++
		if _, err := p.operands(t, orNull(x, t), p.or); err != nil {
			return nil, err
		}
		p.refuse(refused, t, codeNotAssignable, `"="`)
		p.refused[refused].suggest(`use "==" to compare`)
		return orNull(x, t), nil
	case tokElvis:
		return p.elvis(orNull(x, t))
	case tokQuestion:
		return p.ternary(orNull(x, t))
	}
	return x, nil
}

// orNull stands null in for a missing operand.
func orNull(x node, t token) node {
	if x == nil {
		return &literalNode{at: at(t.pos)}
	}
	return x
}

func (p *parser) elvis(x node) (node, *Error) {
	t := p.take()
	y, err := p.expression()
	if err != nil {
		return nil, err
	}
	return &elvisNode{at(t.pos), x, orNull(y, t)}, nil
}

func (p *parser) ternary(cond node) (node, *Error) {
	t := p.take()
	yes, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expect(tokColon, `":" of "?"`); err != nil {
		return nil, err
	}
	no, err := p.expression()
	if err != nil {
		return nil, err
	}
	if yes == nil || no == nil {
		return nil, syntaxError(t.pos, codeOutOfData, `"?" needs a value before and after its ":"`)
	}
	return &ternaryNode{at(t.pos), cond, yes, no}, nil
}

// or := and { ("or"|"||") and }
func (p *parser) or() (node, *Error) {
	return p.logic(true, "or", tokSymbolicOr, p.and)
}

// and := relation { ("and"|"&&") relation }
func (p *parser) and() (node, *Error) {
	return p.logic(false, "and", tokSymbolicAnd, p.relation)
}

func (p *parser) logic(or bool, word string, symbol tokenKind, operand func() (node, *Error)) (node, *Error) {
	x, err := operand()
	for err == nil {
		t := p.peek()
		if !p.accept(symbol) && !p.acceptWord(word) {
			break
		}
		var y node
		if y, err = p.operands(t, x, operand); err == nil {
			x = &logicNode{at(t.pos), or, x, y}
		}
	}
	return x, err
}

// operands reads the right side of a binary operator and checks that both
// sides are there.
func (p *parser) operands(op token, x node, operand func() (node, *Error)) (node, *Error) {
	y, err := operand()
	switch {
	case err != nil:
		return nil, err
	case x == nil:
		return nil, syntaxError(op.pos, codeLeftOperandProblem, "%s has no value on its left", op.describe())
	case y == nil:
		e := syntaxError(op.pos, codeRightOperandProblem, "%s has no value on its right", op.describe())
		if p.is(tokAssign) {
			e.suggest(`there is no "===": use "=="`)
		}
		return nil, e
	}
	return y, nil
}

// relation := sum [ operator sum ]: one only, there are no chains.
func (p *parser) relation() (node, *Error) {
	x, err := p.sum()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	switch t.kind {
	case tokEq, tokNe, tokLt, tokLe, tokGt, tokGe:
		p.next++
		y, err := p.operands(t, x, p.sum)
		if err != nil {
			return nil, err
		}
		return &compareNode{at(t.pos), t.kind, x, y}, nil
	}
	for _, word := range [...]string{"instanceof", "matches", "between"} {
		if !p.acceptWord(word) {
			continue
		}
		y, err := p.operands(t, x, p.sum)
		if err != nil {
			return nil, err
		}
		switch word {
		case "instanceof":
			return &instanceofNode{at(t.pos), x, y}, nil
		case "matches":
			return &matchesNode{at(t.pos), x, y}, nil
		default:
			return &betweenNode{at(t.pos), x, y}, nil
		}
	}
	return x, nil
}

// sum := product { ("+"|"-") product }
func (p *parser) sum() (node, *Error) {
	x, err := p.product()
	if err != nil {
		return nil, err
	}
	var terms []term
	for p.is(tokPlus) || p.is(tokMinus) {
		t := p.take()
		y, err := p.operands(t, x, p.product)
		if err != nil {
			return nil, err
		}
		terms = append(terms, term{operation{at(t.pos), t.kind}, y})
	}
	if terms == nil {
		return x, nil
	}
	return &sumNode{terms[0].at, x, terms}, nil
}

// product := power { ("*"|"/"|"%") power }
func (p *parser) product() (node, *Error) {
	x, err := p.power()
	for err == nil && (p.is(tokStar) || p.is(tokDiv) || p.is(tokMod)) {
		t := p.take()
		var y node
		if y, err = p.operands(t, x, p.power); err == nil {
			x = &arithmeticNode{operation{at(t.pos), t.kind}, x, y}
		}
	}
	return x, err
}

// power := unary [ "^" unary ] | unary ("++"|"--")
func (p *parser) power() (node, *Error) {
	refused := len(p.refused)
	x, err := p.unary()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	switch {
	case t.kind == tokPower:
		p.next++
		y, err := p.operands(t, orNull(x, t), p.unary)
		if err != nil {
			return nil, err
		}
		if x == nil {
			return nil, &Error{Phase: PhaseParse, Pos: t.pos, Java: illegalArgument, Message: `"^" has no value on its left`}
		}
		return &arithmeticNode{operation{at(t.pos), tokPower}, x, y}, nil
	case x != nil && p.accept(tokIncrement):
		p.refuse(refused, t, codeOperandNotIncrementable, `"++"`)
	case x != nil && p.accept(tokDecrement):
		p.refuse(refused, t, codeOperandNotDecrementable, `"--"`)
	}
	return x, nil
}

// unary := ("!"|"not"|"+"|"-"|"++"|"--") unary | primary
func (p *parser) unary() (node, *Error) {
	t := p.peek()
	switch t.kind {
	case tokNot, tokPlus, tokMinus, tokIncrement, tokDecrement:
	default:
		return p.primary()
	}
	if p.depth++; p.depth > maxDepth {
		return nil, syntaxError(t.pos, codeNestingTooDeep, "the expression is nested more than %d levels deep", maxDepth)
	}
	defer func() { p.depth-- }()
	refused := len(p.refused)
	p.next++
	x, err := p.unary()
	switch {
	case err != nil:
		return nil, err
	case x == nil:
		return nil, syntaxError(t.pos, codeOutOfData, "%s has no value behind it", t.describe())
	case t.kind == tokIncrement:
		p.refuse(refused, t, codeOperandNotIncrementable, `"++"`)
		return x, nil
	case t.kind == tokDecrement:
		p.refuse(refused, t, codeOperandNotDecrementable, `"--"`)
		return x, nil
	}
	return &unaryNode{at(t.pos), t.kind, x}, nil
}

func (p *parser) number(t token) (node, *Error) {
	bits, base, code, what := 32, 10, codeNotAnInteger, "an int"
	switch t.kind {
	case tokHexInt:
		base = 16
	case tokLong:
		bits, code, what = 64, codeNotALong, "a long"
	case tokHexLong:
		bits, base, code, what = 64, 16, codeNotALong, "a long"
	case tokReal, tokFloat:
		return p.real(t)
	}
	n, err := strconv.ParseInt(t.text, base, bits)
	if err != nil {
		e := syntaxError(t.pos, code, "%q does not fit %s", t.text, what)
		if bits == 32 {
			e.suggest("write %sL", t.text)
		}
		return nil, e
	}
	if bits == 32 {
		return &literalNode{at(t.pos), int32(n)}, nil
	}
	return &literalNode{at(t.pos), n}, nil
}

func (p *parser) real(t token) (node, *Error) {
	digits := strings.TrimRight(t.text, "fFdD")
	if _, err := strconv.ParseFloat(digits, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, syntaxError(t.pos, codeNotAReal, "%q is no real number", t.text)
	}
	if t.kind == tokFloat {
		f, _ := strconv.ParseFloat(digits, 32) // out of range is infinity, as in Java
		return &literalNode{at(t.pos), float32(f)}, nil
	}
	f, _ := strconv.ParseFloat(digits, 64)
	return &literalNode{at(t.pos), double(f)}, nil
}
