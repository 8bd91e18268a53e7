package stage

import (
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
)

// unevaluated is what a stage's context says of expressions that gave nothing: for machines in Spinnaker's form, for
// people with the path of the field.
type unevaluated struct {
	notes map[string]any
	said  []any
}

// unevaluatedIn is what a configuration says already, but for the member given, whose expressions the stage is about to
// evaluate.
func unevaluatedIn(config map[string]any, own string) unevaluated {
	var u unevaluated
	u.notes, _ = config[spel.SummaryKey].(map[string]any)
	said, _ := config[engine.ContextExpressions].([]any)
	u.said = slices.DeleteFunc(slices.Clone(said), func(s any) bool {
		text, _ := s.(string)
		return strings.HasPrefix(text, own+"[")
	})
	return u
}

// add notes what became of the value at a path.
func (u *unevaluated) add(path string, outcome *spel.Summary) {
	notes := outcome.Update(u.notes)
	if notes == nil && u.notes != nil {
		notes = map[string]any{} // in place of those that the context has
	}
	u.notes = notes
	for _, warning := range outcome.Warnings {
		inside := warning.Path
		if path != "" && inside != "" && inside[0] != '[' {
			inside = "." + inside
		}
		warning.Path = path + inside
		u.said = append(u.said, warning.String())
	}
}

// keep puts it into the context.
func (u *unevaluated) keep(result *engine.Result) {
	if u.notes == nil && u.said == nil {
		return
	}
	if result.Context == nil {
		result.Context = map[string]any{}
	}
	result.Context[spel.SummaryKey], result.Context[engine.ContextExpressions] = u.notes, u.said
}
