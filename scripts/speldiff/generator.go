package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// generator makes inputs: from a grammar, with a taste for what pipelines use,
// for values of the wrong type and for broken text; from Java's library; and by
// changing cases of the corpus.
type generator struct {
	*rand.Rand
	seeds      []seed
	executions map[string]json.RawMessage

	document bool // names of an execution are in scope
	depth    int
}

// root is what expressions and templates see.
const root = `{"a":{"b":1,"c":"x","d":[1,2,{"e":null}],"f":{"g":2.5}},"l":[1,2,3],"ls":["p","q","rr"],"s":"str","t":true,` +
	`"i":5,"d":2.5,"n":null,"big":3000000000,"e":"","em":{},"el":[],"mixed":[1,"a",null,true,2.5],` +
	`"o":[{"n":"x","v":1,"t":true},{"n":"y","v":2,"t":false},{"n":"z","v":3}],"num":"42","json":"{\"k\":[1,2]}","text":"Hello, World 1.2.3",` +
	`"huge":12345678901234567890123,"z":0.0,"tiny":1.0E-5,"max":2147483647,"uni":"Straße 日本","csv":"a,b,,c,","day":"2024-02-29",` +
	`"lines":"a\nb\r\n c\n","nested":[[1,2],[3,[4]],[]],"dup":[1,1.0,"1",true,1],"yes":"Yes","padded":"  pad ",` +
	`"m2":{"with-dash":1,"with.dot":2,"size":9,"":0,"null":null,"empty":true}}`

func (g *generator) request(id int) request {
	for {
		g.document, g.depth = false, 0
		if r := g.one(id); !unsteady.MatchString(r.input) && json.Valid([]byte(r.root)) {
			return r
		}
	}
}

// unsteady are inputs whose value is another one each time.
var unsteady = regexp.MustCompile(`now|random|Random *\(\s*\)|Date *\(\s*\)`)

func (g *generator) one(id int) request {
	r := request{id: id, kind: "expression", root: root, strict: g.chance(0.15)}
	switch p := g.Float64(); {
	case p < 0.2:
		return g.varied(id)
	case p < 0.35:
		r.kind, g.document = "document", true
		names := slices.Sorted(maps.Keys(g.executions))
		if r.execution = g.pick(names...); g.chance(0.6) {
			r.execution = g.pick("execution-01", "execution-23")
		}
		r.stage = g.pick(stageIDs(g.executions[r.execution])...)
		if r.input = `{"v":` + quote(g.template()) + "}"; g.chance(0.3) {
			r.input = g.source(0)
		}
		if g.chance(0.1) {
			r.context = root
		}
	case p < 0.5:
		r.kind = "template"
		r.input = g.template()
	case p < 0.7:
		if r.input = g.call(); g.chance(0.2) {
			r.input += g.step()
		}
	default:
		r.input = g.mutated(g.any())
	}
	return r
}

