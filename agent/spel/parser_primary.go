package spel

import (
	"fmt"
	"strings"
	"unicode"
)

// primary := start { step }
func (p *parser) primary() (node, *Error) {
	start, err := p.start()
	if err != nil {
		return nil, err
	}
	steps := []node{start}
	for {
		step, err := p.step()
		if err != nil {
			return nil, err
		}
		if step == nil {
			break
		}
		steps = append(steps, step)
	}
	if start == nil || len(steps) == 1 {
		return start, nil
	}
	return &chainNode{at(start.position()), steps, pathOf(steps)}, nil
}

// step := ("."|"?.") (name [args] | "#"name [args] | projection | selection | index) | index
func (p *parser) step() (node, *Error) {
	t := p.peek()
	if t.kind == tokLSquare {
		return p.index(false)
	}
	if t.kind != tokDot && t.kind != tokSafeNavigation {
		return nil, nil
	}
	p.next++
	safe := t.kind == tokSafeNavigation
	switch next := p.peek(); {
	case next.isName():
		return p.propertyOrMethod(safe)
	case next.kind == tokHash:
		return p.variableOrFunction()
	case next.kind == tokProject:
		return p.projection(safe)
	case next.kind == tokSelect || next.kind == tokSelectFirst || next.kind == tokSelectLast:
		return p.selection(safe)
	case next.kind == tokLSquare:
		return p.index(safe)
	case next.kind == tokEnd:
		return nil, syntaxError(t.pos, codeOutOfData, "a name is missing after %s", t.describe())
	default:
		e := syntaxError(next.pos, codeUnexpectedDataAfterDot, "after %s there must be a name, not %s", t.describe(), next.describe())
		if next.kind == tokString {
			e.suggest("write ['%s'] without the dot", next.text)
		}
		return nil, e
	}
}

// start reads the first element of an operand, nil if none begins here.
func (p *parser) start() (node, *Error) {
	t := p.peek()
	switch t.kind {
	case tokInt, tokLong, tokHexInt, tokHexLong, tokReal, tokFloat:
		p.next++
		return p.number(t)
	case tokString:
		p.next++
		return &literalNode{at(t.pos), t.text}, nil
	case tokLParen:
		return p.parenthesis()
	case tokHash:
		return p.variableOrFunction()
	case tokBean, tokFactoryBean:
		return p.bean()
	case tokProject:
		return p.projection(false)
	case tokSelect, tokSelectFirst, tokSelectLast:
		return p.selection(false)
	case tokLSquare:
		return p.index(false)
	case tokLCurly:
		return p.listOrMap()
	}
	if !t.isName() {
		return nil, nil
	}
	return p.word(t)
}

// word reads what begins with a name: a literal word, T(...), new, a property
// or a method.
func (p *parser) word(t token) (node, *Error) {
	switch lower := strings.ToLower(t.text); {
	case lower == "true" || lower == "false":
		p.next++
		return &literalNode{at(t.pos), lower == "true"}, nil
	case lower == "null":
		p.next++
		return &literalNode{at: at(t.pos)}, nil
	case t.text == "T":
		p.next++
		if p.is(tokRSquare) { // a map key: m[T]
			return newProperty(t, false), nil
		}
		return p.typeReference(t)
	case lower == "new":
		p.next++
		if p.is(tokRSquare) {
			return newProperty(t, false), nil
		}
		return p.constructor(t)
	}
	if t.text == deployedServerGroupsName && p.toks[p.next+1].kind != tokLParen {
		p.next++
		return &functionNode{at: at(t.pos), name: t.text, function: p.functions[t.text]}, nil
	}
	return p.propertyOrMethod(false)
}

// deployedServerGroupsName, alone, is an alias of the function of that name.
const deployedServerGroupsName = "deployedServerGroups"

func newProperty(t token, safe bool) *propertyNode {
	return &propertyNode{at(t.pos), newSlot(t.text), safe}
}

func (p *parser) propertyOrMethod(safe bool) (node, *Error) {
	t := p.take()
	if !p.is(tokLParen) {
		return newProperty(t, safe), nil
	}
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return &methodNode{at(t.pos), t.text, args, safe}, nil
}

