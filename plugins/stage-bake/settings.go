package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helm"
)

// settings is the plugin's configuration in the agent's configuration file.
type settings struct {
	// KubeVersion is the Kubernetes version that charts see when a stage names none.
	KubeVersion string `json:"kubeVersion"`
	// APIVersions are what charts see as served, besides the usual and the stage's own.
	APIVersions []string `json:"apiVersions"`
}

// defaultSettings are for the Kubernetes version whose client libraries this release is built with.
func defaultSettings() settings {
	return settings{KubeVersion: "v1.37.0"}
}

// configure takes the plugin's configuration. Unknown keys are errors: they are spelling mistakes.
func (b *bakeManifest) configure(_ context.Context, config sdk.Config) error {
	text, err := json.Marshal(map[string]any(config))
	if err != nil {
		return err
	}
	configured := defaultSettings()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&configured); err != nil {
		return fmt.Errorf("keys are kubeVersion and apiVersions: %w", err)
	}
	if err := helm.CheckKubeVersion(configured.KubeVersion); err != nil {
		return fmt.Errorf("kubeVersion: %w", err)
	}
	b.settings = configured
	return nil
}
