package spel

import (
	"context"
	"strings"
)

// Expr is a parsed expression. It is immutable and may be evaluated by many
// goroutines at once.
type Expr struct {
	engine *Engine
	text   string
	tree   node
}

// Parse parses a bare expression, the text between ${ and }. What parsed is
// kept, so parsing the same text again is a look-up. The error is an [*Error].
func (e *Engine) Parse(text string) (*Expr, error) {
	if x, ok := e.exprs.get(text); ok {
		return x, nil
	}
	x, err := e.parse(text)
	if err == nil {
		if refused, ok := x.tree.(*refusedNode); ok {
			err = refused.err
		}
	}
	if err != nil {
		err.Expr = text
		return nil, err
	}
	e.exprs.put(text, x)
	return x, nil
}

func (e *Engine) parse(text string) (*Expr, *Error) {
	if strings.TrimFunc(text, javaTrim) == "" {
		return nil, syntaxError(0, codeEmptyExpression, "the expression is empty")
	}
	if n := e.limits.ExpressionLength; len(text) > n && utf16Len(text) > n {
		return nil, syntaxError(0, codeMaxExpressionLengthExceeded, "the expression is longer than %d characters", n)
	}
	tree, err := parseTree(text, e.functions)
	if err != nil {
		return nil, err
	}
	return &Expr{engine: e, text: text, tree: tree}, nil
}

// String is the expression's text.
func (x *Expr) String() string { return x.text }

// Eval computes the expression. The error is an [*Error].
func (x *Expr) Eval(ctx context.Context, env *Env) (Value, error) {
	v, err := x.eval(ctx, env)
	return Value{v}, err
}

// Eval parses and evaluates a bare expression.
func (e *Engine) Eval(ctx context.Context, text string, env *Env) (Value, error) {
	x, err := e.Parse(text)
	if err != nil {
		return Value{}, err
	}
	return x.Eval(ctx, env)
}

func (x *Expr) eval(ctx context.Context, env *Env) (v any, err error) {
	root := env.resolved()
	if chain, ok := x.tree.(*chainNode); ok {
		if v, ok := chain.path.walk(root, x.engine.limits.Operations); ok {
			return v, nil
		}
	}
	s := x.engine.states.Get().(*state)
	s.ctx, s.engine, s.env, s.text, s.root, s.scope = ctx, x.engine, env, x.text, root, root
	defer func() {
		// A bug in one of the many library functions must not stop the agent.
		switch r := recover().(type) {
		case nil:
		case limitReached:
			v, err = nil, failure(s.at.position(), r.code, "%s", r.message)
		default:
			v, err = nil, failure(s.at.position(), "", "internal error: %v", r)
		}
		*s = state{}
		x.engine.states.Put(s)
		if err != nil {
			err = asError(err, x.text)
		}
	}()
	return x.tree.eval(s, root)
}
