package spel

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// class is a Java class as far as the allow-list opens it (spinnaker/spinnaker
// kork-expressions allowlist/*): the methods whose return type is allowed, less
// those that would change a value.
type class struct {
	name         string // simple name
	full         string // qualified name, by which T() and new find it; empty if they cannot
	methods      map[string][]*method
	constructors []*method
}

func (c *class) javaClass() string { return "Class" }
func (c *class) exported() any     { return c.binaryName() }

func (c *class) text() string {
	if isPrimitive(c.full) {
		return c.full
	}
	return "class " + c.binaryName()
}

// binaryName is the class's name as Java's Class.getName gives it.
func (c *class) binaryName() string {
	elem := strings.TrimRight(c.full, "[]")
	if elem == c.full {
		return c.full
	}
	depth := strings.Repeat("[", strings.Count(c.full, "["))
	if code, ok := map[string]string{"int": "I", "long": "J", "short": "S", "byte": "B", "double": "D", "float": "F", "char": "C", "boolean": "Z"}[elem]; ok {
		return depth + code
	}
	return depth + "L" + elem + ";"
}

// method is one overload of a method or constructor.
type method struct {
	static  bool
	varargs bool
	params  []*javaType
	call    callable
}

// callable runs a method. The arguments have the types of the parameters; those
// of a variable-length parameter are one *array.
type callable func(s *state, target any, args []any) (any, error)

// member is one line of a class's table: "name(type,type...)", "static
// name(...)" or "new(...)".
type member struct {
	signature string
	call      callable
}

func newClass(name, full string, members ...[]member) *class {
	c := &class{name: name, full: full, methods: map[string][]*method{}}
	for _, m := range slices.Concat(members...) {
		c.add(m)
	}
	for _, overloads := range c.methods {
		byLength(overloads)
	}
	byLength(c.constructors)
	return c
}

func (c *class) add(m member) {
	signature, static := strings.CutPrefix(m.signature, "static ")
	name, params, _ := strings.Cut(strings.TrimSuffix(signature, ")"), "(")
	overload := &method{static: static, call: m.call}
	if rest, ok := strings.CutSuffix(params, "..."); ok {
		overload.varargs, params = true, rest+"[]"
	}
	if params != "" {
		for param := range strings.SplitSeq(params, ",") {
			overload.params = append(overload.params, typeNamed(param))
		}
	}
	if name == "new" {
		c.constructors = append(c.constructors, overload)
		return
	}
	c.methods[name] = append(c.methods[name], overload)
}

// byLength sorts as Spring tries overloads: fewest parameters first.
func byLength(overloads []*method) {
	slices.SortStableFunc(overloads, func(a, b *method) int {
		return cmp.Or(cmp.Compare(len(a.params), len(b.params)), b2i(a.varargs)-b2i(b.varargs))
	})
}

// match is how well arguments fit parameters.
type match uint8

const (
	matchNone match = iota
	matchConversion
	matchClose
	matchExact
)

// resolve chooses among overloads as Spring's ReflectiveMethodResolver does:
// the first exact one, else the closest that needs no conversion, else the only
// one that does.
func resolve(overloads []*method, args []any, static bool) (best *method, ambiguous bool) {
	var converting *method
	distance := math.MaxInt
	for _, m := range overloads {
		if static && !m.static {
			continue
		}
		switch m.match(args) {
		case matchExact:
			return m, false
		case matchClose:
			if d := m.distance(args); best == nil || d < distance {
				best, distance = m, d
			}
		case matchConversion:
			if converting != nil {
				ambiguous = true
				continue
			}
			converting = m
		}
	}
	if best != nil {
		return best, false
	}
	return converting, ambiguous
}

func (m *method) match(args []any) match {
	fixed := len(m.params)
	if m.varargs {
		fixed--
	}
	if len(args) < fixed || !m.varargs && len(args) != fixed {
		return matchNone
	}
	result := matchExact
	for i, p := range m.params[:fixed] {
		result = min(result, p.match(args[i]))
	}
	if !m.varargs || result == matchNone {
		return result
	}
	last := m.params[fixed]
	if len(args) == len(m.params) {
		if _, exact := last.accepts(args[fixed]); exact {
			return result
		}
	}
	for _, arg := range args[fixed:] {
		result = min(result, last.elem.match(arg))
	}
	return result
}

func (t *javaType) match(arg any) match {
	if arg == nil {
		if t.primitive {
			return matchNone
		}
		return matchExact
	}
	switch ok, exact := t.accepts(arg); {
	case exact:
		return matchExact
	case ok:
		return matchClose
	case canConvert(arg, t):
		return matchConversion
	}
	return matchNone
}

// distance is ReflectionHelper.getTypeDifferenceWeight.
func (m *method) distance(args []any) int {
	total := 0
	for i, p := range m.params {
		if i >= len(args) || args[i] == nil {
			if p.primitive {
				return math.MaxInt
			}
			continue
		}
		if ok, _ := p.accepts(args[i]); !ok {
			return math.MaxInt
		}
		if p.primitive || p == typeObject {
			total += 2 * superclasses(args[i])
		}
		if p.name == "Number" {
			total += 2
		}
		if p.isInterface() {
			total++
		}
	}
	return total
}

