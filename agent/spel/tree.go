package spel

// node is one element of a parsed expression. Trees are never changed after
// parsing, so one may be evaluated by many goroutines at once.
type node interface {
	positioned
	// eval computes the step's value. active is what a bare name and #this
	// refer to; for a step behind a dot it is the value on the left.
	eval(s *state, active any) (any, error)
}

// positioned has a place in the expression: a byte offset, for error messages.
type positioned interface{ position() int }

// at is embedded in every node.
type at int

func (a at) position() int { return int(a) }

type (
	// literalNode is a number, string, boolean, null, or a constant list or map.
	literalNode struct {
		at
		value any
	}
	// propertyNode is a bare name, or a name behind a dot.
	propertyNode struct {
		at
		*slot
		safe bool
	}
	// methodNode is name(args).
	methodNode struct {
		at
		name string
		args []node
		safe bool
	}
	// indexNode is [index].
	indexNode struct {
		at
		index node
		safe  bool
	}
	// selectNode is .?[ ], .^[ ] or .$[ ].
	selectNode struct {
		at
		kind      tokenKind
		criterion node
		safe      bool
	}
	// projectNode is .![ ].
	projectNode struct {
		at
		body node
		safe bool
	}
	// chainNode is a start followed by steps.
	chainNode struct {
		at
		steps []node
		path  path // if all steps are keys
	}
	// variableNode is #name.
	variableNode struct {
		at
		name string
	}
	// functionNode is #name(args).
	functionNode struct {
		at
		name     string
		function *function // nil if there is none of that name
		args     []node
	}
	// listNode is {a, b}.
	listNode struct {
		at
		items []node
	}
	// mapNode is {k: v}.
	mapNode struct {
		at
		keys, values []node
	}
	// typeNode is T(name).
	typeNode struct {
		at
		name       string
		dimensions int
	}
	// newNode is new name(args).
	newNode struct {
		at
		name string
		args []node
	}
	// newArrayNode is new name[n] or new name[]{items}.
	newArrayNode struct {
		at
		name       string
		dimensions []node    // a missing one is nil
		filling    node      // the list or map behind it, if there is one
		items      *listNode // nil if that is a map, which does not work
	}
	// unaryNode is !x, +x or -x.
	unaryNode struct {
		at
		op tokenKind
		x  node
	}
	// sumNode is + and -, from left to right.
	sumNode struct {
		at
		first node
		terms []term
	}
	// term is an operand of a sum with the operator before it.
	term struct {
		operation
		x node
	}
	// arithmeticNode is * / % ^.
	arithmeticNode struct {
		operation
		x, y node
	}
	// compareNode is == != < <= > >=.
	compareNode struct {
		at
		op   tokenKind
		x, y node
	}
	// logicNode is and, or.
	logicNode struct {
		at
		or   bool
		x, y node
	}
	betweenNode struct {
		at
		x, y node
	}
	matchesNode struct {
		at
		x, y node
	}
	instanceofNode struct {
		at
		x, y node
	}
	elvisNode struct {
		at
		x, y node
	}
	ternaryNode struct {
		at
		cond, yes, no node
	}
	// refusedNode can only fail: it would write.
	refusedNode struct {
		at
		err *Error
	}
	// beanNode is @name or &name, which there are none of.
	beanNode struct {
		at
		name string
	}
)
