package spel

import (
	"slices"
	"strings"
	"unicode"
)

// T(...), new ...(...) and new ...[...].

func (n *typeNode) eval(s *state, _ any) (any, error) {
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	c, err := namedType(n.position(), n.name)
	if err != nil {
		return nil, err
	}
	if n.dimensions > 0 {
		brackets := strings.Repeat("[]", n.dimensions)
		return &class{name: c.name + brackets, full: c.full + brackets}, nil
	}
	return c, nil
}

// primitiveClasses are what T(int) gives; nothing can be called on them.
var primitiveClasses = func() map[string]*class {
	m := map[string]*class{}
	for name := range boxes {
		m[name] = &class{name: name, full: name}
	}
	m["void"] = &class{name: "void", full: "void"}
	return m
}()

// namedType is what T(name) gives: a name in lower case is a primitive type's.
func namedType(pos int, name string) (*class, *Error) {
	if strings.Contains(name, ".") || !unicode.IsLower([]rune(name)[0]) {
		return findType(pos, name)
	}
	if c, ok := primitiveClasses[name]; ok {
		return c, nil
	}
	return nil, javaFailure(pos, illegalArgument, "there is no primitive type %s", name)
}

// findType finds a class by its qualified name, or by its short one in
// java.lang.
func findType(pos int, name string) (*class, *Error) {
	if c, ok := standardLibrary.byType[name]; ok {
		return c, nil
	}
	short := name[strings.LastIndexByte(name, '.')+1:]
	for full := range standardLibrary.byType {
		if strings.HasSuffix(full, "."+short) && full != name {
			return nil, failure(pos, codeTypeNotFound, "there is no type %s", name).suggest("write T(%s)", full)
		}
	}
	if isKnownRefused(name) {
		return nil, failure(pos, codeExceptionDuringPropertyRead, "the type %s is not open to expressions", name).suggest("the open types are: %s", openTypes())
	}
	return nil, failure(pos, codeTypeNotFound, "there is no type %s that expressions may use", name).suggest("the open types are: %s", openTypes())
}

