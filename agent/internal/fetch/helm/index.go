package helm

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"
)

// IndexFile is the name of the index below a repository's address.
const IndexFile = "index.yaml"

// Index is what a repository says of its charts.
//
// Source of the format: helm/helm pkg/repo/index.go.
type Index struct {
	// Skipped says which entries could not be read, and why; the others are there all the same.
	Skipped []string

	charts map[string][]Chart
}

// Chart is one version of a chart.
type Chart struct {
	Name    string
	Version string
	// AppVersion is the version of what the chart installs; may be empty.
	AppVersion string
	// Created is when the version was added; zero when the index does not say.
	Created time.Time
	// Digest is the archive's SHA-256 in hex; may be empty.
	Digest string
	// URLs are where the archive is, relative ones below the repository's address.
	URLs []string
}

// Parse reads an index. Entries that make no sense are skipped; a document that is no index is an error.
func Parse(data []byte) (*Index, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("the index is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var file struct {
		Entries map[string]yaml.Node `yaml:"entries"`
	}
	if err := document.Decode(&file); err != nil || file.Entries == nil {
		return nil, errors.New("the index has no `entries`: it is not the index of a chart repository")
	}
	index := &Index{charts: map[string][]Chart{}}
	for _, name := range slices.Sorted(maps.Keys(file.Entries)) {
		node := file.Entries[name]
		index.read(name, &node)
	}
	return index, nil
}

// read takes the versions of one chart, newest first.
func (i *Index) read(name string, node *yaml.Node) {
	var versions []yaml.Node
	if err := node.Decode(&versions); err != nil {
		i.skip(name, fmt.Sprintf("line %d: found no list of versions", node.Line))
		return
	}
	var charts []Chart
	for at := range versions {
		chart, err := readChart(name, &versions[at])
		if err != nil {
			i.skip(fmt.Sprintf("%s[%d]", name, at), err.Error())
			continue
		}
		charts = append(charts, chart)
	}
	if len(charts) == 0 {
		return
	}
	slices.SortStableFunc(charts, func(a, b Chart) int { return -Compare(a.Version, b.Version) })
	i.charts[name] = charts
}

func (i *Index) skip(entry, reason string) {
	i.Skipped = append(i.Skipped, "entries."+entry+": "+reason)
}

func readChart(name string, node *yaml.Node) (Chart, error) {
	var entry struct {
		Version    string    `yaml:"version"`
		AppVersion string    `yaml:"appVersion"`
		Created    yaml.Node `yaml:"created"`
		Digest     string    `yaml:"digest"`
		URLs       []string  `yaml:"urls"`
	}
	if err := node.Decode(&entry); err != nil {
		return Chart{}, fmt.Errorf("line %d: found no version of a chart", node.Line)
	}
	if entry.Version == "" {
		return Chart{}, fmt.Errorf("line %d: version: is missing", node.Line)
	}
	chart := Chart{Name: name, Version: entry.Version, AppVersion: entry.AppVersion, URLs: entry.URLs,
		Digest: strings.ToLower(strings.TrimPrefix(entry.Digest, "sha256:"))}
	if created, err := time.Parse(time.RFC3339Nano, entry.Created.Value); err == nil {
		chart.Created = created
	}
	return chart, nil
}

// Names are the charts' names, sorted.
func (i *Index) Names() []string { return slices.Sorted(maps.Keys(i.charts)) }

// Versions are the versions of a chart, newest first; none for a chart that is not there.
func (i *Index) Versions(name string) []Chart { return i.charts[name] }

// MissingError is a chart that the index does not have, or not in the version asked for.
type MissingError struct{ field, value string }

// Error is Clouddriver's text (spinnaker/spinnaker clouddriver/clouddriver-artifacts-helm IndexParser.java).
func (e *MissingError) Error() string {
	return "Could not find correct entry with artifact " + e.field + " " + e.value
}

// Find looks a version of a chart up; the newest when version is blank. Its errors are *MissingError.
func (i *Index) Find(name, version string) (Chart, error) {
	charts := i.charts[name]
	if len(charts) == 0 {
		return Chart{}, &MissingError{"name", name}
	}
	if strings.TrimSpace(version) == "" {
		return charts[0], nil
	}
	for _, chart := range charts {
		if chart.Version == version {
			return chart, nil
		}
	}
	return Chart{}, &MissingError{"version", version}
}

// Locate returns where a chart's archive is, given the repository's address.
func (c Chart) Locate(repository *url.URL) ([]*url.URL, error) {
	base := repository.JoinPath("/")
	var out []*url.URL
	for _, reference := range c.URLs {
		parsed, err := url.Parse(reference)
		if err != nil {
			return nil, fmt.Errorf("chart %s %s: found a url that is none", c.Name, c.Version)
		}
		out = append(out, base.ResolveReference(parsed))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("chart %s %s: the index names no url of it", c.Name, c.Version)
	}
	return out, nil
}

// Compare orders versions as semantic versioning does, an older one first. What is no semantic version comes before all
// that are.
func Compare(a, b string) int {
	x, errX := semver.NewVersion(a)
	y, errY := semver.NewVersion(b)
	switch {
	case errX != nil && errY != nil:
		return strings.Compare(a, b)
	case errX != nil:
		return -1
	case errY != nil:
		return 1
	}
	// Versions that differ in their build metadata only are equal for semver, yet need an order.
	return cmp.Or(x.Compare(y), strings.Compare(a, b))
}
