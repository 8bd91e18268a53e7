package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/spel"
)

// Check runs a case. The answer is "" if it gives what is expected, else what
// it gave instead.
func (c *Case) Check(engine *spel.Engine) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	switch c.Kind {
	case "expression":
		return c.checkExpression(ctx, engine)
	case "template":
		return c.checkTemplate(ctx, engine)
	case "document":
		return c.checkDocument(ctx, engine)
	case "evaluateVariables":
		return c.checkVariables(ctx, engine)
	case "precondition":
		return c.checkPrecondition(ctx, engine)
	case "stageEnabled":
		return c.checkStageEnabled(ctx, engine)
	case "urlAllowed":
		if err := spel.CheckURL(c.URL); (err == nil) != *c.Expect.Allowed {
			return fmt.Sprintf("allowed: %v (%v)", err == nil, err)
		}
		return ""
	}
	return "unknown kind " + c.Kind
}

func (c *Case) strict() bool { return c.AllowUnknownKeys != nil && !*c.AllowUnknownKeys }

// env is the environment of a case that has an execution.
func (c *Case) env() (*spel.Env, error) {
	env := &spel.Env{User: c.User, Strict: c.strict()}
	if c.Execution == "" {
		root := c.Context.v
		if root == nil {
			root = spel.NewMap(0)
		}
		env.Root = spel.PipelineRoot(root)
		return env, nil
	}
	doc, ok := c.executions[c.Execution]
	if !ok {
		return nil, fmt.Errorf("executions.json has no %q", c.Execution)
	}
	var err error
	if env.Execution, err = spel.ExecutionFromJSON(doc); err != nil {
		return nil, err
	}
	env.Stage = env.Execution.StageByID(c.StageID)
	env.Root = c.Context.v
	return env, nil
}

func (c *Case) checkExpression(ctx context.Context, engine *spel.Engine) string {
	v, err := engine.Eval(ctx, c.Expression, &spel.Env{Root: c.Root.v, Strict: c.strict()})
	if err != nil {
		return c.checkError(err)
	}
	return c.checkValue(v)
}

func (c *Case) checkError(err error) string {
	var e *spel.Error
	if !errors.As(err, &e) {
		return fmt.Sprintf("error of type %T: %v", err, err)
	}
	want := c.Expect
	if want.Error == "" || want.Error != "*" && want.Error != string(e.Code) || want.Phase != string(e.Phase) {
		return fmt.Sprintf("%s error %s (%v)", e.Phase, e.Code, e)
	}
	return ""
}

func (c *Case) checkValue(v spel.Value) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "value has no JSON form: " + err.Error()
	}
	text, textErr := v.Text()
	got := fmt.Sprintf("%s %s text %q %v", v.Type(), data, text, textErr)
	want := c.Expect
	switch {
	case want.Error != "" || v.Type() != want.Type:
		return got
	case want.AnyValue:
		return ""
	case !sameJSON(data, want.Value):
		return got
	case string(want.Text) == "null":
		if textErr == nil && !v.IsNull() {
			return got
		}
	case want.Text != nil:
		if quoted, _ := json.Marshal(text); textErr != nil || !sameJSON(quoted, want.Text) {
			return got
		}
	}
	return ""
}

func (c *Case) checkTemplate(ctx context.Context, engine *spel.Engine) string {
	v, summary := engine.EvalTemplate(ctx, c.Template, &spel.Env{Root: c.Root.v, Strict: c.strict()})
	if got := c.checkValue(v); got != "" {
		return fmt.Sprintf("%s %v", got, summary.Warnings)
	}
	return c.checkSummary(summary)
}

func (c *Case) checkDocument(ctx context.Context, engine *spel.Engine) string {
	env, err := c.env()
	if err != nil {
		return err.Error()
	}
	value, summary := engine.EvalDocument(ctx, c.Source, env)
	data, err := json.Marshal(value)
	if err != nil {
		return "value has no JSON form: " + err.Error()
	}
	if !sameJSON(data, c.Expect.Value) {
		return fmt.Sprintf("value %s (%v)", data, summary.Warnings)
	}
	return firstDifference(c.checkTypes(ctx, engine, env), c.checkCounts(summary), c.checkSummary(summary))
}

// checkTypes compares the types of the top-level values, which the JSON of the
// document no longer shows.
func (c *Case) checkTypes(ctx context.Context, engine *spel.Engine, env *spel.Env) string {
	for key, value := range c.Source.All() {
		source, ok := value.(string)
		want := c.Expect.Types[key.(string)]
		if !ok || want == "" {
			continue
		}
		if v, _ := engine.EvalTemplate(ctx, source, env); v.Type() != want {
			return fmt.Sprintf("type of %v: %s", key, v.Type())
		}
	}
	return ""
}

func (c *Case) checkCounts(summary *spel.Summary) string {
	if want := c.Expect.Failures; want != nil && *want != summary.Failures {
		return fmt.Sprintf("%d failures: %v", summary.Failures, summary.Warnings)
	}
	if want := c.Expect.Total; want != nil && *want != summary.Total {
		return fmt.Sprintf("%d expressions in total", summary.Total)
	}
	return ""
}

