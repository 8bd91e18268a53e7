package spel

import (
	"context"
	"strconv"
	"strings"
)

// EvalDocument evaluates every string of a document, keys of maps too, against
// one and the same root: an entry does not see another's result. Results are
// not evaluated again. What fails or gives null keeps its text and is noted in
// the summary. Parts in which nothing was evaluated are shared with doc, the
// rest is new; evaluated maps are of the kind of doc, *[Map] or map[string]any,
// and numbers are json.Number.
func (e *Engine) EvalDocument(ctx context.Context, doc any, env *Env) (any, *Summary) {
	_, ordered := doc.(*Map)
	w := &walker{engine: e, ctx: ctx, env: env, summary: &Summary{}, exporter: exporter{ordered: ordered}}
	return w.value(doc, nil), w.summary
}

// EvalTemplate evaluates one string with ${...} parts. If it fails, or is null,
// the value is the string as it was and the summary says why.
func (e *Engine) EvalTemplate(ctx context.Context, text string, env *Env) (Value, *Summary) {
	w := &walker{engine: e, ctx: ctx, env: env, summary: &Summary{}}
	if !strings.Contains(text, opening) {
		return Value{text}, w.summary
	}
	return Value{w.evaluate(text, nil)}, w.summary
}

// walker goes through one document.
type walker struct {
	engine   *Engine
	ctx      context.Context
	env      *Env
	summary  *Summary
	exporter exporter
	path     []step
}

// step is one level of the path to a field: an index, or a key if that is -1.
type step struct {
	key   string
	index int
}

// value evaluates any value; parent is the innermost map around it.
func (w *walker) value(v, parent any) any {
	if !hasExpression(v, 0) {
		return v
	}
	switch v := v.(type) {
	case string:
		return w.text(v, parent)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = w.inside(step{index: i}, item, parent)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, field := range mapEntries(v) {
			key := w.key(k.(string), v)
			out[key] = w.inside(step{k.(string), -1}, field, v)
		}
		return out
	case *Map:
		out := NewMap(v.Len())
		for k, field := range v.All() {
			name := toString(k)
			out.Set(w.key(name, v), w.inside(step{name, -1}, field, v))
		}
		return out
	}
	return v
}

func (w *walker) inside(at step, v, parent any) any {
	w.path = append(w.path, at)
	v = w.value(v, parent)
	w.path = w.path[:len(w.path)-1]
	return v
}

// hasExpression reports whether anything in a value would be evaluated. What is
// nested too deep would not: only data that contains itself is.
func hasExpression(v any, depth int) bool {
	if depth > maxDataDepth {
		return false
	}
	switch v := v.(type) {
	case string:
		return strings.Contains(v, opening)
	case []any:
		for _, item := range v {
			if hasExpression(item, depth+1) {
				return true
			}
		}
	case map[string]any:
		for k, field := range v {
			if strings.Contains(k, opening) || hasExpression(field, depth+1) {
				return true
			}
		}
	case *Map:
		for k, field := range v.All() {
			if hasExpression(k, depth+1) || hasExpression(field, depth+1) {
				return true
			}
		}
	}
	return false
}

// key evaluates a key; what it gives is turned to text.
func (w *walker) key(key string, parent any) string {
	if !strings.Contains(key, opening) {
		return key
	}
	return toString(normal(w.text(key, parent)))
}

// text evaluates a string to data for the caller.
func (w *walker) text(source string, parent any) any {
	v := w.evaluate(source, parent)
	var err error
	plain := func() (plain any) {
		defer catchLimit(&err)
		return w.exporter.export(v)
	}()
	if err != nil {
		w.fail(source, outcome{key: keyOfBroken(source), err: asError(err, source)}, parent)
		return source
	}
	return plain
}

// evaluate evaluates a string and notes what became of it.
func (w *walker) evaluate(source string, parent any) any {
	w.summary.Total++
	o := w.engine.evalString(w.ctx, source, w.env)
	w.summary.attempted = append(w.summary.attempted, o.key)
	switch {
	case o.err != nil:
		w.fail(source, o, parent)
	case o.unresolved != "":
		w.unresolved(source, o, parent)
	}
	return o.value
}

// where is the path to the current field as people write it.
func (w *walker) where() string {
	var b strings.Builder
	for i, s := range w.path {
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case !isPlainName(s.key):
			b.WriteString("[" + strconv.Quote(s.key) + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		}
	}
	return b.String()
}

func isPlainName(s string) bool {
	for _, r := range s {
		if !isNamePart(r) && r != '-' {
			return false
		}
	}
	return s != ""
}
