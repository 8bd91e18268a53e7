package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helm"
)

// spinnakerError is an error in Spinnaker's own words, which people know and search for.
type spinnakerError string

func (e spinnakerError) Error() string { return string(e) }

const (
	noInputs  spinnakerError = "At least one input artifact to bake must be supplied"
	oneOutput spinnakerError = "The Bake (Manifest) stage produces one embedded base64 artifact.  Please ensure that your Bake (Manifest) stage " +
		"config's `Produces Artifacts` section (`expectedArtifacts` field) contains exactly one artifact."
)

// Validate implements sdk.Stage.
func (b *bakeManifest) Validate(raw sdk.Config) []sdk.FieldError {
	var found findings
	config, err := readConfig(raw)
	if err != nil {
		var field *sdk.ConfigError
		if errors.As(err, &field) {
			return []sdk.FieldError{{Path: field.Path, Message: field.Message}}
		}
		return []sdk.FieldError{{Message: err.Error()}}
	}
	found.renderer(config.TemplateRenderer)
	found.inputs(config.InputArtifacts)
	found.output(config.ExpectedArtifacts)
	found.overrides(config.Overrides)
	found.check("outputName", config.OutputName, helm.CheckRelease)
	if config.KubeVersion != "" {
		found.check("kubeVersion", config.KubeVersion, helm.CheckKubeVersion)
	}
	return found
}

// findings collects what Validate finds.
type findings []sdk.FieldError

func (f *findings) add(path, format string, args ...any) {
	*f = append(*f, sdk.FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

// check applies a check to a text that is no expression.
func (f *findings) check(path, text string, check func(string) error) {
	if isExpression(text) {
		return
	}
	if err := check(text); err != nil {
		f.add(path, "%v", err)
	}
}

func (f *findings) renderer(name string) {
	if isExpression(name) {
		return
	}
	warning, err := checkRenderer(name)
	if err != nil {
		f.add("templateRenderer", "%v", err)
	}
	if warning != "" {
		*f = append(*f, sdk.FieldError{Path: "templateRenderer", Message: warning, Warning: true})
	}
}

func (f *findings) inputs(inputs []inputArtifact) {
	if len(inputs) == 0 {
		f.add("inputArtifacts", "%v", noInputs)
	}
	for i, input := range inputs {
		if input.ID == "" && input.Artifact == nil {
			f.add(fmt.Sprintf("inputArtifacts[%d]", i), "it has neither an id of an expected artifact nor an artifact")
		}
	}
}

func (f *findings) output(expected []expectedArtifact) {
	if len(expected) != 1 {
		f.add("expectedArtifacts", "%v", oneOutput)
		return
	}
	if t := expected[0].MatchArtifact.Type; t != "" && t != producedType && !isExpression(t) {
		f.add("expectedArtifacts[0].matchArtifact.type", "it is %q, but a bake produces %q", t, producedType)
	}
}

func (f *findings) overrides(value any) {
	switch v := value.(type) {
	case nil:
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if v[key] == nil {
				f.add(fmt.Sprintf("overrides[%q]", key), "it has no value (null)")
			}
		}
	default:
		if text, _ := v.(string); !isExpression(text) {
			f.add("overrides", "found %s, expected an object of keys and values", kindOf(v))
		}
	}
}

// checkRenderer says whether a template renderer is provided, with a warning where it is taken for another.
func checkRenderer(name string) (warning string, err error) {
	switch strings.ToUpper(name) {
	case "HELM3":
		return "", nil
	case "HELM2":
		return "HELM2 is rendered by Helm 3: crds/ only with includeCRDs, and no Tiller objects", nil
	case "KUSTOMIZE", "KUSTOMIZE4", "KUSTOMIZE5", "HELMFILE", "CF":
		return "", fmt.Errorf("template renderer %s is not provided by this version, which has HELM3", strings.ToUpper(name))
	case "":
		return "", errors.New("no template renderer. Set templateRenderer to HELM3")
	}
	return "", spinnakerError(fmt.Sprintf("Invalid template renderer %s. Set templateRenderer to HELM3", name))
}