func openTypes() string {
	var names []string
	for _, name := range sortedNames(standardLibrary.byType) {
		if short, ok := strings.CutPrefix(name, "java.lang."); ok {
			name = short
		} else if !strings.Contains(name, ".") {
			continue
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// refusedTypes are well-known classes that exist in Java, but are not open:
// the error says so instead of that there is no such type.
const refusedTypes = ` java.lang.Object java.lang.Class java.lang.System java.lang.Runtime java.lang.Thread java.lang.Process
 java.lang.ProcessBuilder java.lang.ClassLoader java.lang.StringBuilder java.lang.StringBuffer java.lang.Character java.lang.Float
 java.lang.Short java.lang.Number java.lang.Iterable java.lang.Comparable java.lang.CharSequence java.lang.Enum java.lang.Void
 java.lang.Exception java.lang.RuntimeException java.lang.Error java.lang.Throwable java.lang.StrictMath java.lang.Package
 java.lang.SecurityManager java.lang.ThreadLocal java.lang.InheritableThreadLocal java.lang.Module java.lang.Record
 java.util.List java.util.Map java.util.Set java.util.Collection java.util.Collections java.util.Arrays java.util.ArrayList
 java.util.LinkedList java.util.HashMap java.util.LinkedHashMap java.util.TreeMap java.util.HashSet java.util.LinkedHashSet
 java.util.TreeSet java.util.Objects java.util.Optional java.util.Base64 java.util.Locale java.util.Calendar java.util.TimeZone
 java.util.Scanner java.util.Properties java.util.Currency java.util.regex.Pattern java.util.regex.Matcher
 java.util.stream.Collectors java.util.stream.IntStream java.util.concurrent.TimeUnit
 java.io.File java.io.InputStream java.nio.file.Files java.nio.file.Paths java.nio.file.Path java.nio.charset.StandardCharsets
 java.nio.charset.Charset java.net.URL java.net.URI java.net.URLDecoder java.net.InetAddress java.net.Socket
 java.math.BigDecimal java.math.BigInteger java.text.DecimalFormat java.text.DateFormat java.text.NumberFormat
 java.time.ZonedDateTime java.time.ZoneId java.time.ZoneOffset java.time.OffsetDateTime java.time.LocalTime java.time.Duration
 java.time.Period java.time.Month java.time.Year java.time.YearMonth java.time.Clock java.time.format.DateTimeFormatter
 java.time.temporal.ChronoField java.time.temporal.TemporalAdjuster java.time.temporal.WeekFields java.lang.reflect.Method
 javax.script.ScriptEngineManager org.springframework.expression.spel.standard.SpelExpressionParser `

func isKnownRefused(name string) bool {
	if !strings.Contains(name, ".") {
		name = "java.lang." + name
	}
	for known := range strings.FieldsSeq(refusedTypes) {
		if known == name {
			return true
		}
	}
	return false
}

func (n *newNode) eval(s *state, active any) (any, error) {
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	args, err := s.arguments(n.args, active)
	if err != nil {
		return nil, err
	}
	c, ok := standardLibrary.byType[n.name]
	if !ok {
		return nil, failure(n.position(), codeConstructorInvocationProblem, "%s is not open to expressions", n.name).suggest("the open types are: %s", openTypes())
	}
	m, _ := resolve(c.constructors, args, false) // Spring takes any of several that fit after conversion
	if m == nil {
		return nil, failure(n.position(), codeConstructorNotFound, "there is no new %s(...) for these arguments", n.name)
	}
	converted, err := m.convert(args)
	if err == nil {
		var v any
		if v, err = m.call(s, nil, converted); err == nil {
			return v, nil
		}
	}
	return nil, failure(n.position(), codeConstructorInvocationProblem, "new %s(...): %v", n.name, err)
}

// maxArray is the number of elements at which an array is too large.
const maxArray = 256 * 1024

func (n *newArrayNode) eval(s *state, active any) (any, error) {
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	elem, err := arrayElement(n)
	if err != nil {
		return nil, err
	}
	if n.filling != nil {
		return n.filled(s, active, elem)
	}
	if slices.Contains(n.dimensions, nil) {
		return nil, failure(n.position(), codeMissingArrayDimension, "the array has no size")
	}
	sizes := make([]int, len(n.dimensions))
	total := 1
	for i, d := range n.dimensions {
		size, err := s.arraySize(d, active)
		if err != nil {
			return nil, err
		}
		sizes[i] = size
		if total *= max(size, 1); total >= maxArray {
			return nil, failure(n.position(), codeMaxArrayElementsExceeded, "the array would have %d elements or more; %d are too many", total, maxArray)
		}
		if size < 0 {
			return nil, javaFailure(d.position(), "java.lang.NegativeArraySizeException", "the size %d is negative", size)
		}
	}
	return newArray(elem, sizes), nil
}

func arrayElement(n *newArrayNode) (*javaType, error) {
	if isPrimitive(n.name) {
		return typeNamed(n.name), nil
	}
	c, err := findType(n.position(), n.name)
	if err != nil {
		return nil, err
	}
	if t, ok := javaTypes[c.name]; ok {
		return t, nil
	}
	return reference(c.name, nil), nil
}

func (s *state) arraySize(n node, active any) (int, error) {
	v, err := n.eval(s, active)
	if err != nil {
		return 0, err
	}
	size, err := convert(v, typeInt)
	if err != nil {
		return 0, failure(n.position(), codeTypeConversionError, "the size of an array must be a number, but it is %s", describe(v))
	}
	return int(size.(int32)), nil
}

// newArray makes an array of zeros or nulls; arrays of several dimensions hold
// arrays.
func newArray(elem *javaType, sizes []int) *array {
	a := &array{elem.name + strings.Repeat("[]", len(sizes)-1), make([]any, sizes[0])}
	for i := range a.items {
		if len(sizes) > 1 {
			a.items[i] = newArray(elem, sizes[1:])
			continue
		}
		a.items[i] = zero(elem)
	}
	return a
}

func zero(t *javaType) any {
	switch {
	case !t.primitive:
		return nil
	case t.name == "boolean":
		return false
	}
	v, err := convert(int32(0), t)
	if err != nil {
		return nil
	}
	return v
}

// filled makes an array from the list behind it.
func (n *newArrayNode) filled(s *state, active any, elem *javaType) (any, error) {
	if len(n.dimensions) > 1 {
		return nil, failure(n.position(), codeMultidimArrayInitializer, "only arrays of one dimension can be filled")
	}
	if n.items == nil {
		return nil, javaFailure(n.filling.position(), "java.lang.ClassCastException", "an array is filled from a list, not from a map")
	}
	if size := n.dimensions[0]; size != nil {
		want, err := s.arraySize(size, active)
		if err != nil {
			return nil, err
		}
		if want != len(n.items.items) {
			return nil, failure(n.position(), codeInitializerLengthIncorrect, "the array has the size %d, but %d elements", want, len(n.items.items))
		}
	}
	items := make([]any, len(n.items.items))
	for i, item := range n.items.items {
		v, err := item.eval(s, active)
		if err != nil {
			return nil, err
		}
		if items[i], err = convert(v, elem); err != nil {
			return nil, failure(item.position(), codeTypeConversionError, "%s does not fit into an array of %s: %v", describe(v), elem.name, err)
		}
	}
	return &array{elem.name, items}, nil
}
