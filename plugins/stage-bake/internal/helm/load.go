package helm

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// load reads a chart from its files.
func load(files []File) (*chart.Chart, error) {
	buffered := make([]*loader.BufferedFile, 0, len(files))
	for _, file := range files {
		buffered = append(buffered, &loader.BufferedFile{Name: file.Name, Data: file.Data})
	}
	loaded, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, fmt.Errorf("load chart: %w", err)
	}
	sortDependencies(loaded)
	return loaded, nil
}

// sortDependencies gives the subcharts an order: the loader finds them by walking a map.
func sortDependencies(c *chart.Chart) {
	dependencies := slices.Clone(c.Dependencies())
	slices.SortStableFunc(dependencies, func(a, b *chart.Chart) int {
		if byName := strings.Compare(a.Name(), b.Name()); byName != 0 {
			return byName
		}
		return strings.Compare(a.Metadata.Version, b.Metadata.Version)
	})
	c.SetDependencies(dependencies...)
	for _, dependency := range dependencies {
		sortDependencies(dependency)
	}
}

// CheckKubeVersion says whether text is a Kubernetes version.
func CheckKubeVersion(text string) error {
	if _, err := chartutil.ParseKubeVersion(text); err != nil {
		return fmt.Errorf("version of Kubernetes %q: %w", text, err)
	}
	return nil
}

// capabilities is what charts learn about the cluster. Helm's own default is Kubernetes 1.20 unless its linker says
// otherwise, so the version is never left to it.
func capabilities(req Request) (*chartutil.Capabilities, error) {
	version, err := chartutil.ParseKubeVersion(req.KubeVersion)
	if err != nil {
		return nil, fmt.Errorf("version of Kubernetes %q: %w", req.KubeVersion, err)
	}
	known := chartutil.DefaultCapabilities.Copy()
	known.KubeVersion = *version
	known.APIVersions = slices.Concat(known.APIVersions, chartutil.VersionSet(req.APIVersions))
	if req.HelmVersion != "" {
		known.HelmVersion.Version = req.HelmVersion
	}
	return known, nil
}

// LinkedVersion is the version of the Helm module in this program, for Request.HelmVersion; empty when the program
// does not know, as test programs.
func LinkedVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == "helm.sh/helm/v3" {
			return module.Version
		}
	}
	return ""
}
