package stage

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// FindArtifacts is the stage type "findArtifactFromExecution": it takes artifacts over from the newest execution of a
// pipeline that has one of the statuses asked for.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/FindArtifactFromExecutionStage.java.
func FindArtifacts() Definition {
	return Definition{
		Type: "findArtifactFromExecution", Tasks: []string{"findArtifactFromExecution"},
		Change: func(_ context.Context, c Context) (engine.Result, error) { return findArtifacts(c) },
		Validate: func(config map[string]any) []string {
			f := saving(config)
			if f.missing("pipeline") {
				f.wrong("pipeline", "it is missing: the artifacts of which pipeline are to be found? It is named by its id")
			}
			if len(f.objects("expectedArtifacts")) == 0 && f.of["expectedArtifact"] == nil && !isExpression(f.of["expectedArtifacts"]) {
				f.wrong("expectedArtifacts", "it is missing: which artifacts are to be found?")
			}
			options := f.object("executionOptions")
			for _, key := range []string{"succeeded", "successful", "terminal", "running"} {
				options.flag(key)
			}
			return *f.found
		},
	}
}

func findArtifacts(c Context) (engine.Result, error) {
	expected, err := expectedOf(c.Config)
	if err != nil {
		return failed("%v", err), nil
	}
	pipelineID := text(c.Config, "pipeline")
	statuses := wantedStatuses(c.Config)
	runs, err := c.Tx.Executions(store.ExecutionQuery{
		Type: spinnaker.PipelineExecution, PipelineConfigIDs: []string{pipelineID}, Statuses: statuses, Limit: 1,
	})
	if err != nil {
		return engine.Result{}, err
	}
	if len(runs) == 0 {
		return failed("no execution of pipeline %s of application %q has one of the statuses %v: run it first, or allow more statuses in the stage's executionOptions",
			pipelineID, text(c.Config, "application"), statuses), nil
	}
	own := pipelineID == c.Execution.PipelineConfigID
	var artifacts []spinnaker.Artifact
	for _, stage := range slices.Backward(runs[0].Stages) {
		if !own || stage.RefID != c.Stage.RefID {
			artifacts = append(artifacts, engine.Artifacts(stage.Outputs["artifacts"])...)
		}
	}
	artifacts = append(artifacts, engine.Artifacts(runs[0].Trigger["artifacts"])...)
	bound, err := artifact.Bind(expected, artifacts)
	if err != nil {
		return failed("%v", err), nil
	}
	resolved, err := spinnaker.Plain(bound)
	if err != nil {
		return engine.Result{}, fmt.Errorf("keep the artifacts found: %w", err)
	}
	result := succeeded()
	result.Outputs = map[string]any{"resolvedExpectedArtifacts": resolved}
	for _, one := range bound {
		result.Artifacts = append(result.Artifacts, *one.BoundArtifact)
	}
	return result, nil
}

// wantedStatuses are the statuses that the stage's options name; none when they name none.
func wantedStatuses(config map[string]any) []spinnaker.Status {
	options, _ := config["executionOptions"].(map[string]any)
	var statuses []spinnaker.Status
	for _, option := range []struct {
		key    string
		status spinnaker.Status
	}{
		{"succeeded", spinnaker.Succeeded}, {"successful", spinnaker.Succeeded},
		{"terminal", spinnaker.Terminal}, {"running", spinnaker.Running},
	} {
		if wanted, _ := engine.Bool(options[option.key]); wanted && !slices.Contains(statuses, option.status) {
			statuses = append(statuses, option.status)
		}
	}
	return statuses
}

// expectedOf reads what a stage expects: a list, or in old pipelines a single one.
func expectedOf(config map[string]any) ([]spinnaker.ExpectedArtifact, error) {
	given := config["expectedArtifacts"]
	if one, ok := config["expectedArtifact"]; ok && given == nil {
		given = []any{one}
	}
	data, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	var expected []spinnaker.ExpectedArtifact
	if err := spinnaker.Decode(data, &expected); err != nil {
		return nil, fmt.Errorf("expectedArtifacts: %w", err)
	}
	return expected, nil
}

// contentsKey is the member of an evaluateArtifacts stage that holds the texts.
const contentsKey = "artifactContents"

// EvaluateArtifacts is the stage type "evaluateArtifacts": texts with expressions become artifacts that hold them. Later
// ones see earlier ones under their names.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/EvaluateArtifactsStage.java.
func EvaluateArtifacts() Definition {
	return Definition{
		Type: "evaluateArtifacts", Tasks: []string{"evaluateArtifacts", "bindArtifacts"}, Own: []string{contentsKey},
		Run: evaluateArtifacts,
		Validate: func(config map[string]any) []string {
			f := saving(config)
			for _, content := range f.objects(contentsKey) {
				if content.missing("name") {
					content.wrong("name", "it is missing: what is the artifact called?")
				}
			}
			return *f.found
		},
	}
}

func evaluateArtifacts(ctx context.Context, c Context) engine.Result {
	result := succeeded()
	names := map[string]any{}
	left := unevaluatedIn(c.Config, contentsKey)
	for i, content := range objects(c.Config, contentsKey) {
		env := c.Env()
		env.Root = names
		evaluated, outcome := c.Expressions.EvalDocument(ctx, content["contents"], env)
		left.add(fmt.Sprintf("%s[%d].contents", contentsKey, i), outcome)
		if !outcome.OK() {
			evaluated = content["contents"]
		}
		body, isText := evaluated.(string)
		if !isText {
			data, err := json.Marshal(evaluated)
			if err != nil {
				return failed("%s: %q: %v", contentsKey, text(content, "name"), err)
			}
			body = string(data)
		}
		name := text(content, "name")
		if name != "" && outcome.OK() {
			names[name] = evaluated
		}
		result.Artifacts = append(result.Artifacts, spinnaker.Artifact{
			Type: artifact.Embedded, Name: name, UUID: text(content, "id"), Reference: base64.StdEncoding.EncodeToString([]byte(body)),
		})
	}
	left.keep(&result)
	return result
}