// superclasses is how many classes are above that of a value, Object included.
func superclasses(v any) int {
	if isNumber(v) {
		return 2
	}
	return 1
}

// invoke converts the arguments and runs the method.
func (m *method) invoke(s *state, target any, args []any, pos int) (any, error) {
	converted, err := m.convert(args)
	if err != nil {
		return nil, failure(pos, codeExceptionDuringMethodCall, "the arguments do not fit: %v", err)
	}
	return m.call(s, target, converted)
}

func (m *method) convert(args []any) ([]any, error) {
	if len(m.params) == 0 {
		return nil, nil
	}
	out := args // nobody else holds them
	if m.varargs {
		out = make([]any, len(m.params))
	}
	for i, p := range m.params {
		if m.varargs && i == len(m.params)-1 {
			rest, err := p.gather(args[i:])
			out[i] = rest
			return out, err
		}
		v, err := convert(args[i], p)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// gather makes the array of a variable-length parameter. A single list or
// array fills it.
func (t *javaType) gather(args []any) (any, error) {
	if len(args) == 1 {
		switch v := args[0].(type) {
		case []any:
			return toArray(v, t)
		case *array:
			if ok, _ := t.accepts(v); ok {
				return v, nil
			}
			return toArray(v, t)
		}
		if ok, _ := t.elem.accepts(args[0]); !ok && args[0] != nil {
			return toArray(args[0], t)
		}
	}
	out := make([]any, len(args))
	for i, arg := range args {
		v, err := convert(arg, t.elem)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return &array{t.elem.name, out}, nil
}

func (n *methodNode) eval(s *state, target any) (any, error) {
	args, err := s.arguments(n.args, s.scope)
	if err != nil {
		return nil, err
	}
	if target == nil {
		if n.safe {
			return nil, nil
		}
		return nil, onNull(n, codeMethodCallOnNull, n.name+"()")
	}
	if b, ok := target.(bean); ok && len(args) == 0 {
		if v, ok := b.getter(getterName(n.name)); ok {
			return normal(v), s.count(n.at)
		}
	}
	c, static := target.(*class)
	if !static {
		c = standardLibrary.classOf(target)
	}
	m, ambiguous := resolve(c.methods[n.name], args, static)
	if ambiguous {
		return nil, failure(n.position(), codeProblemLocatingMethod, "more than one %s(...) fits the arguments after conversion", n.name).
			suggest("give the arguments the type that is meant")
	}
	if m == nil {
		return nil, noMethod(n, c, static, args)
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	v, err := m.invoke(s, target, args, n.position())
	if err != nil {
		return nil, thrown(err, n.position(), n.name)
	}
	return v, nil
}

func (s *state) arguments(nodes []node, active any) ([]any, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	args := make([]any, len(nodes))
	for i, arg := range nodes {
		v, err := arg.eval(s, active)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	return args, nil
}

// thrown gives the failure of a method its place.
func thrown(err error, pos int, name string) error {
	if e, ok := err.(*Error); ok {
		return e
	}
	return javaFailure(pos, illegalArgument, "%s(...): %v", name, err)
}

func noMethod(n *methodNode, c *class, static bool, args []any) *Error {
	kinds := make([]string, len(args))
	for i, arg := range args {
		kinds[i] = typeName(arg)
	}
	e := failure(n.position(), codeMethodNotFound, "%s has no method %s(%s) that expressions may call", c.name, n.name, strings.Join(kinds, ", "))
	e.Java = evaluationException
	var names []string
	for name, overloads := range c.methods {
		if !static || slices.ContainsFunc(overloads, func(m *method) bool { return m.static }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	switch {
	case c.methods[n.name] != nil:
		e.suggest("the arguments do not fit")
	case n.name == "get":
		e.suggest("use an index: [...]")
	case len(names) > 0:
		e.suggest("it has: %s", nearest(n.name, names))
	}
	return e
}

// getterName is the property that a getter reads.
func getterName(method string) string {
	for _, prefix := range [...]string{"get", "is"} {
		if rest, ok := strings.CutPrefix(method, prefix); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return strings.ToLower(rest[:1]) + rest[1:]
		}
	}
	return ""
}

// getter reads a property of anything but a map's key: of a Java object by a
// getter getName or isName or by a method of the name, without parameters.
func (s *state) getter(target any, name string) (any, error, bool) {
	if b, ok := target.(bean); ok {
		if v, ok := b.getter(name); ok {
			return normal(v), nil, true
		}
	}
	if a, ok := target.(*array); ok {
		return int32(len(a.items)), nil, name == "length"
	}
	if name == "" {
		return nil, nil, false
	}
	c, static := target.(*class)
	if !static {
		c = standardLibrary.classOf(target)
	}
	capital := strings.ToUpper(name[:1]) + name[1:]
	for _, candidate := range [...]string{"get" + capital, "is" + capital, name} {
		for _, m := range c.methods[candidate] {
			if len(m.params) == 0 && (m.static || !static) {
				v, err := m.call(s, target, nil)
				return v, err, true
			}
		}
	}
	return nil, nil, false
}