// source is a document of several fields, some of them nested.
func (g *generator) source(depth int) string {
	var fields []string
	for i := range 1 + g.IntN(3) {
		key := fmt.Sprintf("f%d", i)
		if g.chance(0.1) {
			key += g.template()
		}
		fields = append(fields, quote(key)+":"+g.field(depth))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func (g *generator) field(depth int) string {
	switch n := g.IntN(9); {
	case n == 0 && depth < 3:
		return g.source(depth + 1)
	case n == 1 && depth < 3:
		return "[" + g.field(depth+1) + "," + g.field(depth+1) + "]"
	case n == 2:
		return g.pick("1", "2.5", "null", "true", `"text"`, `"{}"`, `"$"`, "[]", "{}")
	default:
		return quote(g.template())
	}
}

func stageIDs(execution json.RawMessage) []string {
	var e struct {
		Stages []struct {
			ID string `json:"id"`
		} `json:"stages"`
	}
	if err := json.Unmarshal(execution, &e); err != nil || len(e.Stages) == 0 {
		return []string{"none"}
	}
	ids := make([]string, len(e.Stages))
	for i, s := range e.Stages {
		ids[i] = s.ID
	}
	return ids
}

func (g *generator) pick(choices ...string) string { return choices[g.IntN(len(choices))] }

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func (g *generator) template() string {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		if g.chance(0.3) {
			b.WriteString(g.pick("x", "-", " ", "$", "{", "}", "a: ", "$$", "'", "\\", "é", "\n"))
		}
		b.WriteString("${")
		b.WriteString(g.pick("", "", "", " ") + g.mutated(g.any()))
		b.WriteString("}")
		if g.chance(0.5) {
			break
		}
	}
	return b.String()
}

// mutated breaks a text now and then.
func (g *generator) mutated(s string) string {
	if !g.chance(0.06) || s == "" {
		return s
	}
	i := g.IntN(len(s))
	switch g.IntN(3) {
	case 0:
		return s[:i] + s[i+1:]
	case 1:
		return s[:i] + g.pick("(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "#", "!", "+", "-", "=", " ", "&", "|", "'", "~", "@", "1", "T", "%") + s[i:]
	default:
		j := i + g.IntN(len(s)-i)
		return s[:i] + s[j:]
	}
}

// nested bounds the depth; leaf is what stands at the bottom.
func (g *generator) nested(leaf string, inner func() string) string {
	if g.depth > 4 {
		return leaf
	}
	g.depth++
	defer func() { g.depth-- }()
	return inner()
}

func (g *generator) any() string {
	return g.nested("1", func() string {
		switch g.IntN(16) {
		case 14:
			return g.call()
		case 15:
			return g.scoped()
		case 0, 1:
			return g.number()
		case 2, 3, 4:
			return g.string()
		case 5, 6:
			return g.bool()
		case 7:
			return g.list()
		case 8:
			return g.map_()
		case 9:
			return g.path()
		case 10:
			return g.any() + g.step()
		case 11:
			return g.bool() + " ? " + g.any() + " : " + g.any()
		case 12:
			return g.any() + " ?: " + g.any()
		default:
			return g.operator()
		}
	})
}

// scoped shows what names mean inside selections, indexes and arguments.
func (g *generator) scoped() string {
	name := func() string { return g.pick("n", "v", "t", "#this", "#root", "i", "s", "#root.i", "a", "missing") }
	list := g.pick("o", "l", "mixed", "nested", "a.d", g.list())
	switch g.IntN(6) {
	case 0:
		return list + ".![" + name() + " + " + name() + "]"
	case 1:
		return list + ".?[" + name() + g.pick(" == ", " > ", " != ", " <= ") + name() + "]"
	case 2:
		return list + ".![l[" + name() + "]]"
	case 3:
		return list + ".![{" + name() + ", k: " + name() + "}]"
	case 4:
		return list + ".![#root.o.?[n == #this.n].![" + name() + "]]"
	default:
		return list + ".![" + name() + ".toString().concat(" + name() + ")]"
	}
}

func (g *generator) operator() string {
	op := g.pick("+", "+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "eq", "lt", "div", "mod", "&&", "||", "instanceof", "matches", "between")
	return g.parenthesised(g.any()) + " " + op + " " + g.parenthesised(g.any())
}

func (g *generator) parenthesised(s string) string {
	if g.chance(0.5) {
		return "(" + s + ")"
	}
	return s
}

func (g *generator) path() string {
	if g.document && g.chance(0.7) {
		return g.pick("trigger", "trigger.parameters", "trigger['properties']", "parameters", "execution", "execution.trigger", "execution.stages",
			"execution.stages[0]", "#stage('Bake')", "#stage('Deploy')", "#stage('Nope')", "#currentStage()", "#stageByRefId('1')", "scmInfo",
			"execution.trigger.buildInfo", "trigger.resolvedExpectedArtifacts", "#stage('Bake').outputs", "#stage('Now').context", "templateVariables",
			"execution.trigger.artifacts", "trigger.buildInfo", "#deployedServerGroups()", "deployedServerGroups", "#resolvedArtifacts()", "execution.status", "execution.status.values()",
			"execution.authentication", "#judgment('Approve')", "#triggerResolvedArtifact('chart')", "region", "waitTime", "#currentUser()",
			"#manifestLabelValue('Deploy','ReplicaSet','app')", "#stageExists('Bake')", "#cfServiceKey('k1')")
	}
	return g.pick("a", "a.b", "a.c", "a.d", "l", "ls", "s", "t", "i", "d", "n", "big", "e", "em", "el", "mixed", "o", "o[0]", "num", "json", "text",
		"huge", "z", "tiny", "max", "uni", "csv", "day", "lines", "nested", "dup", "m2", "yes", "padded", "m2['with-dash']", "nested[1][1]", "m2.size",
		"missing", "#root", "#this", "#nope", "a['c']", "a[b]", "a.d[2].e", "l[0]", "ls[1]", "o[1].n", "['s']", "[s]", "n?.x", "a?.b", "a.f.g", "#root.a")
}

var names = []string{"a", "b", "c", "n", "v", "t", "size", "length", "empty", "key", "value", "name", "id", "status", "type", "outputs", "context",
	"branch", "number", "result", "url", "x", "and", "null", "true", "eq", "class", "bytes", "refId", "stages", "user", "other", "metadata", "reference",
	"hasFailed", "complete", "artifacts", "boundArtifact", "parameters"}

func (g *generator) step() string {
	return g.nested(".x", func() string {
		dot := g.pick(".", ".", ".", "?.")
		switch g.IntN(10) {
		case 0, 1:
			return dot + g.pick(names...)
		case 2:
			return "['" + g.pick(names...) + "']"
		case 3:
			return "[" + g.pick("0", "1", "2", "-1", "9", "i", "'1'", "1.5", g.any()) + "]"
		case 4:
			return dot + g.pick("?", "^", "$") + "[" + g.criterion() + "]"
		case 5:
			return dot + "![" + g.pick("#this", "n", "v", "#this + 1", "#this.toString()", g.any()) + "]"
		default:
			return dot + g.method()
		}
	})
}

func (g *generator) criterion() string {
	return g.pick("true", "false", "#this > 1", "v > 1", "n == 'x'", "#this != null", "t", "#this matches '[a-q]'", "#this == 'p'", g.bool())
}

func (g *generator) number() string {
	return g.nested("7", func() string {
		switch g.IntN(9) {
		case 0, 1, 2:
			return g.pick("0", "1", "2", "3", "5", "10", "42", "100", "-1", "2147483647", "3L", "9223372036854775807L", "0x1F", "1.5", "2.0", "0.1", "1e3", "2.5f", "1.0E10", "007", "1d")
		case 3:
			return g.parenthesised(g.number() + g.pick(" + ", " - ", " * ", " / ", " % ", "^", "-", "*") + g.number())
		case 4:
			return "-" + g.number()
		case 5:
			return g.string() + g.pick(".length()", ".indexOf('a')", ".compareTo('b')", ".hashCode()", ".lastIndexOf('o')")
		case 6:
			return "#toInt(" + g.pick("'5'", "num", "5", g.any()) + ")"
		case 7:
			return g.pick("i", "d", "big", "a.b", "l.size()", "l[0]", "mixed.size()", "#toFloat('1.25')", "l.indexOf(2)")
		default:
			return g.static()
		}
	})
}

func (g *generator) static() string {
	x, y := g.number(), g.number()
	return "T(" + g.pick(
		"Math).max("+x+", "+y, "Math).abs("+x, "Math).round("+x, "Math).floor("+x, "Math).pow("+x+", "+y, "Math).floorMod("+x+", "+y, "Math).addExact("+x+", "+y,
		"Integer).parseInt("+g.string(), "Integer).valueOf("+x, "Integer).toHexString("+x, "Integer).compare("+x+", "+y, "Long).parseLong('12'", "Long).toString("+x,
		"Double).parseDouble("+g.string(), "Double).compare("+x+", "+y, "Integer).bitCount("+x, "Long).numberOfTrailingZeros("+x, "Integer).decode('0x1f'",
		"Boolean).parseBoolean("+g.string(), "String).valueOf("+g.any(), "String).join('-', "+g.list(), "String).format('%s-%d', "+g.string()+", "+x,
		"String).format('%05.2f|%x|%,d|%-5s|', "+g.pick("1.005", "d", "2.5", "12345.678")+", 255, 1234567, s",
		"java.time.Instant).ofEpochMilli("+x+").toString(", "java.time.LocalDate).of(2024, "+g.pick("1", "2", "12", "13")+", "+g.pick("1", "29", "31")+").plusMonths("+x+").toString(",
		"java.time.LocalDate).parse('2024-02-29').plusDays("+g.pick("1", "366", "-60")+").getDayOfWeek(", "java.time.DayOfWeek).of("+x, "java.time.DayOfWeek).valueOf('MONDAY').plus("+x,
		"java.time.temporal.ChronoUnit).valueOf('"+g.pick("DAYS", "HOURS", "MONTHS", "YEARS", "WEEKS", "SECONDS")+"').between(T(java.time.LocalDateTime).parse('2023-11-14T10:00'), T(java.time.LocalDateTime).parse('2024-03-31T09:30:05'))",
		"java.util.UUID).nameUUIDFromBytes("+g.string()+".getBytes()", "java.net.URLEncoder).encode("+g.string()+", 'UTF-8'", "java.time.LocalDateTime).of(2024,1,31,10,5).plusMonths(1).withHour(3",
		"java.util.List", "int", "String[]", "Foo", "java.io.File", "Object") + ")"
}

func (g *generator) literal() string {
	return g.pick("'abc'", "'a b c'", "'x'", "''", "'Hello'", "\"q\"", "'it''s'", "'1'", "'12'", "'1.5'", "'true'", "'a,b,,c,'", "' trim '", "'ÄÖß'", "'日本'", "'a.b.c'", "'[x]'",
		"'${a}'", "'release-1.2.3'", "'UPPER lower'", "'\\d+'", "'aXbXc'")
}

func (g *generator) string() string {
	return g.nested("'z'", func() string {
		switch g.IntN(8) {
		case 0, 1, 2:
			return g.literal()
		case 3:
			return g.pick("s", "text", "ls[0]", "num", "a.c", "json", "e")
		case 4:
			return g.parenthesised(g.string() + " + " + g.any())
		case 5, 6:
			return g.string() + "." + g.stringMethod()
		default:
			return "#" + g.pick("toJson("+g.any(), "toBase64("+g.string(), "alphanumerical("+g.string(), "fromBase64(#toBase64("+g.string()+")", "fetchReference("+g.string(),
				"readJson("+g.pick("json", "'[1,2,{\"a\":3}]'", "'{\"x\":1.0,\"y\":[null,true]}'", "'nope'", g.string()), "toBoolean("+g.any(), "doNotEval("+g.any()) + ")"
		}
	})
}

func (g *generator) stringMethod() string {
	n := g.pick("0", "1", "2", "3", "5", "-1")
	return g.pick("toUpperCase()", "toLowerCase()", "trim()", "strip()", "length()", "isEmpty()", "isBlank()", "substring("+n+")", "substring("+n+", "+g.pick("1", "2", "3", "9")+")",
		"indexOf("+g.literal()+")", "contains("+g.literal()+")", "startsWith("+g.literal()+")", "endsWith("+g.literal()+")", "equals("+g.literal()+")", "equalsIgnoreCase("+g.literal()+")",
		"replace('a','b')", "replace("+g.literal()+", 'R')", "replaceAll('[a-c]','-')", "replaceAll('(\\w)(\\d)?','$1_')", "replaceFirst('b|X','!')", "split(',')", "split('')", "split('\\.')[0]", "split('X', 2)",
		"concat("+g.string()+")", "repeat("+n+")", "charAt("+n+")", "toString()", "hashCode()", "compareTo("+g.literal()+")", "compareToIgnoreCase("+g.literal()+")", "matches('[a-z]+')",
		"toCharArray().length", "getBytes()[0]", "codePointAt("+n+")", "regionMatches(true, 0, 'ABC', 0, 2)", "stripLeading()", "formatted(1, 'x')", "intern()", "lastIndexOf('X')", "indexOf('b', 1)",
		"chars()", "lines()", "nope()", "substring("+g.any()+")", "concat("+g.any()+")", "split("+g.literal()+")")
}

func (g *generator) bool() string {
	return g.nested("true", func() string {
		switch g.IntN(9) {
		case 0, 1:
			return g.pick("true", "false", "t", "'true'", "'yes'", "!t", "TRUE", "not false")
		case 2:
			return g.parenthesised(g.number() + " " + g.pick("==", "!=", "<", ">", "<=", ">=", "lt", "ge") + " " + g.number())
		case 3:
			return g.parenthesised(g.string() + " " + g.pick("==", "!=", "<", ">", "eq", "ne") + " " + g.string())
		case 4:
			return g.parenthesised(g.bool() + " " + g.pick("and", "or", "&&", "||", "AND") + " " + g.bool())
		case 5:
			return "!" + g.parenthesised(g.bool())
		case 6:
			return g.any() + " instanceof T(" + g.pick("String", "Integer", "Long", "Boolean", "Double") + ")"
		case 7:
			return g.string() + " matches " + g.pick("'"+g.pattern(0)+"'", "'[a-z]+'", "'.*\\d.*'", "'(?i)HELLO.*'", "'a|b|abc'", "'\\w+'", "'['", "'release-(\\d+\\.)+\\d+'", g.literal())
		default:
			return g.number() + " between {" + g.number() + ", " + g.number() + "}"
		}
	})
}

func (g *generator) list() string {
	return g.nested("{1}", func() string {
		switch g.IntN(7) {
		case 0, 1:
			items := make([]string, g.IntN(4))
			for i := range items {
				items[i] = g.any()
			}
			return "{" + strings.Join(items, ", ") + "}"
		case 2, 3:
			return g.pick("l", "ls", "mixed", "el", "o", "a.d", "em.keySet()", "a.keySet()", "a.values()", "a.entrySet()", "{1, 2, 3}", "{'a', 'b'}", "text.split(' ')", "new int[]{1,2}", "new String[]{'a','b'}", "new int[2]")
		case 4:
			return g.list() + ".?[" + g.criterion() + "]"
		case 5:
			return g.list() + ".![" + g.pick("#this", "n", "v", "toString()", "#this * 2", g.any()) + "]"
		default:
			return g.list() + ".subList(0, " + g.pick("1", "2", "0") + ")"
		}
	})
}

func (g *generator) map_() string {
	return g.nested("{:}", func() string {
		if g.chance(0.4) {
			return g.pick("a", "em", "a.f", "#root", "o[0]", "{:}")
		}
		items := make([]string, 1+g.IntN(3))
		for i := range items {
			items[i] = g.pick(g.pick(names...), g.literal(), fmt.Sprint(g.IntN(5)), g.any()) + ": " + g.any()
		}
		return "{" + strings.Join(items, ", ") + "}"
	})
}

func (g *generator) method() string {
	return g.pick("size()", "isEmpty()", "contains("+g.any()+")", "indexOf("+g.any()+")", "toString()", "hashCode()", "equals("+g.any()+")", "keySet()", "values()", "entrySet()",
		"containsKey("+g.any()+")", "containsValue("+g.any()+")", "containsAll("+g.list()+")", "subList(0, 1)", "intValue()", "longValue()", "doubleValue()", "get(0)", "get('a')", "name()",
		"getName()", "isComplete()", "getClass()", "compareTo("+g.any()+")", "booleanValue()", "byteValue()", "isNaN()", "length()", "getContext()", "getOutputs()", "lastIndexOf("+g.any()+")", g.stringMethod())
}
