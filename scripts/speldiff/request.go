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

// request is one generated input.
type request struct {
	id        int
	kind      string // expression, template or document
	input     string
	strict    bool
	execution string
	stage     string
}

// root is what expressions and templates see.
const root = `{"a":{"b":1,"c":"x","d":[1,2,{"e":null}],"f":{"g":2.5}},"l":[1,2,3],"ls":["p","q","rr"],"s":"str","t":true,` +
	`"i":5,"d":2.5,"n":null,"big":3000000000,"e":"","em":{},"el":[],"mixed":[1,"a",null,true,2.5],` +
	`"o":[{"n":"x","v":1,"t":true},{"n":"y","v":2,"t":false},{"n":"z","v":3}],"num":"42","json":"{\"k\":[1,2]}","text":"Hello, World 1.2.3"}`

// asked is the request in the oracle's form.
func (r request) asked(executions map[string]json.RawMessage) map[string]any {
	m := map[string]any{"id": r.id, "allowUnknownKeys": !r.strict}
	switch r.kind {
	case "document":
		m["source"] = map[string]string{"v": r.input}
		m["execution"], m["stageId"] = executions[r.execution], r.stage
	default:
		m[r.kind], m["root"] = r.input, json.RawMessage(root)
	}
	return m
}

// asCase is the request with the oracle's answer in the form of the corpus.
func (r request) asCase(a answer) map[string]any {
	m := map[string]any{"id": fmt.Sprintf("found-%d", r.id), "kind": r.kind, "level": "extended", "expect": a.expect(r.kind)}
	if r.strict {
		m["allowUnknownKeys"] = false
	}
	switch r.kind {
	case "document":
		m["source"] = map[string]string{"v": r.input}
		m["execution"], m["stageId"] = r.execution, r.stage
	default:
		m[r.kind], m["root"] = r.input, json.RawMessage(root)
	}
	return m
}

func (r request) text() string { return r.kind + " " + r.input }

// explained recognises the known differences between the oracle's Spring 4.3
// and the Spring 6.2 that Spinnaker uses, and what this package leaves out on
// purpose.
func explained(r request, a answer, got string) bool {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(got, p) {
				return true
			}
		}
		return false
	}
	oracleThrew := func(codes ...string) bool { return slices.Contains(codes, a.Error) }
	oracleSaid := func(text string) bool { return strings.Contains(a.Error+fmt.Sprint(a.Summary), text) }
	switch {
	case oracleThrew("OutOfMemoryError", "StackOverflowError"):
	case has("UNSUPPORTED_CHARACTER") && oracleThrew("IllegalStateException"):
	case strings.Contains(r.input, ".[") && (oracleThrew("UNEXPECTED_DATA_AFTER_DOT") || oracleSaid("EL1049E")):
	case has("CANNOT_INDEX_INTO_NULL_VALUE", "INVALID_FIRST_OPERAND") && a.Error != "": // 6.2 looks at the left side first
	case has("the index is null"):
	case has("MAX_", "NEGATIVE_REPEATED", "EL107", "EL108", "ARRAY_INDEX_OUT_OF_BOUNDS"): // limits
	case has("MISSING_SELECTION") && oracleThrew("NOT_EXPECTED_TOKEN"):
	case has("MISSING_SELECTION", "OOD", "parse error") && oracleThrew("NullPointerException", "OOD"):
	case has("OOD") && oracleThrew("MORE_INPUT", "LEFT_OPERAND_PROBLEM", "RIGHT_OPERAND_PROBLEM", "RUN_OUT_OF_ARGUMENTS", "NOT_EXPECTED_TOKEN"): // an operand is missing
	case lastDigit(a, got): // Java and Go round transcendental functions, and JDK 17 writes reals, in their own way
	case a.Phase == "eval" && oracleThrew("NullPointerException"): // an operand is missing
	case strings.Contains(r.input, "'") && strings.Contains(r.input, `""`), strings.Contains(r.input, `"`) && strings.Contains(r.input, "''"):
	case r.kind != "expression" && isVarargs(r.input), isVarargs(r.input) && (oracleThrew("EXCEPTION_DURING_METHOD_INVOCATION", "MissingFormatArgumentException", "IllegalFormatConversionException") || has("join", "format")):
	case strings.Contains(r.input, "#doNotEval"), strings.Contains(string(a.Value), "Oracle$"), identity.Match(a.Value), identity.MatchString(a.Type): // shown as a Java object
	case r.kind == "document" && strings.Contains(r.input, "#toJson("): // of one of Orca's objects
	case arrayText.MatchString(r.input), strings.Contains(r.input, "hashCode()") && (r.kind == "document" || strings.Contains(r.input, "getDayOfWeek")):
	case r.kind == "document" && objectText.MatchString(r.input): // the text of one of Orca's objects
	case r.strict && oracleThrew("RESULT_OF_SELECTION_CRITERIA_IS_NOT_BOOLEAN") && has("EXCEPTION_DURING_PROPERTY_READ"): // Spring remembers how it read the element before
	case noOperand.MatchString(r.input) && (oracleThrew("NullPointerException") || oracleSaid("is null")):
	case functionName.MatchString(r.input): // a function's name without parentheses is an object
	case identity.MatchString(got): // arrays of lists and maps
	case strings.Contains(r.input, "#toJson(") && strings.Contains(r.input, "java.time"): // the oracle's mapper has no java.time
	case r.kind == "document" && isJavaObject(string(a.Value)): // shown as a name, here as data
	case strings.Contains(r.input, "#stage(${"): // Orca rewrites plain text
	case strings.Contains(got, "#root.execution") || strings.Contains(string(a.Value), "#root.execution"): // the rewriting shows in the value
	default:
		return false
	}
	return true
}

