package spel

import (
	"context"
	"fmt"
)

// state is one evaluation of one expression.
type state struct {
	ctx    context.Context
	engine *Engine
	env    *Env
	text   string // of the expression
	root   any    // #root
	// scope is the root or, inside a selection or projection, the element:
	// arguments of methods are evaluated against it.
	scope any
	ops   int
	at    at // position of the latest step
}

// count bounds the work of an expression as Spring does: operators, property
// reads, calls and elements count one each.
func (s *state) count(n at) error {
	s.at = n
	if s.ops++; s.ops&0xff != 0 && s.ops <= s.engine.limits.Operations {
		return nil
	}
	return s.check()
}

// check ends an expression that takes too long.
func (s *state) check() error {
	if s.ops > s.engine.limits.Operations {
		return failure(s.at.position(), codeMaxOperationsExceeded, "the expression needs more than %d operations", s.engine.limits.Operations)
	}
	if s.ctx.Err() != nil {
		return &Error{Phase: PhaseEval, Pos: s.at.position(), cause: s.ctx.Err(),
			Message: "evaluation was stopped: " + context.Cause(s.ctx).Error()}
	}
	return nil
}

func (n *refusedNode) eval(*state, any) (any, error) {
	err := *n.err // the caller completes it
	return nil, &err
}

func (n *literalNode) eval(*state, any) (any, error) { return n.value, nil }

func (n *chainNode) eval(s *state, active any) (any, error) {
	if v, ok := n.path.walk(active, s.engine.limits.Operations-s.ops); ok {
		s.ops += len(n.path)
		return v, nil
	}
	var before any
	value := active
	for i, step := range n.steps {
		if f, ok := step.(*functionNode); ok && i == len(n.steps)-1 {
			return nil, failure(f.position(), codeNotAssignable, "a function cannot be the last step after a dot").
				suggest("write #%s(...) in front, with the value as its argument", f.name)
		}
		next, err := step.eval(s, value)
		if err != nil {
			return nil, s.explain(err, n, i, before)
		}
		before, value = value, next
	}
	return value, nil
}

// both evaluates two operands, the left one first.
func (s *state) both(left, right node, active any) (x, y any, err error) {
	if x, err = left.eval(s, active); err != nil {
		return nil, nil, err
	}
	y, err = right.eval(s, active)
	return x, y, err
}

func (n *variableNode) eval(s *state, active any) (any, error) {
	switch n.name {
	case "this":
		return active, nil
	case "root":
		return s.root, nil
	}
	return nil, s.count(n.at)
}

func (n *listNode) eval(s *state, active any) (any, error) {
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	list := make([]any, len(n.items))
	for i, item := range n.items {
		if err := s.count(n.at); err != nil {
			return nil, err
		}
		v, err := item.eval(s, active)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func (n *mapNode) eval(s *state, active any) (any, error) {
	m := NewMap(len(n.keys))
	for i := range n.keys {
		if err := s.count(n.at); err != nil {
			return nil, err
		}
		key, err := s.mapKey(n.keys[i], active)
		if err != nil {
			return nil, err
		}
		value, err := n.values[i].eval(s, active)
		if err != nil {
			return nil, err
		}
		m.put(key, value)
	}
	return m, nil
}

// mapKey is the key that a node stands for: a bare name is the key itself.
func (s *state) mapKey(n node, active any) (any, error) {
	if name, ok := n.(*propertyNode); ok {
		return name.key, nil
	}
	return n.eval(s, active)
}

func (n *elvisNode) eval(s *state, active any) (any, error) {
	x, err := n.x.eval(s, active)
	if err != nil {
		return nil, err
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	if x != nil && x != "" {
		return x, nil
	}
	return n.y.eval(s, active)
}

func (n *ternaryNode) eval(s *state, active any) (any, error) {
	cond, err := s.condition(n.cond, active)
	if err != nil {
		return nil, err
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	if cond {
		return n.yes.eval(s, active)
	}
	return n.no.eval(s, active)
}

func (n *logicNode) eval(s *state, active any) (any, error) {
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	x, err := s.condition(n.x, active)
	if err != nil {
		return nil, err
	}
	if x == n.or {
		return x, nil
	}
	return boolean(s.condition(n.y, active))
}

func boolean(b bool, err error) (any, error) { return b, err }

// condition evaluates an operand of and, or, ! and ?:.
func (s *state) condition(n node, active any) (bool, error) {
	v, err := n.eval(s, active)
	if err != nil {
		return false, err
	}
	if b, ok := v.(bool); ok {
		return b, nil
	}
	b, err := convert(v, typeBoolean)
	if b, ok := b.(bool); ok && err == nil {
		return b, nil
	}
	return false, failure(n.position(), codeTypeConversionError, "a condition must be true or false, but this is %s", describe(v)).
		suggest(`compare it, for example with "!= null"`)
}

func (n *unaryNode) eval(s *state, active any) (any, error) {
	if n.op == tokNot {
		b, err := s.condition(n.x, active)
		if err != nil {
			return nil, err
		}
		return !b, s.count(n.at)
	}
	x, err := n.x.eval(s, active)
	if err != nil {
		return nil, err
	}
	if !isNumber(x) {
		return nil, failure(n.position(), codeOperatorNotSupported, `"%c" needs a number, but this is %s`, sign(n.op), describe(x))
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	if n.op == tokPlus {
		return x, nil
	}
	return negate(x), nil
}

func sign(op tokenKind) rune {
	for r, kind := range singles {
		if kind == op {
			return rune(r)
		}
	}
	return '?'
}

func (n *beanNode) eval(*state, any) (any, error) {
	return nil, failure(n.position(), codeNoBeanResolver, "there is no bean %q: expressions have no beans", n.name)
}

// describe is a value as error messages show it: its kind, and itself if short.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the string %s", quote(v))
	case bool, int32, int64, double, float32, int8, int16, status:
		return fmt.Sprintf("the %s %s", typeName(v), toString(v))
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	}
	if isMap(v) {
		return fmt.Sprintf("a map of %d", mapLen(v))
	}
	return "of type " + typeName(v)
}

// quote shortens a string for a message.
func quote(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return "'" + s + "'"
}
