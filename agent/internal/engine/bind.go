package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	artifactsKey = "artifacts"
	resolvedKey  = "resolvedExpectedArtifacts"
	expectedKey  = "expectedArtifacts"
	// reportKey is Gennaker's own: why each expected artifact was bound to what it is.
	reportKey = "artifactReport"
)

// Artifacts reads a JSON list of artifacts; what is none is left out.
func Artifacts(value any) []spinnaker.Artifact { return decodeList[spinnaker.Artifact](value) }

func expectedArtifacts(value any) []spinnaker.ExpectedArtifact {
	return decodeList[spinnaker.ExpectedArtifact](value)
}

func decodeList[T any](value any) []T {
	var decoded []T
	for _, item := range list(value) {
		data, err := json.Marshal(item)
		if err != nil {
			continue
		}
		var one T
		if err := spinnaker.Decode(data, &one); err == nil {
			decoded = append(decoded, one)
		}
	}
	return decoded
}

// plainList turns a list into plain JSON values.
func plainList[T any](items []T) []any {
	out := make([]any, 0, len(items))
	for _, item := range items {
		if plain, err := spinnaker.Plain(item); err == nil {
			out = append(out, plain)
		}
	}
	return out
}

// addArtifacts adds artifacts to a stage's outputs, each once.
func addArtifacts(stage *spinnaker.Stage, artifacts []spinnaker.Artifact) {
	if len(artifacts) == 0 {
		return
	}
	present := list(stage.Outputs[artifactsKey])
	known := make([]string, 0, len(present))
	for _, item := range present {
		known = append(known, encoded(item))
	}
	out := slices.Clone(present)
	for _, item := range plainList(artifacts) {
		if text := encoded(item); !slices.Contains(known, text) {
			known = append(known, text)
			out = append(out, item)
		}
	}
	stage.Outputs[artifactsKey] = out
}

func encoded(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(data)
}

// bindExpected binds the artifacts that a stage is expected to produce, each to the first that meets it among what the
// stage produced and sees. What it produced besides is not handed on. It says why one could not be bound, or "".
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/tasks/artifacts/BindProducedArtifactsTask.java.
func bindExpected(ex *Execution, stage *spinnaker.Stage) string {
	expected := expectedArtifacts(stage.Context[expectedKey])
	if len(expected) == 0 {
		return ""
	}
	bound, err := artifact.Bind(expected, VisibleArtifacts(ex.Execution, stage))
	if err != nil {
		return Explained(err).Error()
	}
	delete(stage.Outputs, artifactsKey)
	for _, one := range bound {
		addArtifacts(stage, []spinnaker.Artifact{*one.BoundArtifact})
	}
	stage.Outputs[resolvedKey] = plainList(bound)
	return ""
}

// Explained adds to Orca's text of a missing artifact what there was in its place.
func Explained(err error) error {
	if unmatched := (*artifact.UnmatchedError)(nil); errors.As(err, &unmatched) {
		return fmt.Errorf("%w %s", err, unmatched.Detail())
	}
	return err
}

// resolveArtifacts binds what the pipeline expects at its start, and puts it into the trigger.
func resolveArtifacts(pipeline spinnaker.Pipeline, trigger spinnaker.Trigger, opts LaunchOptions) error {
	received := slices.Concat(opts.Received, Artifacts(pipeline.Document["receivedArtifacts"]), Artifacts(trigger[artifactsKey]))
	resolution, err := artifact.Resolve(pipeline.ExpectedArtifacts, trigger.Texts("expectedArtifactIds"), received, opts.Prior)
	if err != nil {
		return Explained(err)
	}
	trigger[artifactsKey] = plainList(resolution.Artifacts)
	trigger[resolvedKey] = plainList(resolution.Expected())
	trigger[expectedKey] = plainList(resolution.Expected())
	if len(resolution.Report) > 0 {
		trigger[reportKey] = plainList(resolution.Entries())
	}
	return nil
}
