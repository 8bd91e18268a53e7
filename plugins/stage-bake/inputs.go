package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// resolveInputs finds the artifact of each input: the chart, then the values files.
func resolveInputs(ctx context.Context, req *sdk.Request, inputs []inputArtifact) ([]sdk.Artifact, error) {
	if len(inputs) == 0 {
		return nil, noInputs
	}
	var out []sdk.Artifact
	for _, input := range inputs {
		artifact, ok := findInput(req, input)
		if !ok {
			return nil, spinnakerError(fmt.Sprintf("Input artifact (id: %s, account: %s) could not be found in execution (id: %s). "+
				"Check that the trigger or an earlier stage expects an artifact of this id",
				orNull(input.ID), orNull(input.Account), req.ExecutionID))
		}
		if input.Account != "" {
			artifact.ArtifactAccount = input.Account
		}
		artifact, err := evaluateArtifact(ctx, req.Host, artifact)
		if err != nil {
			return nil, err
		}
		out = append(out, artifact)
	}
	return out, nil
}

// findInput looks an input up: by id among the bound expected artifacts that the stage sees, nearest first, else the
// artifact that stands in the stage itself.
//
// Source: spinnaker/spinnaker orca/orca-core ArtifactUtils.java, getBoundArtifactForStage.
func findInput(req *sdk.Request, input inputArtifact) (sdk.Artifact, bool) {
	if input.ID == "" {
		if input.Artifact == nil {
			return sdk.Artifact{}, false
		}
		return *input.Artifact, true
	}
	for _, expected := range req.ExpectedArtifacts {
		if expected.ID != input.ID {
			continue
		}
		bound := expected.Bound
		if bound.ArtifactAccount == "" {
			bound.ArtifactAccount = expected.Match.ArtifactAccount
		}
		return bound, true
	}
	return sdk.Artifact{}, false
}

// evaluateArtifact evaluates what expressions an artifact still has, such as those of a default artifact.
func evaluateArtifact(ctx context.Context, host *sdk.Host, artifact sdk.Artifact) (sdk.Artifact, error) {
	text, err := json.Marshal(artifact)
	if err != nil || !strings.Contains(string(text), "${") {
		return artifact, err
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return artifact, err
	}
	evaluated, err := host.Evaluate(ctx, document)
	if err != nil {
		return artifact, err
	}
	if len(evaluated.Warnings) > 0 {
		return artifact, fmt.Errorf("input artifact %s %q: %s", artifact.Type, label(artifact), strings.Join(evaluated.Warnings, "; "))
	}
	if text, err = json.Marshal(evaluated.Document); err != nil {
		return artifact, err
	}
	result := sdk.Artifact{Blob: artifact.Blob}
	return result, json.Unmarshal(text, &result)
}

// label names an artifact in texts for people.
func label(a sdk.Artifact) string {
	if a.Name != "" {
		return a.Name
	}
	return a.Reference
}

// orNull prints what is missing as Java does, since the text is Spinnaker's.
func orNull(text string) string {
	if text == "" {
		return "null"
	}
	return text
}
