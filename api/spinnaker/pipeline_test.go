package spinnaker

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// A configuration comes back with everything it was saved with, numbers as they were spelt.
func TestPipelineRoundTrip(t *testing.T) {
	const saved = `{"application":"shop","disabled":false,"index":3,"limitConcurrent":"true","maxConcurrentExecutions":"2",` +
		`"name":"deploy","parameterConfig":[{"default":1.50,"name":"n","options":[{"value":"x"}],"required":"false"}],` +
		`"stages":[{"name":"w","refId":1,"requisiteStageRefIds":[0],"type":"wait","waitTime":41.0}],` +
		`"triggers":[{"enabled":true,"job":"a/job/b","type":"jenkins","x":null}],"unknown":{"big":12345678901234567890,"small":1e-7}}`
	var p Pipeline
	if err := json.Unmarshal([]byte(saved), &p); err != nil {
		t.Fatal(err)
	}
	back, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if string(back) != saved {
		t.Errorf("saved:\n%s\ncame back:\n%s", saved, back)
	}
	if !p.LimitConcurrent || p.MaxConcurrentExecutions != 2 || *p.Index != 3 || p.Parameters[0].Required {
		t.Errorf("the typed part is %+v", p)
	}
	stage := p.Stages[0]
	if stage.RefID != "1" || stage.Requisites[0] != "0" || stage.Type != "wait" || stage.Context["waitTime"] != json.Number("41.0") {
		t.Errorf("the stage is %+v", stage)
	}
}

// Names of members are exact, as in Spinnaker: encoding/json alone would take "Disabled" for disabled.
func TestMembersAreExact(t *testing.T) {
	var p Pipeline
	if err := json.Unmarshal([]byte(`{"name":"a","Name":"b","Disabled":true,"INDEX":1,"STAGES":[{}]}`), &p); err != nil {
		t.Fatal(err)
	}
	if p.Name != "a" || p.Disabled || p.Index != nil || p.Stages != nil {
		t.Errorf("members of other names were taken: %+v", p)
	}
	if p.Document["Disabled"] != true {
		t.Error("an unknown member was lost")
	}
}

func TestPipelineRefused(t *testing.T) {
	for given, want := range map[string]string{
		`[]`:                                    "pipeline: found a list, expected an object",
		`"x"`:                                   "pipeline: found a text, expected an object",
		`{"stages":{}}`:                         "pipeline: stages: found an object, expected a list",
		`{"stages":["x"]}`:                      "pipeline: stages: stage: found a text, expected an object",
		`{"disabled":"perhaps"}`:                "pipeline: disabled: found a text, expected true or false",
		`{"disabled":1}`:                        "pipeline: disabled: found a number, expected true or false",
		`{"index":1.5}`:                         "pipeline: index: found the number 1.5, expected a whole number",
		`{"name":{}}`:                           "pipeline: name: found an object, expected a text",
		`{"triggers":["x"]}`:                    "pipeline: triggers: found a text, expected an object",
		`{"parameterConfig":[{"required":[]}]}`: "pipeline: parameterConfig: required: found a list, expected true or false",
	} {
		var p Pipeline
		err := json.Unmarshal([]byte(given), &p)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", given, err, want)
		}
	}
}

// Scalars of another type are taken when they can mean nothing else, as Jackson does.
func TestCoercedScalars(t *testing.T) {
	var p Pipeline
	given := `{"id":7,"name":true,"updateTs":1755162000000,"disabled":"TRUE","index":"-1","startTimeExpiry":"1755162000000","keepWaitingPipelines":null}`
	if err := json.Unmarshal([]byte(given), &p); err != nil {
		t.Fatal(err)
	}
	if p.ID != "7" || p.Name != "true" || p.UpdateTS != "1755162000000" || !p.Disabled || *p.Index != -1 || p.StartTimeExpiry != 1755162000000 {
		t.Errorf("%+v", p)
	}
}

func TestPipelineWith(t *testing.T) {
	p, err := PipelineOf(map[string]any{"name": "a", "id": "1", "keep": map[string]any{"x": json.Number("1.0")}})
	if err != nil {
		t.Fatal(err)
	}
	changed, err := p.With(map[string]any{"name": "b", "id": nil, "index": 2})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), `{"index":2,"keep":{"x":1.0},"name":"b"}`; got != want {
		t.Errorf("With gives %s, want %s", got, want)
	}
	if p.Name != "a" || p.Document["id"] != "1" || changed.ID != "" || *changed.Index != 2 {
		t.Errorf("before: %+v, after: %+v", p, changed)
	}
	if _, err := p.With(map[string]any{"stages": "none"}); err == nil || !strings.Contains(err.Error(), "stages") {
		t.Errorf("a member of the wrong type: %v", err)
	}
}

// Whatever is read as a configuration is written back as the same JSON.
func FuzzPipeline(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"name":"a","stages":[{"refId":1,"requisiteStageRefIds":["0",2]}]}`, `{"stages":[null,{"type":null}]}`,
		`{"triggers":[null]}`, `{"index":"3","limitConcurrent":"true"}`, `{"a":1.0,"b":1e400,"c":-0}`, `{"expectedArtifacts":[{"matchArtifact":{"kind":"x","y":1}}]}`,
		`{"parameterConfig":[{"default":[1]}]}`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Pipeline
		if json.Unmarshal(data, &p) != nil {
			return
		}
		sameJSON(t, data, p)
	})
}

// sameJSON fails unless a value is written as the JSON it was read from, numbers as they were spelt.
func sameJSON(t *testing.T, read []byte, value any) {
	t.Helper()
	var want any
	if err := Decode(read, &want); err != nil {
		t.Fatalf("%q was read although it is not JSON: %v", read, err)
	}
	wanted, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Plain(value)
	if err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(wanted, written) {
		t.Errorf("read %s\nwritten %s", wanted, written)
	}
}
