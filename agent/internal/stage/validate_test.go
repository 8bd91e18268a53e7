package stage

import (
	"context"
	"io"
	"testing"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestValidate: what is wrong with a stage is said when it is saved, with the field it is about.
func TestValidate(t *testing.T) {
	open := func(context.Context, spinnaker.Artifact) (io.ReadCloser, bool, error) { return nil, false, io.EOF }
	types := map[string]Definition{}
	for _, d := range []Definition{Wait(), WaitUntil(), ManualJudgment(nil), CheckPreconditions(), EvaluateVariables(), Pipeline(),
		MonitorPipeline(), FindArtifacts(), EvaluateArtifacts(), SavePipelines(open, nil)} {
		types[d.Type] = d
	}
	for _, test := range []struct {
		stageType, config string
		findings          []string
	}{
		{"wait", `{"waitTime":"soon","skipRemainingWait":"perhaps"}`, []string{`waitTime: found "soon", expected a number of seconds`,
			`skipRemainingWait: found "perhaps", expected true or false`}},
		{"wait", `{"waitTime":"${trigger.n}"}`, nil},
		{"wait", `{"waitTime":30}`, nil},
		{"wait", `{}`, nil},
		{"waitUntil", `{}`, []string{"epochMillis: it is missing: until when is to be waited, in milliseconds since 1970?"}},
		{"waitUntil", `{"epochMillis":"tomorrow"}`, []string{`epochMillis: found "tomorrow", expected a number of milliseconds since 1970`}},
		{"manualJudgment", `{"judgmentInputs":[{"value":"a"},{},"x"],"preventSelfApproval":"no","selectedStageRoles":["a",1],"notifications":[{"notifyEveryMs":"often"}]}`,
			[]string{"judgmentInputs[2]: found a text, expected an object", "judgmentInputs[1].value: it is missing: which choice is it?",
				`preventSelfApproval: found "no", expected true or false`, `notifications[0].notifyEveryMs: found "often", expected a number of milliseconds`,
				"selectedStageRoles[1]: found a number, expected a text"}},
		{"manualJudgment", `{"judgmentInputs":[{"value":"a"}],"preventSelfApproval":"true","notifications":[{"notifyEveryMs":-1}]}`, nil},
		{"checkPreconditions", `{"preconditions":[{"type":"expression","context":{}},{"type":"stageStatus","context":{"stageName":"a"}},{"type":"clusterSize"},{}]}`,
			[]string{"preconditions[0].context.expression: it is missing: what is to hold?", "preconditions[1].context.stageStatus: it is missing",
				`preconditions[2].type: found "clusterSize", expected one of expression, stageStatus, noop`,
				"preconditions[3].type: it is missing: expected expression, stageStatus or noop"}},
		{"checkPreconditions", `{"preconditions":[{"type":"expression","failPipeline":true,"context":{"expression":"${a}"}},{"type":"noop"}]}`, nil},
		{"evaluateVariables", `{"variables":[{"value":"x"},{"key":{"a":1}}]}`, []string{
			"variables[0].key: it is missing: under which name is the value to be found?", "variables[1].key: found an object, expected a text"}},
		{"evaluateVariables", `{"variables":"${a}"}`, nil},
		{"evaluateVariables", `{"variables":{"a":1}}`, []string{"variables: found an object, expected a list"}},
		{"pipeline", `{"pipelineParameters":["a"]}`, []string{"pipeline: it is missing: which pipeline is to be run? It is named by its id",
			"pipelineParameters: found a list, expected an object"}},
		{"pipeline", `{"pipeline":"${#pipelineId('x')}","waitForCompletion":"${b}"}`, nil},
		{"monitorPipeline", `{"monitorBehavior":"Never"}`, []string{"executionIds: it is missing: which executions are to be watched?",
			`monitorBehavior: found "Never", expected one of WaitForAllToComplete, FailFast`}},
		{"monitorPipeline", `{"executionIds":"${ids}"}`, nil},
		{"findArtifactFromExecution", `{"executionOptions":{"running":"x"}}`, []string{
			"pipeline: it is missing: the artifacts of which pipeline are to be found? It is named by its id",
			"expectedArtifacts: it is missing: which artifacts are to be found?", `executionOptions.running: found "x", expected true or false`}},
		{"findArtifactFromExecution", `{"pipeline":"p","expectedArtifact":{"id":"a"}}`, nil},
		{"evaluateArtifacts", `{"artifactContents":[{"contents":"x"}]}`, []string{"artifactContents[0].name: it is missing: what is the artifact called?"}},
		{"savePipelinesFromArtifact", `{}`, []string{"pipelinesArtifactId: it is missing, and so is pipelinesArtifact: which artifact holds the pipelines?"}},
		{"savePipelinesFromArtifact", `{"pipelinesArtifact":"x"}`, []string{"pipelinesArtifact: found a text, expected an object"}},
		{"savePipelinesFromArtifact", `{"pipelinesArtifactId":"a"}`, nil},
	} {
		var config map[string]any
		if err := spinnaker.Decode([]byte(test.config), &config); err != nil {
			t.Fatal(err)
		}
		expectEqual(t, test.stageType+" "+test.config, types[test.stageType].Validate(config), test.findings)
	}
}
