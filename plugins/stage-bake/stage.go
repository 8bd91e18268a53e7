package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helm"
)

const (
	// stageTimeout is how long a bake may take with all its retries, as in Spinnaker.
	stageTimeout = 5 * time.Minute
	// maxStep is how long one try may take. A bake changes nothing outside, so it may be long.
	maxStep = 2 * time.Minute
	// maxValuesFile bounds a values file, in bytes.
	maxValuesFile = 5 << 20
)

//go:embed schema/config.json
var configSchema string

//go:embed schema/outputs.json
var outputsSchema string

// bakeManifest is the stage type.
type bakeManifest struct {
	settings settings
}

// Info implements sdk.Stage.
func (b *bakeManifest) Info() sdk.Info {
	return sdk.Info{
		Type:          "bakeManifest",
		Description:   "Renders a Helm chart into Kubernetes objects, for a Deploy (Manifest) stage.",
		ConfigSchema:  configSchema,
		OutputsSchema: outputsSchema,
		MaxStep:       maxStep,
		Timeout:       stageTimeout,
	}
}

// Run implements sdk.Stage: it bakes in one step.
func (b *bakeManifest) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	start := time.Now()
	result, err := b.bake(ctx, req)
	if err != nil {
		status := sdk.Terminal
		if sdk.IsRetryable(err) {
			status = sdk.Running
		}
		return &sdk.Response{Tasks: []sdk.Task{
			{Name: "createBake", Status: status, Start: start, End: time.Now(), Message: err.Error()},
			{Name: "bindProducedArtifacts"},
		}}, err
	}
	baked := time.Now()
	provider := map[string]any{"cloudProvider": "kubernetes"}
	return &sdk.Response{
		Status:    sdk.Succeeded,
		Message:   result.message,
		Warnings:  result.warnings,
		Context:   provider,
		Outputs:   provider,
		Artifacts: []sdk.Artifact{result.artifact},
		Tasks: []sdk.Task{
			{Name: "createBake", Status: sdk.Succeeded, Start: start, End: baked, Message: result.message},
			{Name: "bindProducedArtifacts", Status: sdk.Succeeded, Start: baked, End: baked},
		},
	}, nil
}

// baked is what one bake made.
type baked struct {
	artifact sdk.Artifact
	message  string
	warnings []string
}

func (b *bakeManifest) bake(ctx context.Context, req *sdk.Request) (*baked, error) {
	config, err := readConfig(req.Config)
	if err != nil {
		return nil, err
	}
	inputs, err := resolveInputs(ctx, req, config.InputArtifacts)
	if err != nil {
		return nil, err
	}
	if len(config.ExpectedArtifacts) != 1 {
		return nil, oneOutput
	}
	warning, err := checkRenderer(config.TemplateRenderer)
	if err != nil {
		return nil, err
	}
	out := &baked{}
	if warning != "" {
		out.warnings = append(out.warnings, warning)
	}
	overrides, err := out.overrides(ctx, req.Host, config)
	if err != nil {
		return nil, err
	}
	chart, err := out.fetchChart(ctx, req.Host, inputs[0], config.HelmChartFilePath)
	if err != nil {
		return nil, err
	}
	values, err := fetchValues(ctx, req.Host, inputs[1:])
	if err != nil {
		return nil, err
	}
	rendered, err := helm.Render(helm.Request{
		Chart:       chart,
		Directory:   isDirectory(inputs[0]),
		ReleaseName: config.OutputName,
		Namespace:   config.Namespace,
		Values:      values,
		Overrides:   helm.Overrides{Entries: overrides, Raw: config.RawOverrides, MergeLists: config.MergeListOverrides},
		IncludeCRDs: config.IncludeCRDs,
		KubeVersion: cmp.Or(config.KubeVersion, b.settings.KubeVersion),
		APIVersions: append(config.apiVersions(), b.settings.APIVersions...),
		HelmVersion: helm.LinkedVersion(),
	})
	if err != nil {
		return nil, fmt.Errorf("bake %s %q: %w", inputs[0].Type, label(inputs[0]), err)
	}
	out.warnings = append(out.warnings, rendered.Warnings...)
	return out, out.store(ctx, req.Host, config.ExpectedArtifacts[0].MatchArtifact.Name, rendered)
}

// overrides returns the entries, evaluated once more where the stage asks for it.
func (out *baked) overrides(ctx context.Context, host *sdk.Host, config *stageConfig) (map[string]any, error) {
	entries, err := config.overrides()
	if err != nil || len(entries) == 0 || !config.EvaluateOverrideExpressions {
		return entries, err
	}
	evaluated, err := host.Evaluate(ctx, entries)
	if err != nil {
		return nil, fmt.Errorf("overrides: %w", err)
	}
	for _, warning := range evaluated.Warnings {
		out.warnings = append(out.warnings, "overrides: "+warning)
	}
	entries, ok := evaluated.Document.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("overrides evaluate to %s, expected an object", kindOf(evaluated.Document))
	}
	return entries, nil
}
