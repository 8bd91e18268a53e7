package engine

import (
	"github.com/gennaker/gennaker/agent/spel"
)

// Engine decides. It holds nothing but the expression language.
type Engine struct {
	expressions *spel.Engine
}

// New returns an engine. Its decisions are made inside transactions: the expression language given here must answer
// from what it is given, without opening a connection.
func New(expressions *spel.Engine) *Engine {
	return &Engine{expressions: expressions}
}
