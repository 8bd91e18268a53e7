package spel_test

import (
	"testing"

	"github.com/gennaker/gennaker/agent/spel"
)

// stageEnv is the environment of a stage with a context, below a stage with
// outputs.
func stageEnv(t *testing.T, context string) *spel.Env {
	t.Helper()
	ex := &spel.Execution{
		SpelEvaluator: "v4",
		Trigger:       decode(t, `{"type":"manual","parameters":{"env":"prod","go":"yes"}}`),
		Stages: []*spel.Stage{
			{ID: "a", RefID: "1", Name: "First", Type: "wait", Status: "SUCCEEDED", Outputs: decode(t, `{"region":"eu"}`)},
			{ID: "b", RefID: "2", Name: "Second", Type: "any", Status: "RUNNING", RequisiteStageRefIDs: []string{"1"}, Context: decode(t, context)},
		},
	}
	return &spel.Env{Execution: ex, Stage: ex.Stages[1], User: "ann"}
}

func TestEvalVariables(t *testing.T) {
	context := `{"other":"${parameters.env}","variables":[
		{"key":"one","value":"${1 + 1}","description":"of ${parameters.env}"},
		{"key":"two","value":"${one * 2}"},
		{"key":"text","value":"plain"},
		{"key":"bad","value":"${nope.x}"},
		{"key":"useBad","value":"${bad ?: 'unset'}"},
		{"key":"number","value":5},
		{"key":"useNumber","value":"${number ?: 'unpublished'}"},
		{"key":"","value":"${3}"},
		{"key":"region2","value":"${region}-${#currentUser()}"}]}`
	env := stageEnv(t, context)
	got := spel.New(spel.Config{}).EvalVariables(t.Context(), env.Stage.Context, env)
	if s, want := encode(t, got.Outputs), `{"one":2,"two":4,"text":"plain","bad":"${nope.x}","useBad":"unset","number":5,"useNumber":"unpublished","region2":"eu-ann"}`; s != want {
		t.Errorf("outputs\n got %s\nwant %s", s, want)
	}
	want := `{"other":"prod","variables":[` +
		`{"key":"one","value":2,"description":"of prod","sourceValue":"{1 + 1}"},` +
		`{"key":"two","value":4,"sourceValue":"{one * 2}"},` +
		`{"key":"text","value":"plain","sourceValue":"plain"},` +
		`{"key":"bad","value":"${nope.x}","sourceValue":"{nope.x}"},` +
		`{"key":"useBad","value":"unset","sourceValue":"{bad ?: 'unset'}"},` +
		`{"key":"number","value":5},` +
		`{"key":"useNumber","value":"unpublished","sourceValue":"{number ?: 'unpublished'}"},` +
		`{"key":"","value":3,"sourceValue":"{3}"},` +
		`{"key":"region2","value":"eu-ann","sourceValue":"{region}-{#currentUser()}"}]}`
	if s := encode(t, got.Context); s != want {
		t.Errorf("context\n got %s\nwant %s", s, want)
	}
	if got.Summary.Failures != 1 || got.Summary.Warnings[0].Path != "variables[3].value" {
		t.Errorf("summary %+v", got.Summary.Warnings)
	}
}

// TestEvalVariablesOfEndlessData: what cannot be evaluated as a whole has the
// form that callers expect.
func TestEvalVariablesOfEndlessData(t *testing.T) {
	endless := map[string]any{}
	endless["self"] = endless
	got := spel.New(spel.Config{}).EvalVariables(t.Context(), endless, stageEnv(t, `{}`))
	if outputs, ok := got.Outputs.(map[string]any); !ok || len(outputs) > 0 || got.Summary.OK() {
		t.Errorf("outputs %#v, warnings %v", got.Outputs, got.Summary.Warnings)
	}
}