func (p *parser) variableOrFunction() (node, *Error) {
	hash := p.take()
	t := p.peek()
	if err := p.expect(tokIdentifier, `a name after "#"`); err != nil {
		return nil, err
	}
	if !p.is(tokLParen) {
		return &variableNode{at(hash.pos), t.text}, nil
	}
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return &functionNode{at(hash.pos), t.text, p.functions[t.text], args}, nil
}

// arguments := "(" [ expression { "," expression } [","] ] ")"
func (p *parser) arguments() ([]node, *Error) {
	open := p.take()
	var args []node
	for {
		t := p.peek()
		if t.kind == tokEnd {
			return nil, syntaxError(open.pos, codeRunOutOfArguments, `"(" is not closed`)
		}
		if t.kind == tokRParen {
			break
		}
		arg, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if !p.accept(tokComma) {
			break
		}
	}
	if p.is(tokEnd) {
		return nil, syntaxError(open.pos, codeRunOutOfArguments, `"(" is not closed`)
	}
	if err := p.expect(tokRParen, `")"`); err != nil {
		return nil, err
	}
	return args, complete(open, "an argument", args)
}

// complete checks that no element is missing between commas. Java notices that
// after the closing bracket only.
func complete(open token, what string, elements ...[]node) *Error {
	for _, some := range elements {
		for _, n := range some {
			if n == nil {
				return &Error{Phase: PhaseParse, Pos: open.pos, Java: illegalArgument,
					Message: fmt.Sprintf("%s is missing behind %s", what, open.describe())}
			}
		}
	}
	return nil
}

func (p *parser) parenthesis() (node, *Error) {
	open := p.take()
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	if x == nil {
		return nil, syntaxError(open.pos, codeOutOfData, `there is nothing behind "("`)
	}
	return x, p.expect(tokRParen, `")"`)
}

func (p *parser) index(safe bool) (node, *Error) {
	open := p.take()
	x, err := p.bracketed(open, codeMissingSelectionExpression)
	if err != nil {
		return nil, err
	}
	return &indexNode{at(open.pos), x, safe}, nil
}

func (p *parser) selection(safe bool) (node, *Error) {
	open := p.take()
	x, err := p.bracketed(open, codeMissingSelectionExpression)
	if err != nil {
		return nil, err
	}
	return &selectNode{at(open.pos), open.kind, x, safe}, nil
}

func (p *parser) projection(safe bool) (node, *Error) {
	open := p.take()
	x, err := p.bracketed(open, codeOutOfData)
	if err != nil {
		return nil, err
	}
	return &projectNode{at(open.pos), x, safe}, nil
}

// bracketed reads the inside of any kind of square bracket and its end.
func (p *parser) bracketed(open token, missing Code) (node, *Error) {
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	if x == nil {
		return nil, syntaxError(open.pos, missing, "there is no expression behind %s", open.describe())
	}
	return x, p.expect(tokRSquare, `"]"`)
}

func (p *parser) bean() (node, *Error) {
	t := p.take()
	name := p.peek()
	if name.kind != tokString && !name.isName() {
		return nil, syntaxError(t.pos, codeInvalidBeanReference, "%s must be followed by a name", t.describe())
	}
	if name.word {
		return nil, syntaxError(name.pos, codeNotExpectedToken, "expected the name of a bean, but found %s", name.describe())
	}
	p.next++
	return &beanNode{at(t.pos), name.text}, nil
}

// listOrMap := "{" "}" | "{" expression { "," expression } "}"
// | "{" ":" "}" | "{" expression ":" expression { "," expression ":" expression } "}"
func (p *parser) listOrMap() (node, *Error) {
	open := p.take()
	if p.accept(tokRCurly) {
		return &literalNode{at(open.pos), []any{}}, nil
	}
	if p.accept(tokColon) {
		return &literalNode{at(open.pos), NewMap(0)}, p.expect(tokRCurly, `"}"`)
	}
	first, err := p.expression()
	if err != nil {
		return nil, err
	}
	switch p.peek().kind {
	case tokRCurly, tokComma:
		return p.list(open, first)
	case tokColon:
		return p.mapping(open, first)
	default:
		return nil, syntaxError(open.pos, codeOutOfData, `"{" is not closed`)
	}
}

