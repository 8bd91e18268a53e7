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
	var artifacts []spinnaker.Artifact
	for _, stage := range slices.Backward(runs[0].Stages) {
		if stage.ID != c.Stage.ID {
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

// EvaluateArtifacts is the stage type "evaluateArtifacts": texts with expressions become artifacts that hold them.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/EvaluateArtifactsStage.java.
func EvaluateArtifacts() Definition {
	return Definition{
		Type: "evaluateArtifacts", Tasks: []string{"evaluateArtifacts"},
		Run: func(_ context.Context, c Context) engine.Result {
			result := succeeded()
			for _, content := range objects(c.Config, "artifactContents") {
				body, _ := content["contents"].(string)
				result.Artifacts = append(result.Artifacts, spinnaker.Artifact{
					Type: artifact.Embedded, Name: text(content, "name"), UUID: text(content, "id"),
					Reference: base64.StdEncoding.EncodeToString([]byte(body)),
				})
			}
			return result
		},
	}
}
