package main

import (
	"fmt"
	"strings"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// producedType is the type of the artifact that a bake produces.
const producedType = "embedded/base64"

// stageConfig is the stage as pipelines store it.
//
// Source: spinnaker/spinnaker orca/orca-bakery tasks/manifests/BakeManifestContext.java. MergeListOverrides is ours.
type stageConfig struct {
	TemplateRenderer            string             `json:"templateRenderer"`
	InputArtifacts              []inputArtifact    `json:"inputArtifacts"`
	ExpectedArtifacts           []expectedArtifact `json:"expectedArtifacts"`
	OutputName                  string             `json:"outputName"`
	Namespace                   string             `json:"namespace"`
	Overrides                   any                `json:"-"`
	RawOverrides                bool               `json:"-"`
	EvaluateOverrideExpressions bool               `json:"-"`
	MergeListOverrides          bool               `json:"-"`
	IncludeCRDs                 bool               `json:"-"`
	APIVersions                 string             `json:"apiVersions"`
	KubeVersion                 string             `json:"kubeVersion"`
	HelmChartFilePath           string             `json:"helmChartFilePath"`
}

// inputArtifact is the chart or a values file: an expected artifact's id, or the artifact itself.
type inputArtifact struct {
	ID       string        `json:"id"`
	Account  string        `json:"account"`
	Artifact *sdk.Artifact `json:"artifact"`
}

type expectedArtifact struct {
	MatchArtifact sdk.Artifact `json:"matchArtifact"`
}

// readConfig reads the stage's fields. Overrides stay JSON values, so that numbers keep their spelling.
func readConfig(config sdk.Config) (*stageConfig, error) {
	var out stageConfig
	if err := config.Decode(&out); err != nil {
		return nil, err
	}
	for name, into := range map[string]*bool{
		"rawOverrides":                &out.RawOverrides,
		"evaluateOverrideExpressions": &out.EvaluateOverrideExpressions,
		"mergeListOverrides":          &out.MergeListOverrides,
		"includeCRDs":                 &out.IncludeCRDs,
	} {
		value, err := readFlag(config, name)
		if err != nil {
			return nil, err
		}
		*into = value
	}
	out.Overrides = config["overrides"]
	return &out, nil
}

// overrides are the entries of Overrides.
func (c *stageConfig) overrides() (map[string]any, error) {
	switch v := c.Overrides.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	default:
		return nil, &sdk.ConfigError{Path: "overrides", Message: "found " + kindOf(v) + ", expected an object of keys and values"}
	}
}

// apiVersions splits the comma list that `helm template --api-versions` takes.
func (c *stageConfig) apiVersions() []string {
	var out []string
	for _, version := range strings.Split(c.APIVersions, ",") {
		if trimmed := strings.TrimSpace(version); trimmed != "" {
			out = append(out, trimmed)
		}
	}
	return out
}

// readFlag reads a boolean that may be given as text, as Spinnaker takes it, and that may still be an expression when
// the pipeline is saved.
func readFlag(config sdk.Config, name string) (bool, error) {
	switch v := config[name].(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case string:
		switch {
		case strings.EqualFold(v, "true"):
			return true, nil
		case v == "" || strings.EqualFold(v, "false") || isExpression(v):
			return false, nil
		}
		return false, &sdk.ConfigError{Path: name, Message: fmt.Sprintf("found the text %q, expected true or false", v)}
	default:
		return false, &sdk.ConfigError{Path: name, Message: "found " + kindOf(v) + ", expected true or false"}
	}
}

// kindOf names the kind of a JSON value.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a text"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "a number"
}

// isExpression says whether a text is only known when the pipeline runs.
func isExpression(text string) bool {
	return strings.Contains(text, "${")
}
