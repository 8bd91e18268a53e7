package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// constraintsHold applies plain constraints: every key must be there with a value in which its pattern is found. what
// names the values in the reason.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers artifacts/ArtifactMatcher.java isConstraintInPayload.
func constraintsHold(constraints, values map[string]any, what string, with *patterns) (ok bool, reason string) {
	for _, key := range slices.Sorted(maps.Keys(constraints)) {
		value, there := values[key]
		if !there || value == nil {
			return false, fmt.Sprintf("%s %q is missing; the trigger wants it to match %q", what, key, javaText(constraints[key]))
		}
		if ok, reason := found(constraints[key], []string{javaText(value)}, what, key, with); !ok {
			return false, reason
		}
	}
	return true, ""
}

// payloadConstraintsHold applies constraints whose keys may be JSONPaths: a top-level key first, else the path.
//
// Source: the same file, isJsonPathConstraintInPayload. Where Echo throws and so silences every pipeline for the event,
// the constraint just does not hold.
func payloadConstraintsHold(constraints, payload map[string]any, with *patterns) (ok bool, reason string) {
	const what = "payload"
	for _, key := range slices.Sorted(maps.Keys(constraints)) {
		if value := payload[key]; value != nil {
			if ok, reason := found(constraints[key], []string{javaText(value)}, what, key, with); !ok {
				return false, reason
			}
			continue
		}
		texts, err := pathTexts(key, payload, with)
		if err != nil {
			return false, fmt.Sprintf("payload %q: %v; the trigger wants it to match %q", key, err, javaText(constraints[key]))
		}
		if ok, reason := found(constraints[key], texts, what, key, with); !ok {
			return false, reason
		}
	}
	return true, ""
}

// found says whether the pattern is found in any of the texts. A null pattern is met by any value.
func found(pattern any, texts []string, what, key string, with *patterns) (ok bool, reason string) {
	if pattern == nil {
		return true, ""
	}
	expr, err := with.expr(javaText(pattern))
	if err != nil {
		return false, fmt.Sprintf("the constraint on %s %q is not a regular expression: %v", what, key, err)
	}
	for _, text := range texts {
		hit, err := expr.Find(text)
		if err != nil {
			return false, fmt.Sprintf("the constraint on %s %q: %v", what, key, err)
		}
		if hit {
			return true, ""
		}
	}
	return false, fmt.Sprintf("%s %q is %s; the trigger wants it to match %q", what, key, quoteAll(texts), javaText(pattern))
}

// pathTexts evaluates a JSONPath to the texts that a pattern is tried on: one for a scalar, each for a list of strings.
func pathTexts(text string, payload map[string]any, with *patterns) ([]string, error) {
	path, err := with.path(text)
	if err != nil {
		return nil, fmt.Errorf("is no member of the body, and %w", err)
	}
	var body any = payload
	if path.Compares() {
		body = spinnaker.Numbers(body)
	}
	value, _ := path.Read(body)
	switch v := value.(type) {
	case nil:
		return nil, errors.New("is not in the body")
	case map[string]any:
		return nil, errors.New("is an object, which no pattern matches")
	case []any:
		return elementTexts(v)
	default:
		return []string{javaText(v)}, nil
	}
}

// elementTexts are the texts of a list that holds nothing else.
func elementTexts(list []any) ([]string, error) {
	if len(list) == 0 {
		return nil, errors.New("is not in the body, or an empty list")
	}
	texts := make([]string, len(list))
	for i, element := range list {
		text, isText := element.(string)
		if !isText {
			return nil, fmt.Errorf("holds something that is not text at position %d", i)
		}
		texts[i] = text
	}
	return texts, nil
}

// javaText is the text of a JSON value as Java prints it, which is what patterns were written against: lists as
// `[a, b]`, objects as `{k=v}`.
func javaText(value any) string {
	if text, isText := value.(string); isText {
		return text
	}
	var out strings.Builder
	writeJava(&out, value)
	return out.String()
}

func writeJava(out *strings.Builder, value any) {
	switch v := value.(type) {
	case nil:
		out.WriteString("null")
	case string:
		out.WriteString(v)
	case bool:
		out.WriteString(strconv.FormatBool(v))
	case json.Number:
		out.WriteString(v.String())
	case []any:
		out.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			writeJava(out, item)
		}
		out.WriteByte(']')
	case map[string]any:
		out.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				out.WriteString(", ")
			}
			out.WriteString(key + "=")
			writeJava(out, v[key])
		}
		out.WriteByte('}')
	default:
		fmt.Fprint(out, v)
	}
}

// quoteAll shows texts in a reason, the first of them, each cut to a readable length.
func quoteAll(texts []string) string {
	const longest, most = 200, 20
	quoted := make([]string, 0, most+1)
	for i, text := range texts {
		if i == most {
			quoted = append(quoted, fmt.Sprintf("… (%d in all)", len(texts)))
			break
		}
		if len(text) > longest {
			text = text[:longest] + "…"
		}
		quoted = append(quoted, strconv.Quote(text))
	}
	return strings.Join(quoted, ", ")
}
