package gate

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// What needs no fakes is tested by the conversations of api/apitest with a real agent; here is what those cannot reach.

// catalogOf is a catalog whose configurations are in one application.
type catalogOf struct {
	Catalog
	pipelines []spinnaker.Pipeline
	warnings  []string
}

func (c catalogOf) Pipelines(context.Context, string) ([]spinnaker.Pipeline, error) {
	return c.pipelines, nil
}

func (c catalogOf) SavePipeline(_ context.Context, _ string, p spinnaker.Pipeline, _ bool) (spinnaker.Pipeline, []string, error) {
	return p, c.warnings, nil
}

// runs are executions, newest first, by configuration. They remember what they were asked.
type runs struct {
	noRuns
	byConfig map[string][]*spinnaker.Execution
	queries  []Query
}

// noRuns has the methods of Executions that these tests do not call.
type noRuns struct{ Executions }

func (r *runs) Executions(_ context.Context, q Query) ([]*spinnaker.Execution, error) {
	r.queries = append(r.queries, q)
	config := ""
	if len(q.PipelineConfigIDs) > 0 {
		config = q.PipelineConfigIDs[0]
	}
	found := r.byConfig[config]
	return found[:min(len(found), q.Limit)], nil
}

// get asks the API and decodes the answer.
func get(t *testing.T, a *API, target string, into any) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	a.Register(router)
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, target, nil))
	if recorder.Code != http.StatusOK {
		t.Fatalf("GET %s: %d", target, recorder.Code)
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), into); err != nil {
		t.Fatal(err)
	}
}

// Of each pipeline, the runs of the last two weeks and those that have not started are listed, else the two newest; then
// the limit counts. The order is that of the starts, what has not started first.
func TestCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		run := func(id string, days int) *spinnaker.Execution {
			return &spinnaker.Execution{ID: id, StartTime: spinnaker.MillisOf(now.AddDate(0, 0, -days))}
		}
		waiting := &spinnaker.Execution{ID: "waiting"}
		executions := &runs{byConfig: map[string][]*spinnaker.Execution{
			"busy":  {waiting, run("b1", 1), run("b13", 13), run("b15", 15)},
			"old":   {run("o20", 20), run("o30", 30), run("o40", 40)},
			"never": nil,
		}}
		a := &API{Executions: executions, Catalog: catalogOf{pipelines: []spinnaker.Pipeline{
			{ID: "busy", Name: "Busy"}, {ID: "old", Name: "Old one"}, {ID: "never", Name: "Never"}}}}
		for query, want := range map[string]string{
			"":                         "waiting o30 o20 b13 b1",
			"?limit=2":                 "waiting o30 o20 b1",
			"?limit=1":                 "waiting o20",
			"?limit=0":                 "",
			"?pipelineNameFilter=OLD":  "o30 o20",
			"?pipelineLimit=1":         "waiting b13 b1",
			"?pipelineLimit=&limit=10": "waiting o30 o20 b13 b1",
		} {
			var found []spinnaker.Execution
			get(t, a, "/applications/shop/pipelines"+query, &found)
			var ids []string
			for _, execution := range found {
				ids = append(ids, execution.ID)
			}
			if got := strings.Join(ids, " "); got != want {
				t.Errorf("%s: found %q, want %q", query, got, want)
			}
		}
	})
}

