package main

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// difference is a case where package spel and the oracle do not agree.
type difference struct {
	request
	answer
	got string // what package spel gave, as the conformance check says it
}

// gave reports whether package spel's answer holds one of the texts.
func (d difference) gave(parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(d.got, p) })
}

// threw reports whether the oracle answered with one of the errors, by name or,
// in a summary, by number.
func (d difference) threw(codes ...string) bool {
	return slices.ContainsFunc(codes, func(c string) bool {
		return d.Error == c || strings.HasPrefix(c, "EL") && strings.Contains(fmt.Sprint(d.Summary), c)
	})
}

// failed reports whether the oracle answered with any error.
func (d difference) failed() bool { return d.Error != "" || len(d.Summary) > 0 }

func (d difference) has(parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(d.input, p) })
}

// explanation is a known difference between the oracle's Spring 4.3 and the
// Spring 6.2 that Spinnaker uses, or between Java and this package.
type explanation struct {
	reason string
	covers func(d difference) bool
}

// explanations are tried in this order; each asks for the traces of its reason
// in the input and in both answers.
var explanations = []explanation{
	{"4.3: characters outside ASCII and those of no token", func(d difference) bool {
		return (d.threw("IllegalStateException") || strings.Contains(fmt.Sprint(d.Summary), "Cannot handle (")) && (d.gave("UNSUPPORTED_CHARACTER") || foreign.MatchString(d.input))
	}},
	{"4.3: no index behind a dot (a.[0], a?.[0])", func(d difference) bool {
		return dottedIndex.MatchString(d.input) && d.threw("UNEXPECTED_DATA_AFTER_DOT", "EL1049E")
	}},
	{"4.3: evaluates the index of null, and the right side of null matches", func(d difference) bool {
		return d.failed() && d.gave("CANNOT_INDEX_INTO_NULL_VALUE", "EL1012E", "INVALID_FIRST_OPERAND", "EL1037E")
	}},
	{"4.3: an index may be null", func(d difference) bool { return d.gave("the index is null") }},
	{"4.3: an array's index beyond its end is a plain exception", func(d difference) bool {
		return d.threw("ArrayIndexOutOfBoundsException") && d.gave("ARRAY_INDEX_OUT_OF_BOUNDS", "EL1024E")
	}},
	{"4.3: no limits of repetition, concatenation, patterns, arrays, operations", func(d difference) bool {
		return d.gave("MAX_", "NEGATIVE_REPEATED", "EL1075E", "EL1076E", "EL1077E", "EL1078E", "EL1081E", "EL1085E")
	}},
	{"limits of this package: nesting and size of values", func(d difference) bool {
		return d.gave("NESTING_TOO_DEEP", "RESULT_TOO_LARGE", "would be longer than") || d.threw("OutOfMemoryError", "StackOverflowError")
	}},
	{"4.3: a missing operand is a null pointer, or noticed later", func(d difference) bool {
		if d.Phase == "parse" && d.threw("NullPointerException") {
			return true
		}
		if strings.Contains(fmt.Sprint(d.Summary), "SpelNodeImpl") || d.threw("NullPointerException") && d.gave("OOD") {
			return true
		}
		if d.gave("OOD", "EL1044E") && noOperand.MatchString(d.input) { // which 6.2 notices at once
			return true
		}
		return d.gave("MISSING_SELECTION", "OOD", "EL1044E", "EL1071E") && d.threw("OOD", "EL1044E", "MORE_INPUT", "UNEXPECTED_DATA_AFTER_DOT",
			"LEFT_OPERAND_PROBLEM", "RIGHT_OPERAND_PROBLEM", "RUN_OUT_OF_ARGUMENTS", "NOT_EXPECTED_TOKEN")
	}},
	{"4.3: the other quote is reduced too", func(d difference) bool {
		return d.has("'") && d.has(`""`, `\"\"`) || d.has(`"`) && d.has("''")
	}},
	{"4.3: an array is one argument of a variable number", func(d difference) bool {
		return d.has("format(", "join(", "formatted(") && d.threw("EXCEPTION_DURING_METHOD_INVOCATION", "EL1029E", "MissingFormatArgumentException", "IllegalFormatConversionException")
	}},
	{"4.3: splits the only text of a variable number of arguments at its commas", func(d difference) bool {
		return d.has("format(", "join(", "formatted(", "deployedServerGroups(") && splitText.MatchString(d.input)
	}},
	{"4.3: orders a text and a status neither way", func(d difference) bool {
		return strings.Contains(fmt.Sprint(d.Summary), "ExecutionStatus cannot be cast to class java.lang.String") ||
			strings.Contains(fmt.Sprint(d.Summary), "java.lang.String cannot be cast to class SpelOracleOrcaExecutionStatus")
	}},
	{"4.3: no hyphen in a locale", func(d difference) bool {
		return d.has("toUpperCase(", "toLowerCase(") && d.threw("EXCEPTION_DURING_METHOD_INVOCATION", "EL1029E") && d.gave("String")
	}},
	{"Java: overloads that are ambiguous after conversion are an error", func(d difference) bool {
		return d.threw("PROBLEM_LOCATING_METHOD", "EL1031E")
	}},
	{"here: look-behinds over repeated choices, which Java refuses", func(d difference) bool {
		return d.has("(?<=", "(?<!") && d.threw("PatternSyntaxException", "INVALID_PATTERN", "EL1018E")
	}},
	{"Java: an overflow of its count lets some look-behinds without a bound pass", func(d difference) bool {
		return d.has("(?<=", "(?<!") && d.gave("a look-behind needs an upper bound")
	}},
	{"here: String has no constructors with a high byte", func(d difference) bool {
		return d.has("new String(") && (d.threw("CONSTRUCTOR_INVOCATION_PROBLEM", "EL1003E") || d.gave("unknown character set"))
	}},
	{"here: only the best known of Java's other types are told from those that do not exist", func(d difference) bool {
		return d.threw("EXCEPTION_DURING_PROPERTY_READ", "EL1021E") && d.gave("TYPE_NOT_FOUND", "EL1005E")
	}},
	{"here: no java.time.Month", func(d difference) bool {
		return d.has("LocalDate).of(", "LocalDateTime).of(") && d.gave("METHOD_NOT_FOUND")
	}},
	{"Java: the class of an array of lists or maps is an implementation's", func(d difference) bool {
		return implementation.MatchString(d.Type + d.Types["v"])
	}},
	{"here: nothing changes a value", func(d difference) bool {
		return d.has(mutators...) && d.gave("METHOD_NOT_FOUND", "EL1004E") || d.gave("Map has no method replace(")
	}},
	{"here: java.util.Date has the Gregorian calendar before 1582 too", func(d difference) bool {
		return d.has("util.Date", "SimpleDateFormat") && (farPast.MatchString(d.input) || d.gave(" UTC -"))
	}},
	{"here: half of a surrogate pair is U+FFFD", func(d difference) bool { return strings.Contains(fmt.Sprint(plain(d.Value)), "\ufffd") }},
	{"the oracle: #doNotEval's mark has no text and no type of its own", func(d difference) bool { return d.has("#doNotEval") }},
	{"Java: the text or hash of an object without one of its own is its identity", func(d difference) bool {
		return identity.Match(d.Value) || identity.MatchString(d.Type) || identity.MatchString(d.TextError) || identityHash.MatchString(d.input)
	}},
	{"the oracle: its JSON mapper knows neither Orca's objects nor java.time", func(d difference) bool {
		return d.has("#toJson(") && (d.kind == "document" || d.has("java.time", "toInstant"))
	}},
	{"the oracle: its execution lacks context and other rare getters", func(d difference) bool {
		return d.kind == "document" && lacking.MatchString(fmt.Sprint(d.Summary))
	}},
	{"Java: a function's name without parentheses is an object", func(d difference) bool {
		return functionName.MatchString(d.input)
	}},
	{"4.3: remembers how it read the element before", func(d difference) bool {
		return d.strict && d.has("[") && d.gave("EXCEPTION_DURING_PROPERTY_READ", "EL1021E")
	}},
	{"Java: a hash or length of JDK 17's text of a real", func(d difference) bool {
		return realHash.MatchString(d.input) && d.Type == "Integer" && d.gave("Integer")
	}},
	{"the oracle: which of the codes refuses =, ++ and --", func(d difference) bool {
		if d.threw("SETVALUE_NOT_SUPPORTED") && d.gave("NOT_ASSIGNABLE") {
			return true
		}
		return d.has("++", "--") && d.threw("NOT_ASSIGNABLE", "EL1068E") && d.gave("OPERAND_NOT_", "EL1066E", "EL1067E")
	}},
	{"here: an empty array of a rare class converts to anything", func(d difference) bool {
		return rareArray.MatchString(d.input) && d.threw("METHOD_NOT_FOUND", "EL1004E")
	}},
	{"Orca: deployedServerGroups is rewritten inside texts, too", func(d difference) bool {
		return d.kind == "document" && rewritten.MatchString(d.input)
	}},
	{"here: dates are not read from the number of a week", func(d difference) bool {
		return weekDate.MatchString(d.input) && !d.failed()
	}},
	{"Orca: no argument is inserted where there is a space inside #name(", func(d difference) bool {
		return d.kind == "document" && spacedCall.MatchString(d.input) && d.threw("EL1014E")
	}},
	{"Orca: the inserted argument shows in plain text and in the summary", func(d difference) bool {
		return d.gave("#root.execution") || strings.Contains(string(d.Value), "#root.execution")
	}},
	{"Java: the last digit of transcendental functions, and JDK 17's of reals", lastDigit},
	{"Java: a hash or length of the last digits of a transcendental function", func(d difference) bool {
		return transcendental.MatchString(d.input) && d.Type == "Integer" && d.gave("Integer")
	}},
}

