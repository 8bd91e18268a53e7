package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gennaker/gennaker/plugins/sdk"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name, more string
		want       []sdk.FieldError
	}{
		{name: "fine", more: `{}`},
		{name: "expressions are left for later", more: `{"templateRenderer": "${a}", "outputName": "${b}", "overrides": "${c}", "rawOverrides": "${d}", "kubeVersion": "${e}"}`},
		{name: "unknown fields are no error", more: `{"sendNotifications": true}`},
		{name: "renderer", more: `{"templateRenderer": ""}`,
			want: []sdk.FieldError{{Path: "templateRenderer", Message: "no template renderer. Set templateRenderer to HELM3"}}},
		{name: "HELM2", more: `{"templateRenderer": "helm2"}`,
			want: []sdk.FieldError{{Path: "templateRenderer", Message: "HELM2 is rendered by Helm 3: crds/ only with includeCRDs, and no Tiller objects", Warning: true}}},
		{name: "no inputs", more: `{"inputArtifacts": null}`,
			want: []sdk.FieldError{{Path: "inputArtifacts", Message: "At least one input artifact to bake must be supplied"}}},
		{name: "empty input", more: `{"inputArtifacts": [{"id": "a"}, {"id": null, "account": "gh"}]}`,
			want: []sdk.FieldError{{Path: "inputArtifacts[1]", Message: "it has neither an id of an expected artifact nor an artifact"}}},
		{name: "no output", more: `{"expectedArtifacts": []}`, want: []sdk.FieldError{{Path: "expectedArtifacts", Message: oneOutput.Error()}}},
		{name: "output of another type", more: `{"expectedArtifacts": [{"matchArtifact": {"type": "docker/image"}}]}`,
			want: []sdk.FieldError{{Path: "expectedArtifacts[0].matchArtifact.type", Message: `it is "docker/image", but a bake produces "embedded/base64"`}}},
		{name: "release name", more: `{"outputName": ""}`, want: []sdk.FieldError{{Path: "outputName", Message: "no release name: set outputName"}}},
		{name: "null override", more: `{"overrides": {"b": null, "a": "x"}}`, want: []sdk.FieldError{{Path: `overrides["b"]`, Message: "it has no value (null)"}}},
		{name: "overrides as a list", more: `{"overrides": []}`,
			want: []sdk.FieldError{{Path: "overrides", Message: "found a list, expected an object of keys and values"}}},
		{name: "flag", more: `{"includeCRDs": "yes"}`, want: []sdk.FieldError{{Path: "includeCRDs", Message: `found the text "yes", expected true or false`}}},
		{name: "version", more: `{"kubeVersion": "x"}`,
			want: []sdk.FieldError{{Path: "kubeVersion", Message: `version of Kubernetes "x": could not parse "x" as version`}}},
		{name: "a text where a list belongs", more: `{"inputArtifacts": "x"}`,
			want: []sdk.FieldError{{Path: "inputArtifacts", Message: "found a text, expected an array"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, testStage().Validate(inlineChart(t, test.more))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSchemasFitTheDemo(t *testing.T) {
	for name, test := range map[string]struct {
		schema string
		value  any
	}{
		"config":  {configSchema, map[string]any(config(t, demo))},
		"outputs": {outputsSchema, map[string]any{"cloudProvider": "kubernetes"}},
	} {
		var document any
		if err := json.Unmarshal([]byte(test.schema), &document); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(name, document); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		schema, err := compiler.Compile(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := schema.Validate(test.value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
