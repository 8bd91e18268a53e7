package helm

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// DefaultNamespace is the namespace of a release that names none, as on Helm's command line.
const DefaultNamespace = "default"

// Request is what to render.
type Request struct {
	// Chart are the files of the chart's directory, packaged subcharts unpacked.
	Chart []File
	// Directory says that the chart lies in a directory, such as a repository's, and not in a packed chart: then what
	// .helmignore names is left out.
	Directory bool
	// ReleaseName and Namespace of the release; an empty namespace is DefaultNamespace.
	ReleaseName, Namespace string
	// Values are values files, later ones win over earlier ones.
	Values []ValuesFile
	// Overrides win over all values files.
	Overrides Overrides
	// IncludeCRDs puts the charts' crds/ in front.
	IncludeCRDs bool
	// KubeVersion is the cluster's version for charts that ask, for example "1.37" or "v1.37.2".
	KubeVersion string
	// APIVersions are what the cluster serves besides the usual, as "group/version" or "group/version/Kind".
	APIVersions []string
	// HelmVersion is what charts see as Helm's version, for example "v3.22.0"; empty leaves it to the library.
	HelmVersion string
}

// File is a file of a chart, named relative to the chart's directory.
type File struct {
	Name string
	Data []byte
}

// Result is a rendered chart.
type Result struct {
	// ChartName and ChartVersion as in Chart.yaml.
	ChartName, ChartVersion string
	// Manifest is the YAML, in Helm's install order, hooks last.
	Manifest []byte
	// Objects is the number of Kubernetes objects in it.
	Objects int
	// Warnings are sentences about what is odd.
	Warnings []string
}

// Render renders a chart. Its errors name the chart, and the file and line of a template that fails.
func Render(req Request) (*Result, error) {
	if err := CheckRelease(req.ReleaseName); err != nil {
		return nil, err
	}
	capabilities, err := capabilities(req)
	if err != nil {
		return nil, err
	}
	files := req.Chart
	if req.Directory {
		if files, err = obeyIgnoreFile(files); err != nil {
			return nil, err
		}
	}
	loaded, err := load(files)
	if err != nil {
		return nil, err
	}
	r := &renderer{request: req, chart: loaded, capabilities: capabilities}
	result, err := r.render()
	if err != nil {
		return nil, fmt.Errorf("chart %q %s: %w", loaded.Name(), loaded.Metadata.Version, err)
	}
	return result, nil
}

// CheckRelease says whether Helm takes name for a release.
func CheckRelease(name string) error {
	if name == "" {
		return errors.New("no release name: set outputName")
	}
	if err := chartutil.ValidateReleaseName(name); err != nil {
		return fmt.Errorf("release name %q (outputName): %w", name, err)
	}
	return nil
}

// renderer is one Render.
type renderer struct {
	request      Request
	chart        *chart.Chart
	capabilities *chartutil.Capabilities
	warnings     []string
}

func (r *renderer) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

func (r *renderer) render() (*Result, error) {
	if err := r.checkChart(); err != nil {
		return nil, err
	}
	values, err := r.mergeValues()
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependenciesWithMerge(r.chart, values); err != nil {
		return nil, fmt.Errorf("dependencies: %w", err)
	}
	out, err := r.execute(values)
	if err != nil {
		return nil, err
	}
	if r.mayVary() {
		again, err := r.execute(values)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(out.text, again.text) {
			r.warn("two bakes of the same input differ: the chart uses the time or random values, so every bake makes new versions")
		}
	}
	if out.objects == 0 {
		return nil, errors.New("it renders no objects with these values. Check what its templates are conditional on")
	}
	if out.hooks > 0 {
		r.warn("%d Helm hooks are deployed as ordinary objects: their events, weights and delete policies have no effect", out.hooks)
	}
	return &Result{
		ChartName: r.chart.Name(), ChartVersion: r.chart.Metadata.Version,
		Manifest: out.text, Objects: out.objects, Warnings: r.warnings,
	}, nil
}

// checkChart refuses what Helm would not install.
func (r *renderer) checkChart() error {
	metadata := r.chart.Metadata
	if metadata.Type != "" && metadata.Type != "application" {
		return fmt.Errorf("charts of type %q cannot be rendered by themselves", metadata.Type)
	}
	if metadata.KubeVersion != "" && !chartutil.IsCompatibleRange(metadata.KubeVersion, r.capabilities.KubeVersion.String()) {
		return fmt.Errorf("it requires kubeVersion %s, which excludes %s. Set the stage's kubeVersion to the cluster's",
			metadata.KubeVersion, r.capabilities.KubeVersion.String())
	}
	if metadata.Deprecated {
		r.warn("chart %q is deprecated", r.chart.Name())
	}
	return r.checkDependencies()
}

func (r *renderer) checkDependencies() error {
	present := map[string]bool{}
	for _, dependency := range r.chart.Dependencies() {
		present[dependency.Name()] = true
	}
	var missing []string
	for _, wanted := range r.chart.Metadata.Dependencies {
		if wanted != nil && !present[wanted.Name] {
			missing = append(missing, wanted.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("dependencies %s are in Chart.yaml but not in charts/. Run `helm dependency build` before the chart is packed",
			strings.Join(missing, ", "))
	}
	return nil
}

// execute renders all templates with the values and puts the documents together.
func (r *renderer) execute(values map[string]any) (*output, error) {
	release := chartutil.ReleaseOptions{
		Name: r.request.ReleaseName, Namespace: r.request.Namespace, Revision: 1, IsInstall: true,
	}
	if release.Namespace == "" {
		release.Namespace = DefaultNamespace
	}
	const skipHelmsSchemaValidation = true // it would load what a schema refers to from disk and from the network
	renderValues, err := chartutil.ToRenderValuesWithSchemaValidation(r.chart, values, release, r.capabilities, skipHelmsSchemaValidation)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	merged, err := renderValues.Table("Values")
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	if err := r.checkSchema(merged); err != nil {
		return nil, err
	}
	files, err := engine.Render(r.chart, renderValues)
	if err != nil {
		return nil, templateError(err)
	}
	return assemble(r.chart, files, r.request.IncludeCRDs)
}

// variable finds template functions whose result differs between two runs.
var variable = regexp.MustCompile(`\b(rand|gen[A-Z]|now\b|ago\b|uuidv4|shuffle|bcrypt|htpasswd|encryptAES)`)

// mayVary says whether rendering twice could make a difference. It errs on the side of yes.
func (r *renderer) mayVary() bool {
	for _, file := range r.request.Chart {
		if strings.Contains(file.Name, "templates/") && variable.Match(file.Data) {
			return true
		}
	}
	return false
}