// Without `expand`, the store need not read what is large, and the stages of parents come empty too.
func TestParentsAreEmptied(t *testing.T) {
	stage := map[string]any{"refId": "1", "context": map[string]any{"group": "g", "manifest": "large"}, "outputs": map[string]any{"a": 1}, "tasks": []any{1}}
	grandparent := map[string]any{"stages": []any{map[string]any{"context": map[string]any{"x": 1}}}}
	executions := &runs{byConfig: map[string][]*spinnaker.Execution{"": {{ID: "E",
		Trigger: spinnaker.Trigger{"parentExecution": map[string]any{"stages": []any{stage}, "trigger": map[string]any{"parentExecution": grandparent}}},
		Stages:  []*spinnaker.Stage{{ID: "S", Context: map[string]any{"group": "g", "x": 1}, Outputs: map[string]any{"y": 1}, Tasks: []spinnaker.Task{{ID: "1"}}}}}}}}
	var found []map[string]any
	get(t, &API{Executions: executions}, "/applications/*/executions/search", &found)
	text, err := json.Marshal(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"manifest", `"x"`, `"y"`, `"a"`} {
		if strings.Contains(string(text), gone) {
			t.Errorf("%s is left in %s", gone, text)
		}
	}
	if n := strings.Count(string(text), `"context":{"group":"g"}`); n != 2 {
		t.Errorf("%d groups are left in %s", n, text)
	}
	if q := executions.queries[0]; !q.Brief || q.Application != "" || q.Limit != 10 {
		t.Errorf("asked %+v", q)
	}
}

// Warnings travel in headers, which proxies bound.
func TestWarnings(t *testing.T) {
	long := strings.Repeat("é", 300)
	a := &API{Catalog: catalogOf{warnings: slices.Concat([]string{"two\r\nlines\tand more", long}, make([]string, 40))}, User: func(*gin.Context) string { return "ann" }}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	a.Register(router)
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/pipelines", strings.NewReader(`{"name":"p","application":"a"}`)))
	sent := recorder.Header()[http.CanonicalHeaderKey(WarningsHeader)]
	if len(sent) != maxWarnings || sent[0] != "two lines and more" || sent[1] != strings.Repeat("é", 125)+"…" {
		t.Errorf("%d warnings: %q", len(sent), sent)
	}
}

func TestUnwrapped(t *testing.T) {
	inner := map[string]any{"type": "manual"}
	for _, test := range []struct {
		name  string
		given spinnaker.Trigger
		want  string
	}{
		{"nothing", nil, `{}`},
		{"a trigger", spinnaker.Trigger{"type": "manual"}, `{"type":"manual"}`},
		{"the wrapper of newer versions of spin", spinnaker.Trigger{"trigger": inner}, `{"type":"manual"}`},
		{"a trigger with a member of that name", spinnaker.Trigger{"trigger": inner, "type": "x"}, `{"trigger":{"type":"manual"},"type":"x"}`},
		{"no object", spinnaker.Trigger{"trigger": "x"}, `{"trigger":"x"}`},
	} {
		got, err := json.Marshal(unwrapped(test.given))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %s (%v), want %s", test.name, got, err, test.want)
		}
	}
}

// A variable of a later stage wins, but an empty one never does.
func TestTaskVariables(t *testing.T) {
	task := taskOf(&spinnaker.Execution{ID: "T", Stages: []*spinnaker.Stage{
		{Context: map[string]any{"a": 1, "b": 1}}, {Context: map[string]any{"a": "", "b": 2, "c": nil}}}})
	got, err := json.Marshal(task["variables"])
	if err != nil || string(got) != `[{"key":"a","value":1},{"key":"b","value":2},{"key":"c","value":null}]` {
		t.Errorf("%s, %v", got, err)
	}
	if _, there := task["endTime"]; there {
		t.Error("a task that has not ended has an end")
	}
}

func TestAbsent(t *testing.T) {
	for path, want := range map[string]string{
		"/v2/canaryConfig/x": "canary analysis (Kayenta)", "/managed/resources": "managed delivery (Keel)", "/applications": "", "/pipelines": "",
	} {
		if got := Absent(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// Encoded triggers of any kind are refused or read, never worse.
func FuzzTriggerPattern(f *testing.F) {
	for _, seed := range []string{"", "e30=", "e30", "eyJhIjoiYi8_In0", "bnVsbA==", "!", "eyJ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		if pattern, err := triggerPattern(encoded); err != nil && pattern != nil {
			t.Errorf("%q: %v and %v", encoded, pattern, err)
		}
	})
}
