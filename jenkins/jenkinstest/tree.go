package jenkinstest

import (
	"errors"
	"strconv"
	"strings"
)

// shape is the class of an object and its fields in Jenkins' order.
type shape struct {
	class  string // "" shows no _class
	fields []field
}

// field is shown without being asked for when its visibility is at least the
// depth at which the object stands (1 is the root).
type field struct {
	name       string
	visibility int
}

// object is a value with fields, which are computed when they are shown.
type object struct {
	shape *shape
	get   func(name string) any
}

// list is a list whose elements are computed when they are shown.
type list struct {
	n  int
	at func(i int) any
}

// selection is what a tree parameter asks of one object.
type selection struct {
	fields map[string]*selection
	bounds *bounds
}

// bounds is a range {from,to}; to < 0 is open.
type bounds struct{ from, to int }

var errTree = errors.New("bad tree")

// parseTree reads: list = node{,node}; node = name['['list']']['{'range'}'].
func parseTree(text string) (*selection, error) {
	p := treeParser{rest: text}
	root, err := p.list()
	if err != nil || p.rest != "" {
		return nil, errTree
	}
	return root, nil
}

type treeParser struct{ rest string }

func (p *treeParser) list() (*selection, error) {
	s := &selection{fields: map[string]*selection{}}
	for {
		end := strings.IndexAny(p.rest, ",[]{}")
		if end < 0 {
			end = len(p.rest)
		}
		name := p.rest[:end]
		p.rest = p.rest[end:]
		if name == "" {
			return nil, errTree
		}
		node, err := p.node()
		if err != nil {
			return nil, err
		}
		s.fields[name] = node // the last of two wins
		if !p.take(",") {
			return s, nil
		}
	}
}

func (p *treeParser) node() (*selection, error) {
	node := &selection{}
	if p.take("[") {
		inner, err := p.list()
		if err != nil || !p.take("]") {
			return nil, errTree
		}
		node = inner
	}
	if !p.take("{") {
		return node, nil
	}
	text, rest, found := strings.Cut(p.rest, "}")
	if !found {
		return nil, errTree
	}
	p.rest = rest
	b, err := parseBounds(text)
	node.bounds = b
	return node, err
}

func (p *treeParser) take(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

func parseBounds(text string) (*bounds, error) {
	from, to, pair := strings.Cut(text, ",")
	if !pair {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, errTree
		}
		return &bounds{n, n + 1}, nil
	}
	b := &bounds{0, -1}
	var err error
	if from != "" {
		if b.from, err = strconv.Atoi(from); err != nil || b.from < 0 {
			return nil, errTree
		}
	}
	if to != "" {
		if b.to, err = strconv.Atoi(to); err != nil || b.to < b.from {
			return nil, errTree
		}
	}
	return b, nil
}

// writer renders values as Jenkins writes JSON.
type writer struct{ out []byte }

// render gives an object by a tree, or by depth when there is none.
func render(o *object, tree *selection, depth int) []byte {
	w := writer{out: make([]byte, 0, 4096)}
	if tree != nil {
		w.selected(o, tree)
	} else {
		w.visible(o, 1-depth)
	}
	return w.out
}

func (w *writer) open(o *object) {
	w.out = append(w.out, '{')
	if o.shape.class != "" {
		w.out = append(w.out, `"_class":`...)
		w.text(o.shape.class)
	}
}

func (w *writer) key(name string) {
	if w.out[len(w.out)-1] != '{' {
		w.out = append(w.out, ',')
	}
	w.text(name)
	w.out = append(w.out, ':')
}

// visible shows the fields that are visible at a depth, and one level less of
// what they hold.
func (w *writer) visible(value any, depth int) {
	switch v := value.(type) {
	case *object:
		w.open(v)
		for _, f := range v.shape.fields {
			if f.visibility >= depth {
				w.key(f.name)
				w.visible(v.get(f.name), depth+1)
			}
		}
		w.out = append(w.out, '}')
	case list:
		w.elements(v, nil, func(e any) { w.visible(e, depth) })
	default:
		w.scalar(v)
	}
}

// selected shows the fields a selection names, or all of normal visibility for
// a star.
func (w *writer) selected(value any, s *selection) {
	switch v := value.(type) {
	case *object:
		w.open(v)
		star := s.fields["*"]
		for _, f := range v.shape.fields {
			inner := s.fields[f.name]
			if inner == nil && f.visibility > 0 {
				inner = star
			}
			if inner != nil {
				w.key(f.name)
				w.selected(v.get(f.name), inner)
			}
		}
		w.out = append(w.out, '}')
	case list:
		w.elements(v, s.bounds, func(e any) { w.selected(e, s) })
	default:
		w.scalar(v)
	}
}

func (w *writer) elements(l list, b *bounds, show func(any)) {
	from, to := 0, l.n
	if b != nil {
		from = min(b.from, l.n)
		if b.to >= 0 {
			to = min(b.to, l.n)
		}
	}
	w.out = append(w.out, '[')
	for i := from; i < to; i++ {
		if i > from {
			w.out = append(w.out, ',')
		}
		show(l.at(i))
	}
	w.out = append(w.out, ']')
}

func (w *writer) scalar(value any) {
	switch v := value.(type) {
	case nil:
		w.out = append(w.out, "null"...)
	case bool:
		w.out = strconv.AppendBool(w.out, v)
	case int:
		w.out = strconv.AppendInt(w.out, int64(v), 10)
	case int64:
		w.out = strconv.AppendInt(w.out, v, 10)
	case string:
		w.text(v)
	default:
		panic("jenkinstest: a field of unknown type")
	}
}

// text writes a string with control characters as \u00xx and nothing else
// escaped but quotes and backslashes.
func (w *writer) text(s string) {
	const hex = "0123456789abcdef"
	w.out = append(w.out, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			w.out = append(w.out, '\\', c)
		case c < 0x20:
			w.out = append(w.out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			w.out = append(w.out, c)
		}
	}
	w.out = append(w.out, '"')
}