func (p *parser) list(open token, first node) (node, *Error) {
	items := []node{first}
	for p.accept(tokComma) {
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, x)
	}
	if err := p.expect(tokRCurly, `"}"`); err != nil {
		return nil, err
	}
	return foldList(&listNode{at(open.pos), items}), complete(open, "an element", items)
}

func (p *parser) mapping(open token, key node) (node, *Error) {
	m := &mapNode{at: at(open.pos)}
	for {
		if err := p.expect(tokColon, `":"`); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		m.keys, m.values = append(m.keys, key), append(m.values, value)
		if !p.accept(tokComma) {
			break
		}
		if key, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if err := p.expect(tokRCurly, `"}"`); err != nil {
		return nil, err
	}
	return m, complete(open, "a key or value", m.keys, m.values)
}

// foldList makes a literal of a list of constants.
func foldList(l *listNode) node {
	values := make([]any, len(l.items))
	for i, item := range l.items {
		constant, ok := item.(*literalNode)
		if !ok {
			return l
		}
		values[i] = constant.value
	}
	return &literalNode{l.at, values}
}

// typeReference reads the rest of T(name[]).
func (p *parser) typeReference(t token) (node, *Error) {
	if err := p.expect(tokLParen, `"(" after T`); err != nil {
		return nil, err
	}
	name, err := p.qualifiedName()
	if err != nil {
		return nil, err
	}
	dimensions := 0
	for p.accept(tokLSquare) {
		if err := p.expect(tokRSquare, `"]"`); err != nil {
			return nil, err
		}
		dimensions++
	}
	return &typeNode{at(t.pos), name, dimensions}, p.expect(tokRParen, `")"`)
}

// constructor reads the rest of new name(args) and new name[n]{items}.
func (p *parser) constructor(t token) (node, *Error) {
	name, err := p.qualifiedName()
	if err != nil {
		return nil, err
	}
	if p.is(tokLSquare) {
		return p.arrayConstructor(t, name)
	}
	if next := p.peek(); next.kind != tokLParen {
		return nil, syntaxError(next.pos, codeMissingConstructorArgs, `"new %s" needs arguments in parentheses`, name)
	}
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return &newNode{at(t.pos), name, args}, nil
}

func (p *parser) arrayConstructor(t token, name string) (node, *Error) {
	n := &newArrayNode{at: at(t.pos), name: name}
	for p.accept(tokLSquare) {
		var size node
		if !p.is(tokRSquare) {
			var err *Error
			if size, err = p.expression(); err != nil {
				return nil, err
			}
		}
		n.dimensions = append(n.dimensions, size)
		if err := p.expect(tokRSquare, `"]"`); err != nil {
			return nil, err
		}
	}
	if !p.is(tokLCurly) {
		return n, nil
	}
	init, err := p.listOrMap()
	if err != nil {
		return nil, err
	}
	n.filling, n.items = init, arrayItems(init)
	return n, nil
}

// arrayItems takes the elements of an array from the list behind it; nil if it
// is a map.
func arrayItems(init node) *listNode {
	switch init := init.(type) {
	case *listNode:
		return init
	case *literalNode:
		if values, ok := init.value.([]any); ok {
			items := make([]node, len(values))
			for i, v := range values {
				items[i] = &literalNode{init.at, v}
			}
			return &listNode{init.at, items}
		}
	}
	return nil
}

// qualifiedName reads a type's name with its dots.
func (p *parser) qualifiedName() (string, *Error) {
	var parts []string
	for isQualified(p.peek()) {
		if t := p.take(); t.kind != tokDot {
			parts = append(parts, t.text)
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, "."), nil
	}
	t := p.peek()
	if t.kind == tokEnd {
		return "", syntaxError(t.pos, codeOutOfData, "the name of a type is missing")
	}
	return "", syntaxError(t.pos, codeNotExpectedToken, "expected the name of a type, but found %s", t.describe())
}

func isQualified(t token) bool {
	switch t.kind {
	case tokDot, tokIdentifier:
		return true
	case tokString, tokEnd:
		return false
	}
	for _, r := range t.text {
		if r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			return false
		}
	}
	return t.text != ""
}