// explain names the known reason for a difference, "" if there is none.
func explain(d difference) string {
	for _, e := range explanations {
		if e.covers(d) {
			return e.reason
		}
	}
	return ""
}

var (
	// identity is how Java shows arrays and objects without a text form.
	identity     = regexp.MustCompile(`@[0-9a-f]{5,8}\b|Oracle\$|SpelOracleOrca[A-Z][a-z]+[0-9a-f]{5,8}`)
	identityHash = regexp.MustCompile(`(split|getBytes|toCharArray|new \w+\[|values\(\)).*(toString|hashCode)\(\)|valueOf\(.*(split|new |getBytes|toCharArray)|(?i)(DayOfWeek|ChronoUnit|status).*hashCode\(\)|Random\(|\+ *#?\w*[sS]tage\w*\(|\+ *(execution\b|#root)|#root.*hashCode\(|toBase64\(.*(#root|#this|execution)|\b(execution|stages|#\s*\w*[sS]tage\w*\().*(toString\(\)|hashCode)`)
	rewritten    = regexp.MustCompile(`["'][^"']*deployedServerGroups[^"'(]*["'\\]`)
	weekDate     = regexp.MustCompile(`SimpleDateFormat\('[^']*[wWFY][^']*'\)\.parse`)
	splitText    = regexp.MustCompile(`csv|toLocaleString|'[^']*,[^']*'|\(("|\\"|'){2}\)`)
	digits       = regexp.MustCompile(`\d+`)
	// computed are texts with Floats and transcendental functions that stand beside other texts.
	computed = regexp.MustCompile(`\}.*(#toFloat|\)\.(sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|exp|expm1|log|log10|log1p|pow|cbrt|hypot)\()`)
	// realHash is the hash or length of a real's text.
	realHash       = regexp.MustCompile(`(floatValue|toFloat|doubleValue|Double|Float).*\.(hashCode|length)\(`)
	rareArray      = regexp.MustCompile(`new [\w.]*[A-Z]\w*\[`)
	spacedCall     = regexp.MustCompile(`#\s+\w+\s*\(|#\w+\s+\(`)
	noOperand      = regexp.MustCompile(`\(\s*\)`)
	functionName   = regexp.MustCompile(`#(to|from|read|alpha|doNot|fetch|stage|current|judg|deployed|manifest|trigger|resolved|pipeline|cf)\w*([^\w(]|$)`)
	dottedIndex    = regexp.MustCompile(`\.\s*\[`)
	foreign        = regexp.MustCompile(`[^\x00-\x7f]`)
	implementation = regexp.MustCompile(`^\w+(List|Map)\[\]`)
	farPast        = regexp.MustCompile(`\d{14}|Date *\( *\d{6,},|2147483647|Long|yyyy.*parse`)
	lacking        = regexp.MustCompile(`on (class|type) SpelOracleOrca(Execution|Stage|Trigger)\b`)
	// single are the ways to a Float.
	single         = regexp.MustCompile(`(?i)\df\b|float`)
	transcendental = regexp.MustCompile(`\)\.(sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|exp|expm1|log|log10|log1p|pow|cbrt|hypot)\(.*\.(hashCode|length)\b`)
	// real is a real number in a text.
	real = regexp.MustCompile(`-?\d+\.\d+(E-?\d+)?`)
)