func TestEvalPrecondition(t *testing.T) {
	tests := []struct {
		expression string
		passed     bool
		result     string
	}{
		{"parameters.env == 'prod'", true, "true"},
		{"'TRUE'", true, "TRUE"},
		{"parameters.env == 'dev'", false, "false"},
		{"parameters.env", false, "prod"},
		{"parameters.go", false, "yes"},
		{"1", false, "1"},
		{"nope", false, "nope"},
		{"nope.x == 1", false, "nope.x == 1"},
		{"1 +", false, "1 +"},
		{"#stage('First').status == 'SUCCEEDED'", true, "true"},
	}
	engine := spel.New(spel.Config{})
	for _, tt := range tests {
		p := engine.EvalPrecondition(t.Context(), tt.expression, stageEnv(t, `{}`))
		if p.Passed != tt.passed || p.Result != tt.result {
			t.Errorf("%s: %v, %q", tt.expression, p.Passed, p.Result)
		}
	}
}

func TestStageEnabled(t *testing.T) {
	tests := []struct {
		config  string
		enabled bool
		reason  string
	}{
		{`null`, true, ""},
		{`{}`, true, ""},
		{`{"type":"expression"}`, true, ""},
		{`{"type":"expression","expression":" "}`, true, ""},
		{`{"type":"other","expression":"false"}`, true, ""},
		{`{"type":"Expression","expression":"parameters.env == 'prod'"}`, true, ""},
		{`{"type":"expression","expression":"parameters.env == 'dev'"}`, false, "stageEnabled: parameters.env == 'dev' is false"},
		{`{"type":"expression","expression":"'False'"}`, false, "stageEnabled: 'False' is false"},
		{`{"type":"expression","expression":"parameters.env"}`, false, "stageEnabled: parameters.env is 'prod', neither true nor false"},
		{`{"type":"expression","expression":"nope"}`, false, `stageEnabled: the context has no "nope"; it has: execution, trigger, parameters, scmInfo, region`},
		{`{"type":"expression","expression":"1 +"}`, false, `stageEnabled: EL1042E: "+" has no value on its right`},
	}
	engine := spel.New(spel.Config{})
	for _, tt := range tests {
		enabled, reason := engine.StageEnabled(t.Context(), decode(t, tt.config), stageEnv(t, `{}`))
		if enabled != tt.enabled || reason != tt.reason {
			t.Errorf("%s: %v, %s", tt.config, enabled, reason)
		}
	}
}

func TestSyntheticStageAsksItsParent(t *testing.T) {
	ex := &spel.Execution{Trigger: decode(t, `{}`), Stages: []*spel.Stage{
		{ID: "p", RefID: "1", Context: decode(t, `{"stageEnabled":{"type":"expression","expression":"false"}}`)},
		{ID: "c", RefID: "1<1", ParentStageID: "p", SyntheticStageOwner: "STAGE_BEFORE"},
	}}
	enabled, _ := spel.New(spel.Config{}).StageEnabled(t.Context(), nil, &spel.Env{Execution: ex, Stage: ex.Stages[1]})
	if enabled {
		t.Error("the child of a skipped stage runs")
	}
}

// TestMomentsOfEvaluation shows the roots of the different moments.
func TestMomentsOfEvaluation(t *testing.T) {
	engine := spel.New(spel.Config{})
	submission := &spel.Env{Strict: true, Root: spel.PipelineRoot(decode(t, `{"trigger":{"parameters":{"a":1}},"templateVariables":{"x":2}}`))}
	stage := stageEnv(t, `{"own":"mine","parameters":{"local":true}}`)
	extra := stageEnv(t, `{"own":"mine"}`)
	extra.Root = decode(t, `{"own":"hidden","published":1}`)
	tests := []struct {
		env        *spel.Env
		expression string
		want       string // JSON, or "error"
	}{
		{submission, "parameters.a + templateVariables.x", "3"},
		{submission, "execution", "error"},
		{submission, "scmInfo", "null"},
		{submission, "nope ?: 1", "error"},
		{stage, "own", `"mine"`},
		{stage, "parameters.env", `"prod"`},
		{stage, "region", `"eu"`},
		{stage, "#root.containsKey('region')", "false"},
		{stage, "execution.stages.![name]", `["First","Second"]`},
		{stage, "#currentStage().refId", `"2"`},
		{stage, "nope ?: 1", "1"},
		{extra, "own + published", `"hidden1"`},
	}
	for _, tt := range tests {
		v, err := engine.Eval(t.Context(), tt.expression, tt.env)
		if got := encode(t, v); (err != nil) != (tt.want == "error") || err == nil && got != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.expression, got, err, tt.want)
		}
	}
}
