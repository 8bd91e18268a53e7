package spel

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// What makes errors readable: the text of the value on the left of a failing
// step, and the names that are really there.

// missing is a name that was looked for in vain.
type missing struct {
	name   string
	target any // nil: there was nothing to look in
}

// explain completes the error of a chain's step with the text on its left.
// before is what the value there was read from.
func (s *state) explain(err error, n *chainNode, i int, before any) error {
	e, ok := err.(*Error)
	if !ok || e.missing == nil || i == 0 || e.Pos != n.steps[i].position() {
		return err
	}
	m := e.missing
	e.missing = nil
	left := textUpTo(s.text, n.steps, i)
	switch {
	case isMap(m.target):
		e.Message = fmt.Sprintf("%s has no %s", left, m.name)
	case m.target != nil:
		e.Message = fmt.Sprintf("%s is %s, which has no %s", left, describe(m.target), m.name)
	case left == "null": // which is what the message says
	default:
		e.Message = fmt.Sprintf("%s is null, so it has no %s", left, m.name)
		s.explainNull(e, n, i, before)
	}
	return e
}

// explainNull says why there was null on the left: usually because a key is
// missing one step before.
func (s *state) explainNull(e *Error, n *chainNode, i int, before any) {
	key := keyOf(n.steps[i-1])
	if key == "" || !isMap(before) {
		return
	}
	if _, ok := mapGet(before, key); ok {
		return
	}
	owner := "the context"
	if i > 1 {
		owner = textUpTo(s.text, n.steps, i-1)
	}
	e.Message += fmt.Sprintf(": %s has no %q", owner, key)
	e.Suggestion = fmt.Sprintf("it has: %s; %s", nearest(key, namesOf(before)), e.Suggestion)
}

// textUpTo is the source of a chain's first steps, in one line.
func textUpTo(text string, steps []node, i int) string {
	text = strings.TrimRight(text[steps[0].position():steps[i].position()], " \t\r\n.?")
	if strings.Contains(text, "\n") {
		text = strings.Join(strings.Fields(text), " ")
	}
	return text
}

// whyStepIsNull says why reading a step from a value gave null, and which names
// the value has instead.
func whyStepIsNull(step node, from any) (names, why string) {
	key := keyOf(step)
	if key == "" || !isMap(from) {
		return "", ""
	}
	if _, ok := mapGet(from, key); ok {
		return "", fmt.Sprintf("has %q, but it is null", key)
	}
	return nearest(key, namesOf(from)), fmt.Sprintf("has no %q", key)
}

// keyOf is the map key that a step reads, if it is fixed.
func keyOf(step node) string {
	switch step := step.(type) {
	case *propertyNode:
		return step.name
	case *indexNode:
		if lit, ok := step.index.(*literalNode); ok {
			key, _ := lit.value.(string)
			return key
		}
		return keyOf(step.index)
	}
	return ""
}

// namesOf lists what can be read from a value.
func namesOf(v any) []string {
	var names []string
	if b, ok := v.(bean); ok {
		return b.getters()
	}
	for k := range mapEntries(v) {
		names = append(names, toString(k))
	}
	if m, ok := v.(*scope); ok && m.stage != nil {
		for _, s := range m.stage.lineage() {
			names = append(names, namesOf(s.Outputs)...)
		}
	}
	return names
}

// nearest lists names, the most similar to the wanted one first.
func nearest(wanted string, names []string) string {
	const most = 8
	if len(names) == 0 {
		return "nothing"
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return distance(wanted, a) - distance(wanted, b)
	})
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

// distance is how far apart two names are: the edits it takes, for names that
// are close, and one and the same number for all others.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	const far = 4
	if len(a)-len(b) >= far || len(b)-len(a) >= far || len(a) > 64 {
		return far
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			edits := min(row[j], row[j-1]) + 1
			if a[i-1] == b[j-1] {
				edits = min(edits, diagonal)
			} else {
				edits = min(edits, diagonal+1)
			}
			diagonal, row[j] = row[j], edits
		}
	}
	return min(row[len(b)], far)
}

// whyNull says for people why an expression gave null, and at which step. It
// evaluates the expression again, step by step.
func (e *Engine) whyNull(ctx context.Context, text string, env *Env) *Error {
	why := &Error{Phase: PhaseEval, Expr: text, Message: text + " is null"}
	x, err := e.Parse(text)
	if err != nil {
		return why
	}
	steps := []node{x.tree}
	if chain, ok := x.tree.(*chainNode); ok {
		steps = chain.steps
	}
	value := env.resolved()
	for i, step := range steps {
		prefix := &Expr{engine: e, text: text, tree: &chainNode{at: at(x.tree.position()), steps: steps[:i+1]}}
		next, err := prefix.eval(ctx, env)
		if err != nil {
			break
		}
		if next != nil {
			value = next
			continue
		}
		names, has := whyStepIsNull(step, value)
		if has == "" {
			break
		}
		owner := "the context"
		if i > 0 {
			owner = textUpTo(text, steps, i)
		}
		why.Pos, why.Message = step.position(), owner+" "+has
		if names != "" {
			why.suggest("it has: %s", names)
		}
		break
	}
	return why
}
