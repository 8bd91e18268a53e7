package spinnaker

import (
	"encoding/json"
	"testing"
)

// What clients take for granted is there even when it is empty; times that are not set are left out.
func TestEmptyExecution(t *testing.T) {
	text, err := json.Marshal(Execution{Type: PipelineExecution, ID: "E", Application: "a", Status: NotStarted, Stages: []*Stage{{ID: "S", RefID: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"PIPELINE","id":"E","application":"a","status":"NOT_STARTED","canceled":false,"limitConcurrent":false,` +
		`"maxConcurrentExecutions":0,"keepWaitingPipelines":false,"authentication":{"user":"","allowedAccounts":[]},"notifications":[],` +
		`"systemNotifications":[],"initialConfig":{},"trigger":{},"stages":[{"id":"S","refId":"1","requisiteStageRefIds":[],"type":"","name":"",` +
		`"status":"","context":{},"outputs":{},"tasks":[]}]}`
	if string(text) != want {
		t.Errorf("found %s\nwant  %s", text, want)
	}
}

// Members that this version does not know survive, in the execution and in its stages.
func TestExecutionKeepsUnknown(t *testing.T) {
	const given = `{"type":"PIPELINE","id":"E","partition":"eu","buildTime":1755162000000,"trigger":{"x":1.0},` +
		`"stages":[{"id":"S","additionalMetricTags":{"a":"b"},"context":{"n":2.50}}]}`
	var execution Execution
	if err := json.Unmarshal([]byte(given), &execution); err != nil {
		t.Fatal(err)
	}
	if execution.Extra["partition"] != "eu" || execution.Stages[0].Extra["additionalMetricTags"] == nil {
		t.Errorf("unknown members: %v, of the stage: %v", execution.Extra, execution.Stages[0].Extra)
	}
	text, err := json.Marshal(execution)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := Decode(text, &back); err != nil {
		t.Fatal(err)
	}
	stage := back["stages"].([]any)[0].(map[string]any)
	if back["partition"] != "eu" || stage["additionalMetricTags"].(map[string]any)["a"] != "b" ||
		stage["context"].(map[string]any)["n"] != json.Number("2.50") || back["trigger"].(map[string]any)["x"] != json.Number("1.0") {
		t.Errorf("came back as %s", text)
	}
}

// Reading over an execution keeps what the second text does not name.
func TestExecutionReadOver(t *testing.T) {
	execution := Execution{ID: "E", Name: "n"}
	if err := json.Unmarshal([]byte(`{"notifications":[1]}`), &execution); err != nil {
		t.Fatal(err)
	}
	if execution.ID != "E" || execution.Name != "n" || len(execution.Notifications) != 1 {
		t.Errorf("%+v", execution)
	}
}

// What an execution is written as is read back as the same.
func FuzzExecution(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"id":"E","stages":[{"id":"S","tasks":[{"id":"1"}]}],"paused":{"paused":true}}`, `{"stages":[null]}`, `{"x":{"y":1.0}}`,
		`{"trigger":null,"notifications":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var execution Execution
		if json.Unmarshal(data, &execution) != nil {
			return
		}
		written, err := json.Marshal(execution)
		if err != nil {
			t.Fatal(err)
		}
		var again Execution
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		sameJSON(t, written, again)
	})
}

func TestStatuses(t *testing.T) {
	complete, halt, failed := map[Status]bool{}, map[Status]bool{}, map[Status]bool{}
	for _, status := range []Status{Succeeded, FailedContinue, Terminal, Canceled, Stopped, Skipped} {
		complete[status] = true
	}
	for _, status := range []Status{Terminal, Canceled, Stopped} {
		halt[status] = true
	}
	for _, status := range []Status{Terminal, Stopped, FailedContinue} {
		failed[status] = true
	}
	for _, status := range Statuses() {
		if status.Complete() != complete[status] || status.Halt() != halt[status] || status.Failed() != failed[status] {
			t.Errorf("%s: complete %v, halt %v, failed %v", status, status.Complete(), status.Halt(), status.Failed())
		}
	}
}

// The words of a failure name the stage and its reason.
func TestFailure(t *testing.T) {
	execution := Execution{ID: "E", Status: Terminal, CancellationReason: "because", Stages: []*Stage{
		{Name: "ok", Status: Succeeded},
		{Name: "Bake", Status: Terminal, Context: map[string]any{
			"exception": map[string]any{"details": map[string]any{"error": "x", "errors": []any{"chart: no such file", "second"}}}}},
		{Name: "Test", Status: Stopped, Context: map[string]any{"exception": map[string]any{"details": map[string]any{"error": "only this"}}}},
	}}
	const want = "execution E ended TERMINAL: because\nstage \"Bake\" is TERMINAL\n  chart: no such file\n  second\nstage \"Test\" is STOPPED\n  only this"
	if got := execution.Failure(); got != want {
		t.Errorf("found %q\nwant  %q", got, want)
	}
	if got := (&Stage{Status: Running, Context: map[string]any{MessageKey: "2 of 3"}}).Progress(); got != "RUNNING  2 of 3" {
		t.Errorf("Progress: %q", got)
	}
	if execution.Stage("none") != nil {
		t.Error("found a stage that is not there")
	}
}
