package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed library.txt
var libraryText string

// calls are the lines of library.txt.
var calls = func() [][]string {
	var all [][]string
	for line := range strings.Lines(libraryText) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "#" {
			all = append(all, fields)
		}
	}
	return all
}()

// call is a call of Java's library. Most arguments have the kind that the
// method wants.
func (g *generator) call() string {
	return g.nested("1", func() string {
		line := calls[g.IntN(len(calls))]
		args := make([]string, len(line)-2)
		for i, kind := range line[2:] {
			if args[i] = g.value(kind); g.chance(0.08) {
				args[i] = g.any()
			}
		}
		text := line[1] + "(" + strings.Join(args, ", ") + ")"
		switch receiver := line[0]; {
		case receiver == "new":
			return "new " + text
		case strings.HasPrefix(receiver, "T("):
			return receiver + "." + text
		default:
			return g.value(receiver) + "." + text
		}
	})
}

// value is an expression of a kind that library.txt names.
func (g *generator) value(kind string) string {
	if g.chance(0.03) {
		return "null"
	}
	switch kind {
	case "any":
		return g.any()
	case "string":
		if g.chance(0.3) {
			return g.string()
		}
		return g.literal()
	case "bool":
		return g.pick("true", "false", "t", "'yes'")
	case "list":
		return g.list()
	case "map":
		return g.map_()
	case "number":
		return g.value(g.pick("int", "int", "long", "double", "double", "float", "byte", "big"))
	case "pattern":
		return "'" + g.pattern(0) + "'"
	case "layout":
		return "'" + g.layout() + "'"
	case "datepattern":
		return "'" + g.datePattern() + "'"
	case "dateformat":
		return "new java.text.SimpleDateFormat('" + g.datePattern() + "')"
	case "int":
		return g.pick("0", "1", "2", "3", "5", "7", "10", "12", "16", "31", "59", "99", "1000", "2024", "i", "(-1)", "(-3)", "2147483647", "(-2147483647 - 1)", "65", "0x3b1", strconv.Itoa(g.IntN(1<<g.IntN(31))))
	case "long":
		return g.pick("0L", "1L", "(-1L)", "86400000L", "1709208000000L", "3000000000L", "9223372036854775807L", "(-9223372036854775807L)", "big", "5", g.big()+"L")
	case "double":
		return g.pick("0.0", "1.5", "(-2.5)", "0.1", "1e3", "1.0E10", "1e-7", "1e300", "123456789.125", "d", "(0.0/0)", "(1.0/0)", "(-1.0/0)", "(0.0 * -1)", g.decimal())
	case "float":
		return g.pick("1.5f", "0.1f", "(-2.5f)", "1e10f", "#toFloat('3.25')", "T(Double).valueOf('"+g.decimal()+"').floatValue()")
	case "radix":
		return g.pick("2", "8", "10", "16", "36", "1", "37")
	case "numeral":
		return "'" + g.pick("0", "42", "-7", "+5", "007", "0x1F", "#ff", "-0X10", "ff", "z", "2147483648", "9223372036854775808", "1.5", "1e3", "NaN", "-Infinity", " 12 ", "1f", ".5", "5.", "0x1p3", "", "١٢", "1_000", g.big(), g.decimal()) + "'"
	case "unitname":
		return g.pick("'DAYS'", "'HOURS'", "'Nope'", "'days'", "'ERAS'")
	default:
		return g.pick(values[kind]...)
	}
}

