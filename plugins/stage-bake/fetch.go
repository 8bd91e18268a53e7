package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/archive"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helm"
)

// fetchChart reads the chart's files out of its artifact.
func (out *baked) fetchChart(ctx context.Context, host *sdk.Host, artifact sdk.Artifact, chartPath string) ([]helm.File, error) {
	body, err := host.OpenArtifact(ctx, artifact)
	if err != nil {
		return nil, fmt.Errorf("fetch the chart: %w", err)
	}
	defer body.Close()
	files, links, err := readChart(body, chartPath)
	if err != nil {
		return nil, fmt.Errorf("chart %s %q: %w", artifact.Type, label(artifact), err)
	}
	if len(links) > 0 {
		out.warnings = append(out.warnings, fmt.Sprintf("chart %q has %d links, which are not followed; the first is %q",
			label(artifact), len(links), links[0]))
	}
	host.Log(slog.LevelInfo, fmt.Sprintf("chart: %s %q, %d files", artifact.Type, label(artifact), len(files)))
	return files, nil
}

// readChart reads an archive, finds the chart in it and unpacks its packaged subcharts.
func readChart(body io.Reader, chartPath string) (files []helm.File, links []string, err error) {
	limits := archive.DefaultLimits()
	content, err := archive.Read(body, limits)
	if err != nil {
		return nil, nil, err
	}
	chart, err := archive.Chart(content.Files, chartPath)
	if err != nil {
		return nil, nil, err
	}
	unpacked, err := archive.Unpack(chart, limits)
	if err != nil {
		return nil, nil, err
	}
	for _, file := range unpacked.Files {
		files = append(files, helm.File(file))
	}
	return files, append(content.Links, unpacked.Links...), nil
}

// isDirectory says whether the artifact is a packed directory rather than a packed chart.
//
// Source: spinnaker/spinnaker rosco/rosco-manifests helm/HelmTemplateUtils.java, which unpacks these types.
func isDirectory(a sdk.Artifact) bool {
	return a.Type == "git/repo" || a.Type == "helm/image"
}

func fetchValues(ctx context.Context, host *sdk.Host, artifacts []sdk.Artifact) ([]helm.ValuesFile, error) {
	var out []helm.ValuesFile
	for _, artifact := range artifacts {
		data, err := host.ReadArtifact(ctx, artifact, maxValuesFile)
		if err != nil {
			return nil, fmt.Errorf("fetch a values file: %w", err)
		}
		host.Log(slog.LevelInfo, fmt.Sprintf("values: %s %q, %d bytes", artifact.Type, label(artifact), len(data)))
		out = append(out, helm.ValuesFile{Name: label(artifact), Data: data})
	}
	return out, nil
}

// store hands the text to the agent. The agent decides whether it stands in the artifact's reference or stays a blob.
func (out *baked) store(ctx context.Context, host *sdk.Host, name string, rendered *helm.Result) error {
	blob, err := host.WriteBlob(ctx, "application/yaml", bytes.NewReader(rendered.Manifest))
	if err != nil {
		return fmt.Errorf("store the baked manifest: %w", err)
	}
	out.artifact = sdk.Artifact{Type: producedType, Name: name, Blob: &blob}
	out.message = fmt.Sprintf("baked %s %s into %s (%s)",
		rendered.ChartName, rendered.ChartVersion, count(rendered.Objects, "object"), size(len(rendered.Manifest)))
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size prints a number of bytes for people.
func size(n int) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
