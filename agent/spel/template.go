package spel

import (
	"context"
	"regexp"
	"strings"
)

// Template is a parsed string with ${...} parts. Like an [Expr] it is immutable.
type Template struct {
	source string
	parts  []part
	key    string // of the summary
}

// part is literal text, or an expression.
type part struct {
	text string // of an expression: as written, trimmed
	expr *Expr
}

// opening begins an expression; text without it is never touched.
const opening = "${"

// isTemplate reports whether a text holds an expression.
func isTemplate(text string) bool {
	i := strings.IndexByte(text, '$') // most texts have none
	return i >= 0 && strings.Contains(text[i:], opening)
}

// ParseTemplate parses a string with ${...} parts. What parsed is kept. The
// error is an [*Error] whose Expr is the failing part, or the whole string if
// it could not be cut into parts.
func (e *Engine) ParseTemplate(source string) (*Template, error) {
	if t, ok := e.templates.get(source); ok {
		return t, nil
	}
	t := &Template{source: source}
	var key strings.Builder
	for rest := source; rest != ""; {
		start := strings.Index(rest, opening)
		if start != 0 {
			if start < 0 {
				start = len(rest)
			}
			t.parts = append(t.parts, part{text: rest[:start]})
			key.WriteString(rest[:start])
			rest = rest[start:]
			continue
		}
		inside, after, err := cutExpression(rest)
		if err != nil {
			err.Expr, err.Pos = source, err.Pos+len(source)-len(rest)
			return nil, err
		}
		x, err := e.parse(inside)
		if err != nil {
			err.Expr = inside
			return nil, err
		}
		t.parts = append(t.parts, part{text: inside, expr: x})
		key.WriteString(inside)
		rest = after
	}
	t.key = withExecution(key.String())
	e.templates.put(source, t)
	return t, nil
}

// cutExpression cuts the expression at the start of a text, which begins with
// ${, from what follows its closing brace.
func cutExpression(text string) (inside, after string, err *Error) {
	end, err := closingBrace(text, len(opening))
	if err != nil {
		return "", "", err
	}
	inside = strings.TrimFunc(text[len(opening):end], javaTrim)
	if inside == "" {
		return "", "", templateError(0, `there is nothing between "${" and "}"`)
	}
	return inside, text[end+1:], nil
}

func templateError(pos int, message string) *Error {
	return &Error{Phase: PhaseParse, Pos: pos, Message: message, Java: templateException}
}

var opens = map[byte]byte{'}': '{', ']': '[', ')': '('}

// closingBrace finds the brace that ends an expression: the first with no
// bracket open before it. A quote runs to the next same quote; doubled quotes
// are skipped in two jumps.
func closingBrace(text string, from int) (int, *Error) {
	var open []byte
	for i := from; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[', '(':
			open = append(open, c)
		case '}', ']', ')':
			if len(open) == 0 {
				if c == '}' {
					return i, nil
				}
				return 0, templateError(i, "found "+string(c)+" without an opening "+string(opens[c]))
			}
			if last := open[len(open)-1]; last != opens[c] {
				return 0, templateError(i, "found "+string(c)+" where "+string(last)+" is open")
			}
			open = open[:len(open)-1]
		case '\'', '"':
			n := strings.IndexByte(text[i+1:], c)
			if n < 0 {
				return 0, templateError(i, "the string that begins here has no end")
			}
			i += 1 + n
		}
	}
	return 0, templateError(0, `"${" has no closing "}"`)
}

// outcome is what became of one string of a document.
type outcome struct {
	value      any
	key        string // of the summary
	err        *Error
	unresolved string // the first part that is null
}

// evalString evaluates one string that contains ${.
func (e *Engine) evalString(ctx context.Context, source string, env *Env) outcome {
	t, err := e.ParseTemplate(source)
	if err != nil {
		return outcome{value: source, key: keyOfBroken(source), err: asError(err, source)}
	}
	if len(t.parts) == 1 {
		v, err := t.parts[0].expr.eval(ctx, env)
		switch {
		case err != nil:
			return outcome{value: source, key: t.key, err: asError(err, source)}
		case v == nil:
			return outcome{value: source, key: t.key, unresolved: t.parts[0].text}
		}
		if s, ok := v.(status); ok {
			v = string(s)
		}
		return outcome{value: v, key: t.key}
	}
	return t.evalParts(ctx, env)
}

// evalParts joins the texts of several parts. A part that is null stays as it
// was written; if any fails, all of the source does.
func (t *Template) evalParts(ctx context.Context, env *Env) outcome {
	result := outcome{key: t.key}
	var short [256]byte
	joined := short[:0]
	for _, p := range t.parts {
		if p.expr == nil {
			joined = append(joined, p.text...)
			continue
		}
		v, err := p.expr.eval(ctx, env)
		if err != nil {
			return outcome{value: t.source, key: t.key, err: asError(err, p.text)}
		}
		if s, ok := v.(string); ok {
			joined = append(joined, s...)
			continue
		}
		if v == nil {
			joined = append(append(append(joined, opening...), p.text...), '}')
			if result.unresolved == "" {
				result.unresolved = p.text
			}
			continue
		}
		text, err := Value{v}.Text()
		if err != nil {
			e := asError(err, p.text).suggest("a map cannot stand inside a text; use #toJson(...) or one of its fields")
			return outcome{value: t.source, key: t.key, err: e}
		}
		joined = append(joined, text...)
	}
	result.value = string(joined)
	return result
}

// wholeExpression is the source's only expression; the dot of Java's patterns
// stops at every kind of line end.
var wholeExpression = regexp.MustCompile(`^\$\{([^\n\r\x{85}\x{2028}\x{2029}]*)\}$`)

// keyOfBroken is the summary's key for a string that does not parse.
func keyOfBroken(source string) string {
	if m := wholeExpression.FindStringSubmatch(source); m != nil {
		return strings.TrimFunc(m[1], javaTrim)
	}
	return strings.ReplaceAll(source, "$", "")
}

// executionFunctions take the execution as a hidden first argument, which Orca
// inserts into the text; summaries show it.
var executionFunctions = []string{
	"currentStage", "stageByRefId", "stage", "stageExists", "judgment", "judgement", "deployedServerGroups",
	"manifestLabelValue", "triggerResolvedArtifact", "triggerResolvedArtifactByType", "resolvedArtifacts",
	"pipelineId", "pipelineIdOrNull", "pipelineIdInApplication", "cfServiceKey",
}

// withExecution is the text as Orca rewrites it before parsing
// (orca-core ContextParameterProcessor, kork ExpressionsSupport).
func withExecution(text string) string {
	const argument = " #root.execution, "
	if !strings.Contains(text, "#") && !strings.Contains(text, deployedServerGroupsName) {
		return text
	}
	for _, name := range executionFunctions {
		call := "#" + name + "("
		if !strings.Contains(text, call+argument) {
			text = strings.ReplaceAll(text, call, call+argument)
		}
	}
	const alias = deployedServerGroupsName
	if strings.Contains(text, alias) && !strings.Contains(text, "#"+alias+"("+argument) {
		text = strings.ReplaceAll(text, alias, "#"+alias+"( #root.execution)")
	}
	return text
}
