package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

const (
	// defaultStableTimeout bounds the wait for stability, and the time an API server may be away, as in Spinnaker.
	defaultStableTimeout = 30 * time.Minute
	// defaultGrace is how long a problem that seldom heals is put up with, defaultRestarts how many crashes.
	defaultGrace    = 30 * time.Second
	defaultRestarts = 3
)

// stageConfig is the stage as pipelines store it.
//
// Source: spinnaker/spinnaker orca/orca-clouddriver tasks/manifest/DeployManifestContext.java, clouddriver-kubernetes
// description/manifest/KubernetesDeployManifestDescription.java.
type stageConfig struct {
	AccountName string `json:"account.name"`
	Account     string `json:"account"`
	Credentials string `json:"credentials"`

	Source                  string        `json:"source"`
	ManifestArtifactID      string        `json:"manifestArtifactId"`
	ManifestArtifact        *sdk.Artifact `json:"manifestArtifact"`
	ManifestArtifactAccount string        `json:"manifestArtifactAccount"`

	SkipExpressionEvaluation flag              `json:"skipExpressionEvaluation"`
	FailOnFailedExpressions  flag              `json:"failOnFailedExpressions"`
	NamespaceOverride        string            `json:"namespaceOverride"`
	Moniker                  *stageMoniker     `json:"moniker"`
	RequiredArtifactIDs      []string          `json:"requiredArtifactIds"`
	RequiredArtifacts        []inlineArtifact  `json:"requiredArtifacts"`
	EnableArtifactBinding    *flag             `json:"enableArtifactBinding"`
	Versioned                *flag             `json:"versioned"`
	LabelSelectors           labelSelectors    `json:"labelSelectors"`
	AllowNothingSelected     flag              `json:"allowNothingSelected"`
	SkipSpecTemplateLabels   flag              `json:"skipSpecTemplateLabels"`
	Services                 []string          `json:"services"`
	TrafficManagement        trafficManagement `json:"trafficManagement"`
	StableTimeout            minutes           `json:"stableManifestTimeoutMinutes"`
	NoOutput                 flag              `json:"noOutput"`

	// The rest is Gennaker's own.

	// RemovedAPIs overrides the account's word on APIs that the cluster no longer serves.
	RemovedAPIs manifest.RemovedAPIs `json:"removedApis"`
	// PodFailureGraceSeconds is how long a Pod may be unable to start, for example for want of its image, before the
	// stage fails; PodFailureRestarts how often a container may crash.
	PodFailureGraceSeconds *int `json:"podFailureGraceSeconds"`
	PodFailureRestarts     *int `json:"podFailureRestarts"`
	// IgnoreCustomResourceStatus takes custom resources as stable at once, as Spinnaker does.
	IgnoreCustomResourceStatus flag `json:"ignoreCustomResourceStatus"`

	// Manifests are the text source: objects, nested lists, or an expression that yields them.
	Manifests any `json:"-"`
}

type stageMoniker struct {
	App     string  `json:"app"`
	Cluster string  `json:"cluster"`
	Stack   *string `json:"stack"`
	Detail  *string `json:"detail"`
}

// inlineArtifact is an entry of requiredArtifacts: the artifact, or an object that holds it.
type inlineArtifact struct {
	ExpectedArtifactID string        `json:"expectedArtifactId"`
	Nested             *sdk.Artifact `json:"artifact"`
	sdk.Artifact
}

// inline is the artifact that the entry holds, nil if it only names an expected one.
func (a *inlineArtifact) inline() *sdk.Artifact {
	if a.Nested == nil && a.Type != "" {
		return &a.Artifact
	}
	return a.Nested
}

type labelSelectors struct {
	Selectors []manifest.LabelSelector `json:"selectors"`
}

type trafficManagement struct {
	Enabled flag `json:"enabled"`
	Options struct {
		Services      []string `json:"services"`
		EnableTraffic flag     `json:"enableTraffic"`
		Strategy      string   `json:"strategy"`
	} `json:"options"`
}

// sources of the manifest.
const (
	sourceText     = "text"
	sourceArtifact = "artifact"
)

func readConfig(config sdk.Config) (*stageConfig, error) {
	var c stageConfig
	if err := config.Decode(&c); err != nil {
		return nil, err
	}
	c.Manifests = config["manifests"]
	if list, ok := c.Manifests.([]any); c.Manifests == nil || ok && len(list) == 0 {
		c.Manifests = config["manifest"] // the deprecated single form
	}
	if c.Source == "" {
		c.Source = sourceText
		if c.Manifests == nil && (c.ManifestArtifactID != "" || c.ManifestArtifact != nil) {
			c.Source = sourceArtifact
		}
	}
	c.Source = strings.ToLower(c.Source)
	return &c, nil
}

// account is the account's name by Spinnaker's precedence.
func (c *stageConfig) account() string { return cmp.Or(c.AccountName, c.Account, c.Credentials) }

func (c *stageConfig) stableTimeout() time.Duration {
	if c.StableTimeout > 0 {
		return time.Duration(float64(c.StableTimeout) * float64(time.Minute))
	}
	return defaultStableTimeout
}

func (c *stageConfig) grace() time.Duration {
	if c.PodFailureGraceSeconds != nil {
		return time.Duration(*c.PodFailureGraceSeconds) * time.Second
	}
	return defaultGrace
}

func (c *stageConfig) restarts() int {
	if c.PodFailureRestarts != nil {
		return *c.PodFailureRestarts
	}
	return defaultRestarts
}

// checkTraffic refuses what would need stages that follow the deploy.
func (t trafficManagement) check() error {
	strategy := t.Options.Strategy
	if !bool(t.Enabled) || strategy == "" || strings.EqualFold(strategy, "none") || isExpression(strategy) {
		return nil
	}
	return fmt.Errorf("the rollout strategy %q is not available in this version; choose none, or turn traffic management off", strategy)
}

// services are the load balancers of the workloads, and whether these get traffic at once.
func (c *stageConfig) services() (services []string, enable bool) {
	if c.TrafficManagement.Enabled {
		return c.TrafficManagement.Options.Services, bool(c.TrafficManagement.Options.EnableTraffic)
	}
	return c.Services, true
}

// moniker is the stage's, with the pipeline's application where it names none.
func (c *stageConfig) moniker(application string) manifest.Moniker {
	if c.Moniker == nil {
		return manifest.Moniker{App: application}
	}
	return manifest.Moniker{
		App: cmp.Or(c.Moniker.App, application), Cluster: c.Moniker.Cluster, Stack: c.Moniker.Stack, Detail: c.Moniker.Detail,
	}
}

// optional turns a flag that may be missing into a bool that may be missing.
func (f *flag) optional() *bool {
	if f == nil {
		return nil
	}
	b := bool(*f)
	return &b
}
