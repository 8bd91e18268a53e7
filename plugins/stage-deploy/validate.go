package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// findings collects what Validate finds.
type findings []sdk.FieldError

func (f *findings) add(path, format string, args ...any) {
	*f = append(*f, sdk.FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(path, format string, args ...any) {
	*f = append(*f, sdk.FieldError{Path: path, Message: fmt.Sprintf(format, args...), Warning: true})
}

// Validate implements sdk.Stage.
func (d *deployManifest) Validate(raw sdk.Config) []sdk.FieldError {
	config, err := readConfig(raw)
	if err != nil {
		var field *sdk.ConfigError
		if errors.As(err, &field) {
			return []sdk.FieldError{{Path: field.Path, Message: field.Message}}
		}
		return []sdk.FieldError{{Message: err.Error()}}
	}
	var found findings
	if config.account() == "" {
		found.add("account", "is missing: name the Kubernetes account to deploy to")
	}
	if provider, ok := raw["cloudProvider"].(string); ok && provider != "kubernetes" && !isExpression(provider) {
		found.add("cloudProvider", "found %q, expected \"kubernetes\"", provider)
	}
	found.source(config)
	found.moniker(config)
	found.selectors(config)
	found.choices(config)
	if err := config.TrafficManagement.check(); err != nil {
		found.add("trafficManagement.options.strategy", "%v", err)
	}
	return found
}

func (f *findings) source(c *stageConfig) {
	switch {
	case isExpression(c.Source):
	case c.Source == sourceText:
		f.manifests(c.Manifests)
	case c.Source == sourceArtifact:
		if c.ManifestArtifactID == "" && c.ManifestArtifact == nil {
			f.add("manifestArtifactId", "is missing: name an expected artifact, or give manifestArtifact")
		}
	default:
		f.add("source", "found %q, expected text or artifact", c.Source)
	}
}

// manifests checks what can be checked while expressions are not evaluated.
func (f *findings) manifests(value any) {
	list, ok := value.([]any)
	switch {
	case value == nil:
		f.add("manifests", "is missing: give the objects to deploy, or set source to artifact")
		return
	case hasExpression(value):
		return
	case !ok:
		list = []any{value}
	}
	for i, element := range list {
		origin := fmt.Sprintf("manifests[%d]", i)
		normal, err := manifest.Normalize(element)
		if err != nil {
			f.add(origin, "%v", err)
			continue
		}
		if _, err := manifest.Objects([]manifest.Document{{Value: normal, Origin: origin}}); err != nil {
			f.add(origin, "%s", strings.ReplaceAll(err.Error(), origin+": ", ""))
		}
	}
}

func (f *findings) moniker(c *stageConfig) {
	if c.Moniker == nil || c.Moniker.App == "" {
		f.warn("moniker.app", "is missing: the pipeline's application is used")
	}
}

func (f *findings) selectors(c *stageConfig) {
	for i, selector := range c.LabelSelectors.Selectors {
		if _, err := manifest.Selector([]manifest.LabelSelector{selector}); err != nil && !isExpression(selector.Key+strings.Join(selector.Values, "")) {
			f.add(fmt.Sprintf("labelSelectors.selectors[%d]", i), "%s", strings.TrimPrefix(err.Error(), "labelSelectors.selectors[0]: "))
		}
	}
}

func (f *findings) choices(c *stageConfig) {
	modes := []manifest.RemovedAPIs{"", manifest.RemovedFail, manifest.RemovedConvert, manifest.RemovedOff}
	if !slices.Contains(modes, c.RemovedAPIs) && !isExpression(string(c.RemovedAPIs)) {
		f.add("removedApis", "found %q, expected fail, convert or off", c.RemovedAPIs)
	}
	if c.PodFailureGraceSeconds != nil && *c.PodFailureGraceSeconds < 0 {
		f.add("podFailureGraceSeconds", "found %d, expected 0 or more", *c.PodFailureGraceSeconds)
	}
	if c.PodFailureRestarts != nil && *c.PodFailureRestarts < 0 {
		f.add("podFailureRestarts", "found %d, expected 0 or more", *c.PodFailureRestarts)
	}
	for i, required := range c.RequiredArtifacts {
		if required.ExpectedArtifactID == "" && required.inline() == nil {
			f.add(fmt.Sprintf("requiredArtifacts[%d]", i), "names no artifact")
		}
	}
}