func (c *Case) checkSummary(summary *spel.Summary) string {
	notes := summary.Notes()
	if len(notes) != len(c.Expect.Summary) {
		return fmt.Sprintf("summary %v", notes)
	}
	for key, want := range c.Expect.Summary {
		got, ok := notes[key]
		if !ok || len(got) != len(want) {
			return fmt.Sprintf("summary %v", notes)
		}
		for _, w := range want {
			if !slices.ContainsFunc(got, w.matches) {
				return fmt.Sprintf("summary %v", notes)
			}
		}
	}
	return ""
}

func (n Note) matches(got spel.Note) bool {
	return n.Level == got.Level && (n.Description == "" || n.Description == got.Description) &&
		strings.HasPrefix(got.Description, n.Prefix)
}

func (c *Case) checkVariables(ctx context.Context, engine *spel.Engine) string {
	env, err := c.env()
	if err != nil {
		return err.Error()
	}
	if env.Execution == nil {
		stage := &spel.Stage{ID: "variables", RefID: "1", Type: "evaluateVariables", Status: "RUNNING", Context: c.Context.v}
		env = &spel.Env{Strict: c.strict(), Stage: stage, Execution: &spel.Execution{
			SpelEvaluator: "v4", Trigger: c.Trigger.v, Stages: []*spel.Stage{stage}}}
	}
	result := engine.EvalVariables(ctx, c.Context.v, env)
	after := result.Context.(*spel.Map)
	variables, _ := after.Get("variables")
	others := spel.NewMap(after.Len())
	for k, v := range after.All() {
		if k != "variables" {
			others.Set(k.(string), v)
		}
	}
	var failed []string
	for key := range result.Summary.Notes() {
		failed = append(failed, key)
	}
	slices.Sort(failed)
	wantFailed := slices.Sorted(slices.Values(c.Expect.Failed))
	switch {
	case c.Expect.Variables != nil && !sameFields(variables, c.Expect.Variables):
		return "variables " + compact(variables)
	case c.Expect.Context != nil && !sameFields(others, c.Expect.Context):
		return "context " + compact(others)
	case c.Expect.Failed != nil && !slices.Equal(failed, wantFailed):
		return fmt.Sprintf("failed %q", failed)
	}
	return c.checkCounts(result.Summary)
}

func (c *Case) checkPrecondition(ctx context.Context, engine *spel.Engine) string {
	env, err := c.env()
	if err != nil {
		return err.Error()
	}
	if env.Execution == nil {
		stage := &spel.Stage{ID: "check", RefID: "1", Type: "checkPreconditions", Status: "RUNNING", Context: c.Context.v}
		env = &spel.Env{Strict: c.strict(), Stage: stage, Execution: &spel.Execution{Trigger: c.Trigger.v, Stages: []*spel.Stage{stage}}}
	}
	p := engine.EvalPrecondition(ctx, c.Expression, env)
	status := "TERMINAL"
	if p.Passed {
		status = "SUCCEEDED"
	}
	if status != c.Expect.Status || c.Expect.ExpressionResult != nil && strings.Trim(string(c.Expect.ExpressionResult), `"`) != strings.Trim(compact(p.Result), `"`) {
		return fmt.Sprintf("%s %q", status, p.Result)
	}
	return ""
}

func (c *Case) checkStageEnabled(ctx context.Context, engine *spel.Engine) string {
	env, err := c.env()
	if err != nil {
		return err.Error()
	}
	enabled, reason := engine.StageEnabled(ctx, c.StageEnabled.v, env)
	if enabled == *c.Expect.Skipped {
		return fmt.Sprintf("skipped: %v (%s)", !enabled, reason)
	}
	return ""
}

func firstDifference(differences ...string) string {
	for _, d := range differences {
		if d != "" {
			return d
		}
	}
	return ""
}

func compact(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// sameFields compares like sameJSON, but takes absent fields for null: Orca
// writes objects with all their fields.
func sameFields(got any, want json.RawMessage) bool {
	g, err1 := decode([]byte(compact(got)))
	w, err2 := decode(want)
	return err1 == nil && err2 == nil && reflect.DeepEqual(dropNulls(g), dropNulls(w))
}

func dropNulls(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = dropNulls(v[i])
		}
	case map[string]any:
		for k, field := range v {
			if field == nil {
				delete(v, k)
				continue
			}
			v[k] = dropNulls(field)
		}
	}
	return v
}

// sameJSON compares JSON: the order of fields is free, 1 and 1.0 differ.
func sameJSON(got, want []byte) bool {
	g, err1 := decode(got)
	w, err2 := decode(want)
	return err1 == nil && err2 == nil && reflect.DeepEqual(g, w)
}

// decode reads JSON with reals as float64 and integers as json.Number.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return reals(v), nil
}

func reals(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			f, _ := v.Float64()
			return f
		}
	case []any:
		for i := range v {
			v[i] = reals(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = reals(v[k])
		}
	}
	return v
}