// real is a real number in a text.
var real = regexp.MustCompile(`-?\d+\.\d+(E-?\d+)?`)

// lastDigit reports whether two results differ in the last digits of real
// numbers only.
func lastDigit(a answer, got string) bool {
	want := string(a.Value)
	if json.Unmarshal(a.Text, &want) != nil {
		_ = json.Unmarshal(a.Value, &want) // stays as it is if it is no text
	}
	wanted, found := real.FindAllString(want, -1), real.FindAllString(got, len(real.FindAllString(want, -1)))
	if len(wanted) == 0 || len(wanted) != len(found) {
		return false
	}
	for i := range wanted {
		x, err1 := strconv.ParseFloat(wanted[i], 64)
		y, err2 := strconv.ParseFloat(found[i], 64)
		if err1 != nil || err2 != nil || math.Abs(x-y) > 1e-6*math.Abs(x) {
			return false
		}
	}
	return true
}

// identity is how Java shows arrays and objects without a text form.
var identity = regexp.MustCompile(`@[0-9a-f]{5,8}\b|(List|Map)\[\]`)

var (
	arrayText    = regexp.MustCompile(`(split|getBytes|toCharArray|new int|new String).*toString\(\)`)
	noOperand    = regexp.MustCompile(`(^|[ ?:(,{=])\??\.\s*[#a-z]|\(\)`)
	functionName = regexp.MustCompile(`#(to|from|read|alpha|doNot|fetch)\w*([^\w(]|$)`)
	objectText   = regexp.MustCompile(`\+ *\(*(#stage|#current|execution|scmInfo)`)
)

// isVarargs reports whether a method with a variable number of arguments is
// called, which Spring 6.2 passes an array in another way.
func isVarargs(input string) bool {
	return strings.Contains(input, "format") || strings.Contains(input, "join(")
}

// isJavaObject reports whether the oracle shows one of Orca's objects, which it
// does by a name.
func isJavaObject(value string) bool {
	for _, name := range []string{`"Execution `, `"Stage `, `"Trigger"`} {
		if strings.Contains(value, name) {
			return true
		}
	}
	return false
}
