package spel

import "slices"

// library is the set of classes that expressions can reach.
type library struct {
	byName map[string]*class // of values: by simple name
	byType map[string]*class // of T() and new: by qualified name, those of java.lang also by simple name
	object *class            // of everything else: it has only toString
}

// classOf is the class of a value.
func (l *library) classOf(v any) *class {
	if c, ok := l.byName[typeName(v)]; ok {
		return c
	}
	return l.object
}

// standardLibrary is what kork-expressions' allow-list leaves of Java, less
// what would change a value. It never changes.
var standardLibrary = newLibrary()

func newLibrary() *library {
	l := &library{byName: map[string]*class{}, byType: map[string]*class{}}
	l.object = newClass("Object", "", toStringMember)
	value := slices.Concat(toStringMember, identityMembers)

	l.open("java.lang", "String", stringMembers, stringStatics)
	l.open("java.lang", "Integer", value, numberMembers, comparable("Integer"), integral[int32]("Int", "int", 32), intMembers)
	l.open("java.lang", "Long", value, numberMembers, comparable("Long"), integral[int64]("Long", "long", 64))
	l.open("java.lang", "Double", value, numberMembers, comparable("Double"), realMembers, doubleStatics)
	l.open("java.lang", "Byte", value, numberMembers, comparable("Byte"), byteStatics)
	l.open("java.lang", "Boolean", value, comparable("Boolean"), booleanMembers)
	l.open("java.lang", "Math", mathMembers...)
	l.open("java.util", "Date", value, comparable("Date"), dateMembers)
	l.open("java.util", "UUID", value, comparable("UUID"), uuidMembers)
	l.open("java.util", "Random", toStringMember, randomMembers)
	l.open("java.text", "SimpleDateFormat", toStringMember, dateFormatMembers)
	l.open("java.time", "Instant", slices.Concat(instantMembers, [][]member{value, comparable("Instant")})...)
	l.open("java.time", "LocalDate", slices.Concat(localDateMembers, [][]member{value, comparable("ChronoLocalDate")})...)
	l.open("java.time", "LocalDateTime", slices.Concat(localDateTimeMembers, [][]member{value, comparable("ChronoLocalDateTime")})...)
	l.open("java.time", "DayOfWeek", value, comparable("Enum"), dayOfWeekMembers)
	l.open("java.time.temporal", "ChronoUnit", value, comparable("Enum"), chronoUnitMembers)
	l.open("java.time.temporal", "TemporalAdjusters")
	l.open("java.net", "URLEncoder", urlEncoderMembers)

	l.define("Float", value, numberMembers, comparable("Float"), realMembers, floatStatics)
	l.define("Short", value, numberMembers, comparable("Short"))
	l.define("BigInteger", value, numberMembers, comparable("BigInteger"), bigMembers)
	l.define("Character", value, comparable("Character"), characterMembers)
	l.define("List", value, collectionMembers, listMembers)
	l.define("Set", value, collectionMembers)
	l.define("Collection", toStringMember, collectionMembers)
	l.define("Map", value, mapMembers)
	l.define("Entry", value)
	l.define("ExecutionStatus", value, comparable("Enum"), statusMembers)
	return l
}

// define adds a class that only values have.
func (l *library) define(name string, members ...[]member) *class {
	c := newClass(name, "", members...)
	l.byName[name] = c
	return c
}

// open adds a class that T() and new can name.
func (l *library) open(pkg, name string, members ...[]member) {
	c := newClass(name, pkg+"."+name, members...)
	l.byName[name] = c
	l.byType[c.full] = c
	if pkg == "java.lang" {
		l.byType[name] = c
	}
}
