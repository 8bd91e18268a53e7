package spel

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// SummaryKey is the field of a stage's context, or of a submitted pipeline,
// that holds what could not be evaluated.
const SummaryKey = "expressionEvaluationSummary"

// Summary says what could not be evaluated: for machines in Spinnaker's form
// (spinnaker/spinnaker kork-expressions ExpressionEvaluationSummary.java), for
// people as warnings.
type Summary struct {
	Total    int // strings with an expression
	Failures int // those that failed or stayed unresolved
	Warnings []Warning

	attempted []string
	results   map[string][]Note
	order     []string
}

// Note is one entry of the summary.
type Note struct {
	Level         string `json:"level"` // ERROR, or INFO for what resolved to null
	Description   string `json:"description"`
	ExceptionType string `json:"exceptionType,omitempty"` // of an ERROR: the Java class that Spinnaker reports
	Timestamp     int64  `json:"timestamp"`               // milliseconds since 1970
}

// Warning is the same for people.
type Warning struct {
	Path    string // of the field, like overrides["image.repository"]; empty for a single string
	Source  string // the string as written
	Message string // what went wrong and what would work
	Err     *Error // the same with its place; without a code if the expression only gave null
	Null    bool   // nothing failed, but the expression, or a part of the string, is null
}

// String is the warning in one line.
func (w Warning) String() string {
	if w.Path == "" {
		return w.Message
	}
	return w.Path + ": " + w.Message
}

// OK reports whether everything was evaluated.
func (s *Summary) OK() bool { return s.Failures == 0 }

// Notes are the entries by expression, in Spinnaker's form.
func (s *Summary) Notes() map[string][]Note { return s.results }

// MarshalJSON writes the notes.
func (s *Summary) MarshalJSON() ([]byte, error) {
	if s.results == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(s.results)
}

// Descriptions are the descriptions of all entries, in the order they came up:
// what a stage's exception lists when it completes.
func (s *Summary) Descriptions() []string {
	var all []string
	for _, key := range s.order {
		for _, n := range s.results[key] {
			all = append(all, n.Description)
		}
	}
	return all
}

// Update is what belongs into the field [SummaryKey] after this evaluation: an
// earlier summary without the expressions that were tried again, and with
// this one's notes; nil if nothing is left.
func (s *Summary) Update(earlier any) map[string]any {
	out := map[string]any{}
	for k, v := range mapEntries(earlier) {
		if key := toString(k); !slices.Contains(s.attempted, key) {
			out[key] = newExporter(false).export(v)
		}
	}
	for key, notes := range s.results {
		out[key] = plainNotes(notes)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func plainNotes(notes []Note) []any {
	out := make([]any, len(notes))
	for i, n := range notes {
		m := map[string]any{"level": n.Level, "description": n.Description, "timestamp": n.Timestamp}
		if n.ExceptionType != "" {
			m["exceptionType"] = n.ExceptionType
		}
		out[i] = m
	}
	return out
}

// note adds an entry; the same twice counts as two failures, but is one entry.
func (s *Summary) note(key string, n Note) {
	s.Failures++
	if s.results == nil {
		s.results = map[string][]Note{}
	}
	notes, known := s.results[key]
	if !known {
		s.order = append(s.order, key)
	}
	if !slices.ContainsFunc(notes, func(o Note) bool {
		return o.Level == n.Level && o.Description == n.Description && o.ExceptionType == n.ExceptionType
	}) {
		s.results[key] = append(notes, n)
	}
}

// fail notes an expression that failed.
func (w *walker) fail(source string, o outcome, parent any) {
	description := "Failed to evaluate " + fieldsHolding(source, parent) + " " + o.err.Error()
	exception := o.err.Java
	if exception == "" {
		exception = evaluationException
	}
	w.summary.note(o.key, Note{
		Level:         "ERROR",
		Description:   strings.ReplaceAll(description, "$", ""),
		ExceptionType: exception,
		Timestamp:     w.engine.config.Now().UnixMilli(),
	})
	w.summary.Warnings = append(w.summary.Warnings, Warning{Path: w.where(), Source: source, Message: o.err.Error(), Err: o.err})
}

// unresolved notes an expression that gave null, wholly or in part.
func (w *walker) unresolved(source string, o outcome, parent any) {
	w.summary.note(o.key, Note{
		Level:       "INFO",
		Description: "Failed to evaluate " + fieldsHolding(source, parent) + " : " + o.key + " not found",
		Timestamp:   w.engine.config.Now().UnixMilli(),
	})
	why := w.engine.whyNull(w.ctx, o.unresolved, w.env)
	w.summary.Warnings = append(w.summary.Warnings, Warning{Path: w.where(), Source: source, Message: why.Error(), Err: why, Null: true})
}

// fieldsHolding names the keys of the enclosing map that hold a string, also
// inside nested maps; the string itself if none does.
func fieldsHolding(source string, parent any) string {
	keys := map[string]bool{}
	budget := maxHoldsVisits
	for k, v := range mapEntries(parent) {
		if holds(v, source, &budget) {
			keys[toString(k)] = true
		}
	}
	if len(keys) == 0 {
		return withExecution(source)
	}
	return "[" + strings.Join(slices.Sorted(maps.Keys(keys)), ", ") + "]"
}

// maxHoldsVisits is how many values are searched for the fields that hold a
// string; a description of the failure is not worth more.
const maxHoldsVisits = 10_000

// holds looks into nested maps, not into lists.
func holds(v any, source string, budget *int) bool {
	if *budget--; *budget < 0 || !isMap(v) {
		return v == any(source)
	}
	for k, inner := range mapEntries(v) {
		if k == any(source) || holds(inner, source, budget) {
			return true
		}
	}
	return false
}
