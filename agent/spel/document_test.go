package spel_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/spel"
)

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := spel.Decode([]byte(text))
	if err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return v
}

func encode(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDocument(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"typed values", `{"n":"${1+1}","d":"${1.0}","b":"${true}","l":"${{1,'a'}}","m":"${{x:1}}"}`, `{"n":2,"d":1.0,"b":true,"l":[1,"a"],"m":{"x":1}}`},
		{"text around", `{"a":"by ${user}, ${n} times"}`, `{"a":"by ann, 3 times"}`},
		{"keys", `{"k-${n}":{"${user}":1}}`, `{"k-3":{"ann":1}}`},
		{"keys of other types", `{"${n}":1,"${{1,2}}":2}`, `{"3":1,"[1, 2]":2}`},
		{"lists", `{"l":["${n}",["${user}"],{"x":"${n}"}]}`, `{"l":[3,["ann"],{"x":3}]}`},
		{"order is kept", `{"z":"${n}","a":"${n}","m":1}`, `{"z":3,"a":3,"m":1}`},
		{"a sibling's result is not seen", `{"n":"${9}","x":"${n}"}`, `{"n":9,"x":3}`},
		{"results are final", `{"x":"${hidden}"}`, `{"x":"${user}"}`},
		{"null keeps the text", `{"x":"${nope}"}`, `{"x":"${nope}"}`},
		{"null inside keeps its part", `{"x":"a.${ nope }.b.${user}"}`, `{"x":"a.${nope}.b.ann"}`},
		{"an error keeps all of it", `{"x":"${user}-${nope.x}"}`, `{"x":"${user}-${nope.x}"}`},
		{"maps have no text", `{"x":"a ${map}"}`, `{"x":"a ${map}"}`},
		{"no escape", `{"x":"${'${x}'}"}`, `{"x":"${x}"}`},
		{"other values", `{"a":1,"b":1.50,"c":null,"d":true,"e":"$ {} }","f":12345678901234567890}`, `{"a":1,"b":1.50,"c":null,"d":true,"e":"$ {} }","f":12345678901234567890}`},
		{"not a number", `{"x":"${0.0/0}","y":"${1.0/0}"}`, `{"x":"NaN","y":"Infinity"}`},
	}
	root := decode(t, `{"user":"ann","n":3,"map":{"k":"v"},"hidden":"${user}"}`)
	engine := spel.New(spel.Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := engine.EvalDocument(t.Context(), decode(t, tt.doc), &spel.Env{Root: root})
			if s := encode(t, got); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
		})
	}
}

