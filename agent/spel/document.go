package spel

import (
	"context"
	"maps"
	"slices"
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
	w := newWalker(ctx, e, env, ordered)
	out := doc
	w.guard(func() { out, _ = w.value(doc, nil) })
	return out, w.summary
}

// guard notes a document that is too large or too deep as a whole; nobody could
// write it as JSON either.
func (w *walker) guard(evaluate func()) {
	var err error
	func() {
		defer catchLimit(&err)
		evaluate()
	}()
	if err != nil {
		w.path = nil
		w.fail("", outcome{key: "document", err: asError(err, "")}, nil)
	}
}

// EvalTemplate evaluates one string with ${...} parts. If it fails, or is null,
// the value is the string as it was and the summary says why.
func (e *Engine) EvalTemplate(ctx context.Context, text string, env *Env) (Value, *Summary) {
	w := newWalker(ctx, e, env, false)
	if !isTemplate(text) {
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
	walk
	path []step
	room [8]step // for paths of usual length
}

func newWalker(ctx context.Context, e *Engine, env *Env, ordered bool) *walker {
	w := &walker{engine: e, ctx: ctx, env: env, summary: &Summary{}}
	w.exporter = exporter{ordered: ordered, walk: &w.walk}
	w.path = w.room[:0]
	return w
}

// step is one level of the path to a field: an index, or a key if that is -1.
type step struct {
	key   string
	index int
}

// value evaluates any value; parent is the innermost map around it. What holds
// no expression is returned as it is.
func (w *walker) value(v, parent any) (evaluated any, changed bool) {
	w.enter()
	defer w.leave()
	switch v := v.(type) {
	case string:
		if isTemplate(v) {
			return w.text(v, parent), true
		}
	case []any:
		return w.list(v, parent)
	case map[string]any:
		return w.goMap(v)
	case *Map:
		return w.mapping(v)
	}
	return v, false
}

func (w *walker) inside(at step, v, parent any) (any, bool) {
	w.path = append(w.path, at)
	v, changed := w.value(v, parent)
	w.path = w.path[:len(w.path)-1]
	return v, changed
}

func (w *walker) list(items []any, parent any) (any, bool) {
	var out []any
	for i, item := range items {
		v, changed := w.inside(step{index: i}, item, parent)
		if changed && out == nil {
			out = slices.Clone(items)
		}
		if changed {
			out[i] = v
		}
	}
	if out == nil {
		return items, false
	}
	return out, true
}

func (w *walker) goMap(m map[string]any) (any, bool) {
	out := make(map[string]any, len(m))
	anyChanged := false
	for _, k := range slices.Sorted(maps.Keys(m)) {
		key, keyChanged := w.key(k, m)
		v, changed := w.inside(step{k, -1}, m[k], m)
		out[key] = v
		anyChanged = anyChanged || keyChanged || changed
	}
	if !anyChanged {
		return m, false
	}
	return out, true
}

func (w *walker) mapping(m *Map) (any, bool) {
	keys, values := m.keys, m.values
	var keysChanged, valuesChanged bool
	for i, k := range m.keys {
		name := toString(k)
		key, changed := w.key(name, m)
		if changed && !keysChanged {
			keys, keysChanged = slices.Clone(m.keys), true
		}
		if changed {
			keys[i] = key
		}
		v, changed := w.inside(step{name, -1}, m.values[i], m)
		if changed && !valuesChanged {
			values, valuesChanged = slices.Clone(m.values), true
		}
		if changed {
			values[i] = v
		}
	}
	switch {
	case keysChanged: // some may be equal now
		out := NewMap(len(keys))
		for i, k := range keys {
			out.put(k, values[i])
		}
		return out, true
	case valuesChanged:
		return &Map{keys: slices.Clip(keys), values: values, index: maps.Clone(m.index)}, true
	}
	return m, false
}

// key evaluates a key; what it gives is turned to text.
func (w *walker) key(key string, parent any) (evaluated string, changed bool) {
	if !isTemplate(key) {
		return key, false
	}
	return toString(normal(w.text(key, parent))), true
}

// text evaluates a string to data for the caller.
func (w *walker) text(source string, parent any) any {
	v := w.evaluate(source, parent)
	if _, ok := v.(string); ok {
		return v
	}
	plain, err := w.export(v)
	if err != nil {
		w.fail(source, outcome{key: keyOfBroken(source), err: asError(err, source)}, parent)
		return source
	}
	return plain
}

func (w *walker) export(v any) (plain any, err error) {
	depth := w.depth
	defer func() { w.depth = depth }()
	defer catchLimit(&err)
	return w.exporter.export(v), nil
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
