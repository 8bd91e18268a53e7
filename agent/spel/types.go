package spel

import "strings"

// javaType is the declared type of a parameter.
type javaType struct {
	name      string
	boxed     string // the class that a primitive stands for, else the name
	primitive bool
	elem      *javaType // of an array
	convert   func(v any, t *javaType) (any, error)
}

func primitive(name string, convert func(any, *javaType) (any, error)) *javaType {
	return &javaType{name: name, boxed: boxed(name), primitive: true, convert: convert}
}

func reference(name string, convert func(any, *javaType) (any, error)) *javaType {
	return &javaType{name: name, boxed: name, convert: convert}
}

// The types that parameters of allowed methods have.
var (
	typeInt     = primitive("int", toInteger)
	typeLong    = primitive("long", toInteger)
	typeBoolean = primitive("boolean", toBoolean)
	typeString  = reference("String", toText)
	typeObject  = reference("Object", nil)

	javaTypes = typesByName(
		typeInt, typeLong, typeBoolean, typeString, typeObject,
		primitive("short", toInteger),
		primitive("byte", toInteger),
		primitive("double", toReal),
		primitive("float", toReal),
		primitive("char", toCharacter),
		reference("Integer", toInteger),
		reference("Long", toInteger),
		reference("Short", toInteger),
		reference("Byte", toInteger),
		reference("Double", toReal),
		reference("Float", toReal),
		reference("BigInteger", toInteger),
		reference("Boolean", toBoolean),
		reference("Character", toCharacter),
		reference("CharSequence", nil),
		reference("Comparable", nil),
		reference("Number", nil),
		reference("Collection", toList),
		reference("Iterable", nil),
		reference("List", toList),
		reference("Map", nil),
		reference("DayOfWeek", toEnum),
		reference("ChronoUnit", toEnum),
		reference("UUID", toUUID),
		reference("Locale", toLocale),
		reference("Charset", toCharset),
		reference("ZoneId", toZone),
		reference("TimeZone", toZone),
		reference("ZoneOffset", toZone),
		reference("Date", toDate),
		reference("Instant", nil),
		reference("LocalDate", nil),
		reference("LocalDateTime", nil),
		reference("Temporal", nil),
		reference("TemporalAccessor", nil),
		reference("TemporalAdjuster", nil),
		reference("TemporalUnit", nil),
		reference("ChronoLocalDate", nil),
		reference("ChronoLocalDateTime", nil),
		reference("ExecutionStatus", toEnum),
		reference("Enum", toAnyEnum),
	)
)

func typesByName(all ...*javaType) map[string]*javaType {
	m := make(map[string]*javaType, 2*len(all))
	for _, t := range all {
		m[t.name] = t
		m[t.name+"[]"] = &javaType{name: t.name + "[]", boxed: t.name + "[]", elem: t, convert: toArray}
	}
	return m
}

// typeNamed finds a type by its name in a method's signature.
func typeNamed(name string) *javaType {
	t, ok := javaTypes[name]
	if !ok {
		panic("spel: signature names the unknown type " + name)
	}
	return t
}

// supertypes lists, for a class, what else its objects are. Every object is
// also an Object.
var supertypes = map[string]string{
	"String":          "CharSequence Comparable",
	"ExecutionStatus": "CharSequence Enum Comparable",
	"Integer":         "Number Comparable",
	"Long":            "Number Comparable",
	"Double":          "Number Comparable",
	"Float":           "Number Comparable",
	"Short":           "Number Comparable",
	"Byte":            "Number Comparable",
	"BigInteger":      "Number Comparable",
	"Boolean":         "Comparable",
	"Character":       "Comparable",
	"List":            "Collection Iterable",
	"Set":             "Collection Iterable",
	"Collection":      "Iterable",
	"Date":            "Comparable",
	"UUID":            "Comparable",
	"Instant":         "Comparable Temporal TemporalAccessor TemporalAdjuster",
	"LocalDate":       "Comparable Temporal TemporalAccessor TemporalAdjuster ChronoLocalDate",
	"LocalDateTime":   "Comparable Temporal TemporalAccessor TemporalAdjuster ChronoLocalDateTime",
	"DayOfWeek":       "Enum Comparable TemporalAccessor TemporalAdjuster",
	"ChronoUnit":      "Enum Comparable TemporalUnit",
}

// interfaces are the types that have no place in a chain of superclasses.
const interfaces = " CharSequence Comparable Collection Iterable List Map Temporal TemporalAccessor TemporalAdjuster TemporalUnit ChronoLocalDate ChronoLocalDateTime "

func (t *javaType) isInterface() bool { return strings.Contains(interfaces, " "+t.name+" ") }

// accepts reports whether a value is of the type without conversion; exact
// means that the type is the value's own class.
func (t *javaType) accepts(v any) (ok, exact bool) {
	return t.acceptsClass(typeName(v))
}

func (t *javaType) acceptsClass(name string) (ok, exact bool) {
	switch {
	case t.name == name:
		return true, true
	case t == typeObject || t.primitive && t.boxed == name:
		return true, false
	case t.elem != nil:
		elem, isArray := strings.CutSuffix(name, "[]")
		if !isArray || isPrimitive(elem) || t.elem.primitive {
			return false, false
		}
		ok, _ = t.elem.acceptsClass(elem)
		return ok, false
	}
	for super := range strings.FieldsSeq(supertypes[name]) {
		if super == t.name {
			return true, false
		}
	}
	return false, false
}

// boxes are the classes of the primitive types' objects.
var boxes = map[string]string{
	"int": "Integer", "long": "Long", "short": "Short", "byte": "Byte",
	"double": "Double", "float": "Float", "char": "Character", "boolean": "Boolean",
}

func isPrimitive(name string) bool { return boxes[name] != "" }

// boxed is the class of a primitive type's objects, or the type itself.
func boxed(name string) string {
	if box, ok := boxes[name]; ok {
		return box
	}
	return name
}

// commonClass is the class that all of an array's elements have.
func commonClass(items []any) string {
	common := ""
	for _, item := range items {
		if item == nil {
			continue
		}
		switch name := typeName(item); {
		case common == "":
			common = name
		case common == name:
		case isNumber(item) && (common == "Number" || supertypes[common] == "Number Comparable"):
			common = "Number"
		default:
			return "Object"
		}
	}
	if common == "" {
		return "Object"
	}
	return common
}