// TestDocumentOfGoMaps shows what callers get who decode with encoding/json.
func TestDocumentOfGoMaps(t *testing.T) {
	var doc, root map[string]any
	for text, into := range map[string]*map[string]any{
		`{"a":"${n}","b":{"c":["${list}"]},"same":{"x":1}}`: &doc,
		`{"n":3,"list":[1,{"k":2.5}]}`:                      &root,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	got, summary := spel.New(spel.Config{}).EvalDocument(t.Context(), doc, &spel.Env{Root: root})
	want := map[string]any{
		"a":    json.Number("3"),
		"b":    map[string]any{"c": []any{[]any{json.Number("1"), map[string]any{"k": json.Number("2.5")}}}},
		"same": map[string]any{"x": 1.0},
	}
	if !reflect.DeepEqual(got, want) || !summary.OK() {
		t.Errorf("got %#v\nwant %#v", got, want)
	}
}

func TestDocumentLeavesItsInputAlone(t *testing.T) {
	doc := decode(t, `{"a":"${n}","l":["${n}"],"${n}":1}`)
	root := decode(t, `{"n":3,"l":[1],"m":{"k":[2]}}`)
	before := encode(t, doc) + encode(t, root)
	engine := spel.New(spel.Config{})
	env := &spel.Env{Root: root}
	got, _ := engine.EvalDocument(t.Context(), doc, env)
	for _, text := range []string{"l.add(2)", "m.put('x', 1)", "m.clear()", "l.remove(1)", "m.k.addAll({1})", "n = 4", "n++", "#n = 2", "m.keySet().clear()"} {
		if _, err := engine.Eval(t.Context(), text, env); err == nil {
			t.Errorf("%s did not fail", text)
		}
	}
	v, err := engine.Eval(t.Context(), "m", env)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := v.Plain()
	if err != nil {
		t.Fatal(err)
	}
	plain.(map[string]any)["k"].([]any)[0] = "changed" // a result is the caller's
	if after := encode(t, doc) + encode(t, root); after != before {
		t.Errorf("changed from %s to %s", before, after)
	}
	if s := encode(t, got); s != `{"a":3,"l":[3],"3":1}` {
		t.Errorf("got %s", s)
	}
}

func TestSummary(t *testing.T) {
	engine := spel.New(spel.Config{Now: func() time.Time { return time.UnixMilli(1700000000000) }})
	env := benchEnv(t)
	doc := decode(t, `{"ok":"${1}","image":"${trigger.properties.imagName}","overrides":{"image.repository":"x-${nope.y}"},
		"args":["${nope.z}"],"same":"${trigger.properties.imagName}"}`)
	_, summary := engine.EvalDocument(t.Context(), doc, env)
	if summary.Total != 5 || summary.Failures != 4 || summary.OK() {
		t.Errorf("total %d, failures %d", summary.Total, summary.Failures)
	}
	want := `{"nope.z":[{"level":"ERROR","description":"Failed to evaluate {nope.z} EL1007E: nope is null, so it has no \"z\": the context has no \"nope\"; it has: own, waitTime, parameters, comments, execution, trigger, scmInfo, shared, …; write \"?.\" or \"?:\" if it may be missing","exceptionType":"org.springframework.expression.spel.SpelEvaluationException","timestamp":1700000000000}],` +
		`"trigger.properties.imagName":[{"level":"INFO","description":"Failed to evaluate [image, same] : trigger.properties.imagName not found","timestamp":1700000000000}],` +
		`"x-nope.y":[{"level":"ERROR","description":"Failed to evaluate [image.repository] EL1007E: nope is null, so it has no \"y\": the context has no \"nope\"; it has: own, waitTime, parameters, comments, execution, trigger, scmInfo, shared, …; write \"?.\" or \"?:\" if it may be missing","exceptionType":"org.springframework.expression.spel.SpelEvaluationException","timestamp":1700000000000}]}`
	if got := strings.ReplaceAll(encode(t, summary), `\u0026`, "&"); got != want {
		t.Errorf("summary\n got %s\nwant %s", got, want)
	}
	var warnings []string
	for _, w := range summary.Warnings {
		warnings = append(warnings, w.String())
	}
	wantWarnings := []string{
		`image: trigger.properties has no "imagName"; it has: imageName, semVer, with.dot, empty`,
		`overrides["image.repository"]: EL1007E: nope is null, so it has no "y"`,
		`args[0]: EL1007E: nope is null, so it has no "z"`,
		`same: trigger.properties has no "imagName"; it has: imageName, semVer, with.dot, empty`,
	}
	for i, want := range wantWarnings {
		if i >= len(warnings) || !strings.HasPrefix(warnings[i], want) {
			t.Errorf("warning %d: got %q, want %q", i, warnings, want)
			break
		}
	}
	if got := len(summary.Descriptions()); got != 3 {
		t.Errorf("%d descriptions", got)
	}
}

// TestSummaryUpdate follows a stage's field over two evaluations.
func TestSummaryUpdate(t *testing.T) {
	engine := spel.New(spel.Config{})
	doc := decode(t, `{"a":"${x}","b":"${y.z}"}`)
	_, first := engine.EvalDocument(t.Context(), doc, &spel.Env{Root: decode(t, `{}`)})
	field := first.Update(nil)
	if len(field) != 2 {
		t.Fatalf("after the first: %v", field)
	}
	field["other"] = []any{}
	_, second := engine.EvalDocument(t.Context(), doc, &spel.Env{Root: decode(t, `{"x":1}`)})
	field = second.Update(field)
	if _, gone := field["x"]; gone || len(field) != 2 || field["other"] == nil || field["y.z"] == nil {
		t.Errorf("after the second: %v", field)
	}
	_, third := engine.EvalDocument(t.Context(), doc, &spel.Env{Root: decode(t, `{"x":1,"y":{"z":2}}`)})
	if field = third.Update(map[string]any{"y.z": nil}); field != nil {
		t.Errorf("after the third: %v", field)
	}
}

func TestSummaryNamesStageFunctionsAsOrcaDoes(t *testing.T) {
	_, summary := spel.New(spel.Config{}).EvalTemplate(t.Context(), "${#stage('Nope').status}", benchEnv(t))
	for key := range summary.Notes() {
		if key != "#stage( #root.execution, 'Nope').status" {
			t.Errorf("key %q", key)
		}
	}
}

func TestManyEvaluationsAtOnce(t *testing.T) {
	engine := spel.New(spel.Config{CacheSize: 8})
	env := benchEnv(t)
	doc := benchDocument(t)
	want, _ := engine.EvalDocument(t.Context(), doc, env)
	wantText := encode(t, want)
	done := make(chan string)
	for g := range 8 {
		go func() {
			for i := range 50 {
				if _, err := engine.Eval(t.Context(), fmt.Sprintf("%d + waitTime", i%20), env); err != nil {
					done <- err.Error()
					return
				}
				got, _ := engine.EvalDocument(t.Context(), doc, env)
				if data, err := json.Marshal(got); err != nil || string(data) != wantText {
					done <- fmt.Sprintf("goroutine %d: %s (%v)", g, data, err)
					return
				}
			}
			done <- ""
		}()
	}
	for range 8 {
		if problem := <-done; problem != "" {
			t.Error(problem)
		}
	}
}