// mutators are the calls that change a list, a map or a date in Java, or take a function that could.
var mutators = []string{".add(", ".addAll(", ".remove(", ".removeAll(", ".retainAll(", ".clear(", ".put(", ".putAll(", ".setTime(", ".setSeed(", ".forEach(", ".removeIf("}

// plain is decoded JSON.
func plain(text json.RawMessage) any {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return nil
	}
	return v
}

// lastDigit reports whether two results are the same but for the last digits
// of real numbers.
func lastDigit(d difference) bool {
	want := string(d.Value)
	if text, ok := plain(d.Value).(string); ok {
		want = strings.Trim(strconv.Quote(text), `"`)
	}
	wanted, found := real.FindAllString(want, -1), real.FindAllString(d.got, -1)
	if computed.MatchString(d.input) && digits.ReplaceAllString(want, "") != "" && strings.Contains(digits.ReplaceAllString(d.got, ""), digits.ReplaceAllString(want, "")) {
		return true // digits stand behind those of the real
	}
	if len(wanted) == 0 || len(wanted) > len(found) || !strings.Contains(real.ReplaceAllString(d.got, "R"), real.ReplaceAllString(want, "R")) {
		return false
	}
	tolerance := 1e-14
	if single.MatchString(d.input) {
		tolerance = 1e-6
	}
	for i := range wanted {
		x, err1 := strconv.ParseFloat(wanted[i], 64)
		y, err2 := strconv.ParseFloat(found[i], 64)
		if err1 != nil || err2 != nil || math.Abs(x-y) > tolerance*math.Abs(x) {
			return false
		}
	}
	return true
}