// values are the expressions of the kinds that need no more than a choice.
var values = map[string][]string{
	"char":        {"'x'.charAt(0)", "'7'.charAt(0)", "'ab'.charAt(1)", "'É'.charAt(0)", "'q'"},
	"byte":        {"i.byteValue()", "(300).byteValue()", "'a'.getBytes()[0]", "(-1).byteValue()"},
	"short":       {"i.shortValue()", "(70000).shortValue()"},
	"big":         {"huge", "(-huge)", "(huge * huge)", "huge / 7"},
	"set":         {"a.keySet()", "em.keySet()", "{b: 1, c: 2}.keySet()", "m2.keySet()"},
	"array":       {"'a,b'.split(',')", "'abc'.toCharArray()", "'aé'.getBytes()", "new int[]{3,1,2}", "new String[]{'x','y'}", "new int[2]", "new double[]{1,2.5}", "new int[2][2]", "new String[]{}"},
	"entry":       {"a.entrySet()[0]", "{x: 1}.entrySet()[0]"},
	"date":        {"new java.util.Date(0)", "new java.util.Date(1709208000000L)", "new java.util.Date(124, 1, 29)", "new java.util.Date(-1L)"},
	"datetext":    {"'2024-02-29'", "'2024-02-29T10:15:30'", "'2024-02-30'", "'Thu Jan 01 00:00:00 UTC 1970'", "'29 Feb 2024 10:00:00 GMT'", "'x'", "day", "'2024-1-9 5:07'"},
	"instant":     {"T(java.time.Instant).ofEpochMilli(0)", "T(java.time.Instant).parse('2024-02-29T10:15:30.125Z')", "T(java.time.Instant).ofEpochSecond(-1L)", "new java.util.Date(1709208000000L).toInstant()"},
	"instanttext": {"'2024-02-29T10:15:30Z'", "'2024-02-29T10:15:30.5Z'", "'2024-02-29'", "'1969-12-31T23:59:59.999999999Z'"},
	"localDate":   {"T(java.time.LocalDate).of(2024, 2, 29)", "T(java.time.LocalDate).parse('2023-12-31')", "T(java.time.LocalDate).ofEpochDay(0)", "T(java.time.LocalDate).of(-1, 1, 1)"},
	"localDateTime": {"T(java.time.LocalDateTime).of(2024, 2, 29, 23, 59, 59)", "T(java.time.LocalDateTime).parse('2023-01-31T00:00')",
		"T(java.time.LocalDateTime).parse('1969-12-31T23:59:59.999999999')", "T(java.time.LocalDateTime).of(10000, 1, 1, 0, 0)"},
	"day":         {"T(java.time.DayOfWeek).of(1)", "T(java.time.DayOfWeek).valueOf('SUNDAY')", "T(java.time.LocalDate).of(2024, 2, 29).dayOfWeek"},
	"unit":        {"T(java.time.temporal.ChronoUnit).valueOf('DAYS')", "'HOURS'", "'MONTHS'", "'SECONDS'", "'WEEKS'", "'MILLIS'", "'YEARS'", "'HALF_DAYS'", "'FOREVER'", "'DECADES'", "T(java.time.temporal.ChronoUnit).valueOf('MINUTES')"},
	"dayname":     {"'MONDAY'", "'SUNDAY'", "'monday'", "''"},
	"zone":        {"'UTC'", "'Europe/Berlin'", "'America/New_York'", "'+02:00'", "'Nope'", "'Z'"},
	"offset":      {"'Z'", "'+02:00'", "'-05:30'", "'+1'", "'UTC'"},
	"locale":      {"'en'", "'en_US'", "''"},
	"charset":     {"'UTF-8'", "'ISO-8859-1'", "'US-ASCII'", "'nope'", "'UTF-16'", "'utf8'"},
	"uuid":        {"T(java.util.UUID).fromString('123e4567-e89b-12d3-a456-426614174000')", "T(java.util.UUID).fromString('1-2-3-4-5')", "new java.util.UUID(-1L, 7L)", "T(java.util.UUID).nameUUIDFromBytes('x'.getBytes())"},
	"uuidtext":    {"'123e4567-e89b-12d3-a456-426614174000'", "'1-1-1-1-1'", "'x'", "'FFFFFFFF-ffff-ffff-ffff-ffffffffffff'", "'1-2-3-4'"},
	"random":      {"new java.util.Random(42L)", "new java.util.Random(0)", "new java.util.Random(-7)"},
	"replacement": {"'-'", "'[$0]'", "'$1'", "'\\$'", "'${n}'", "'$9'", "'a\\\\b'", "'$'", "''", "'$10x'"},
}

// big is a whole number of up to 20 digits, mostly within a long.
func (g *generator) big() string { return strconv.FormatUint(g.Uint64()>>g.IntN(64), 10) }

// decimal is a real number of any size.
func (g *generator) decimal() string {
	text := fmt.Sprintf("%d.%d", g.IntN(1<<g.IntN(20)), g.IntN(1<<g.IntN(30)))
	if g.chance(0.5) {
		text += fmt.Sprintf("e%d", g.IntN(40)-20)
	}
	return text
}

// pattern is a regular expression over a few letters.
func (g *generator) pattern(depth int) string {
	if depth > 3 {
		return g.pick("a", "b", ".")
	}
	atom := g.pick("a", "b", "x", "ab", ".", "\\d", "\\w", "\\s", "\\D", "[a-c]", "[^a]", "[a-z&&[^b]]", "\\b", "^", "$", "\\.", "1", "\\p{Lu}", "\\p{Punct}", "(?i)A", "\\Qa.b\\E", "é", "\\h", "[\\w-]", "-", "\\R", ",")
	switch g.IntN(9) {
	case 0:
		atom = "(" + g.pattern(depth+1) + ")"
	case 1:
		atom = "(?:" + g.pattern(depth+1) + ")"
	case 2:
		atom = g.pick("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?<n>") + g.pattern(depth+1) + ")"
	case 3:
		atom = "(" + g.pattern(depth+1) + ")\\1"
	}
	if g.chance(0.45) {
		atom += g.pick("*", "+", "?", "{2}", "{1,2}", "{0,}") + g.pick("", "", "", "?", "+")
	}
	switch g.IntN(5) {
	case 0:
		return atom + "|" + g.pattern(depth+1)
	case 1, 2:
		return atom + g.pattern(depth+1)
	}
	return atom
}

// layout is a text for String.format.
func (g *generator) layout() string {
	var b strings.Builder
	for range 1 + g.IntN(2) {
		b.WriteString(g.pick("", "", "x ", "|"))
		b.WriteString("%" + g.pick("", "", "", "1$", "2$", "<") + g.pick("", "", "", "-", "0", "+", ",", "(", " ", "#", "+0", "-,") +
			g.pick("", "", "5", "12", "1") + g.pick("", "", "", ".0", ".1", ".3", ".10") +
			g.pick("s", "s", "d", "d", "f", "f", "x", "X", "o", "e", "E", "g", "b", "B", "c", "C", "h", "S", "%", "n", "a", "z", "tY", "tF", "tB", "tH"))
	}
	return b.String()
}

// datePattern is a pattern of SimpleDateFormat; its quotes are doubled as they
// stand inside a string.
func (g *generator) datePattern() string {
	var b strings.Builder
	for range 1 + g.IntN(6) {
		b.WriteString(strings.Repeat(g.pick("y", "M", "d", "H", "h", "m", "s", "S", "E", "a", "D", "F", "w", "W", "k", "K", "Z", "X", "z", "u", "G", "L", "Y", "Q"), 1+g.IntN(5)))
		b.WriteString(g.pick("-", "/", " ", ":", "", ".", "''T''", "''''", "''o''''clock''"))
	}
	return b.String()
}
