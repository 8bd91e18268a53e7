package spel

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Phase says when an expression failed.
type Phase string

// The two phases: everything is parsed before anything is evaluated.
const (
	PhaseParse Phase = "parse"
	PhaseEval  Phase = "eval"
)

// Error is why one expression failed: what was tried, where in the text, what
// was found there and what would work instead.
type Error struct {
	Code       Code   // Spring's name of the failure; empty where Java threw a plain exception
	Phase      Phase  // parse or eval
	Message    string // what was tried on what, and what came back
	Suggestion string // what would work; empty if nothing better is known
	Expr       string // the expression's text, without its ${}
	Pos        int    // byte offset of the failing step in Expr
	Java       string // class of the exception that Spinnaker reports here

	cause   error
	missing *missing // until the text around the step is known
}

// Error is the failure in one line, without the expression's text.
func (e *Error) Error() string {
	var b strings.Builder
	if n := e.Code.number(); n > 0 {
		fmt.Fprintf(&b, "EL%dE: ", n)
	}
	b.WriteString(e.Message)
	if e.Suggestion != "" {
		b.WriteString("; ")
		b.WriteString(e.Suggestion)
	}
	return b.String()
}

// Unwrap returns the failure of a helper function or of the context, if that
// was the reason.
func (e *Error) Unwrap() error { return e.cause }

// Position is the line and column of the failing step, both counted from 1, the
// column in characters.
func (e *Error) Position() (line, column int) {
	before := e.Expr[:min(max(e.Pos, 0), len(e.Expr))]
	line = 1 + strings.Count(before, "\n")
	if i := strings.LastIndexByte(before, '\n'); i >= 0 {
		before = before[i+1:]
	}
	return line, 1 + utf8.RuneCountInString(before)
}

// Detail is the failure for people: the message, the line of the expression
// and a caret under the failing step.
func (e *Error) Detail() string {
	line, column := e.Position()
	source := strings.Split(e.Expr, "\n")[line-1]
	source, column = window(source, column)
	return fmt.Sprintf("%s\n  at line %d, column %d:\n    %s\n    %s^",
		e.Error(), line, column, source, strings.Repeat(" ", column-1))
}

// window cuts a long line around a column, so that the caret stays on screen.
func window(line string, column int) (string, int) {
	const width = 100
	runes := []rune(strings.ReplaceAll(line, "\t", " "))
	if len(runes) <= width {
		return string(runes), column
	}
	start := max(0, min(column-1-width/2, len(runes)-width))
	return string(runes[start : start+width]), column - start
}

// failure makes the evaluation error of a step.
func failure(pos int, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Phase: PhaseEval, Pos: pos, Message: fmt.Sprintf(format, args...), Java: evaluationException}
}

// javaFailure makes the error of a step where Java throws an exception that
// Spring gives no code of its own.
func javaFailure(pos int, java, format string, args ...any) *Error {
	return &Error{Phase: PhaseEval, Pos: pos, Message: fmt.Sprintf(format, args...), Java: java}
}

// syntaxError makes a parse error.
func syntaxError(pos int, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Phase: PhaseParse, Pos: pos, Message: fmt.Sprintf(format, args...), Java: parseException}
}

// suggest adds what would work.
func (e *Error) suggest(format string, args ...any) *Error {
	e.Suggestion = fmt.Sprintf(format, args...)
	return e
}

// asError gives any failure the form that callers are promised.
func asError(err error, expr string) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Phase: PhaseEval, Message: err.Error(), cause: err}
	}
	if e.Expr == "" {
		e.Expr = expr
	}
	return e
}

// The exception classes that expressionEvaluationSummary names.
const (
	evaluationException = "org.springframework.expression.spel.SpelEvaluationException"
	parseException      = "org.springframework.expression.spel.SpelParseException"
	templateException   = "org.springframework.expression.ParseException"
	illegalArgument     = "java.lang.IllegalArgumentException"
)
