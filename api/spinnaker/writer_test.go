package spinnaker

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

// What is written is byte for byte what encoding/json writes.
func FuzzEncode(f *testing.F) {
	for _, text := range readings {
		f.Add([]byte(text))
	}
	f.Add([]byte("[\"\\u2028 \\u2029 \\u0000 \\u001f \x7f \\u0080 é <a href='x'>&amp;</a>\", \"<>&\\b\\f\\n\\r\\t\\\\/\\\"\"]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var value any
		if Decode(data, &value) == nil {
			sameText(t, value, value)
		}
		var trigger Trigger
		if Decode(data, &trigger) == nil {
			sameText(t, trigger, map[string]any(trigger))
		}
		var stage Stage
		if Decode(data, &stage) == nil {
			sameText(t, &stage, plainStage(&stage))
		}
		var execution Execution
		if Decode(data, &execution) == nil {
			sameText(t, []*Execution{&execution, nil}, []any{plainExecution(&execution), nil})
		}
	})
}

// plainStage is a stage as encoding/json writes it without our help.
func plainStage(s *Stage) any {
	if s == nil {
		return nil
	}
	type plain Stage
	return plainWith(plain(s.filled()), s.Extra)
}

func plainExecution(e *Execution) any {
	type plain Execution
	stages := []any{}
	for _, stage := range e.Stages {
		stages = append(stages, plainStage(stage))
	}
	return plainWith(struct {
		plain
		Stages []any `json:"stages"`
	}{plain(e.filled()), stages}, e.Extra)
}

func plainWith(known any, extra map[string]any) any {
	if len(extra) == 0 {
		return known
	}
	data, _ := json.Marshal(known)
	object := map[string]json.RawMessage{}
	_ = json.Unmarshal(data, &object)
	all := map[string]any{}
	for name, value := range extra {
		all[name] = value
	}
	for name, value := range object {
		all[name] = value
	}
	return all
}

// sameText compares Encode with json.Marshal, and both with each other for the value itself.
func sameText(t *testing.T, value, plain any) {
	t.Helper()
	want, wantErr := json.Marshal(plain)
	got, err := Encode(value)
	if string(got) != string(want) || (err == nil) != (wantErr == nil) {
		t.Fatalf("written as\n%s (%v)\nby encoding/json as\n%s (%v)", got, err, want, wantErr)
	}
	if got, err := json.Marshal(value); string(got) != string(want) || (err == nil) != (wantErr == nil) {
		t.Fatalf("json.Marshal writes\n%s (%v)\nwithout our help\n%s (%v)", got, err, want, wantErr)
	}
}

// Values that agents make themselves are written as encoding/json writes them, and refused where it refuses them.
func TestEncode(t *testing.T) {
	loop := map[string]any{}
	loop["again"] = []any{loop}
	var deep any
	for range 3000 {
		deep = map[string]any{"a": []any{deep}}
	}
	for _, value := range []any{
		nil, true, 1, -1.5, "x", []string(nil), []string{"<"}, []any(nil), map[string]any(nil), Trigger(nil), (*Stage)(nil), (*Execution)(nil), []*Stage(nil),
		json.Number(""), json.Number(" 1"), json.Number("1 "), json.Number("01"), json.Number("x"), json.Number("-0.0e+1"), json.RawMessage(` {"a" : "<"} `),
		map[string]any{"b": 1, "a": time.Unix(0, 0).UTC(), "": Artifact{Name: "&"}, "f": float32(1e21), "s": Succeeded, "n": map[string]string{"k": "v"}},
		map[string]any{"f": func() {}}, []any{math.NaN()}, loop, deep, "\xff", map[string]any{"\xff": 1, "\u2028": 2},
		[]Pipeline{{}, {Document: map[string]any{"a": "<"}}}, &Pipeline{}, []Pipeline(nil),
	} {
		sameText(t, value, value)
	}
	for _, value := range []any{Execution{Trigger: loop}, &Stage{Context: map[string]any{"f": func() {}}}, &Stage{Extra: map[string]any{"f": func() {}}}} {
		if data, err := Encode(value); err == nil || data != nil {
			t.Errorf("%T: written as %s, %v", value, data, err)
		}
	}
	paused := Execution{Paused: &PauseDetails{PausedMS: 3}, Stages: []*Stage{nil, {LastModified: &LastModified{}}}}
	sameText(t, []*Execution{&paused}, []any{plainExecution(&paused)})
	if text, _ := Encode(paused); !strings.Contains(string(text), `"paused":{"paused":false,"pausedMs":3}`) {
		t.Errorf("written as %s", text)
	}
}
