package helm

import (
	"bytes"
	"cmp"
	"encoding/json"
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

// maxOther bounds an index that is neither laid out as Helm writes it nor JSON, in bytes: such a one has to be taken apart
// as a whole, which costs twenty times its size in memory.
const maxOther = 4 << 20

// Index is what a repository says of its charts. Large ones list ten thousands of versions: the versions of a chart are
// read when they are asked for.
//
// Source of the format: helm/helm pkg/repo/index.go.
type Index struct {
	charts map[string]section
}

// section is the list of a chart's versions: its text and the number of its first line, or what the text stands for.
type section struct {
	text []byte
	line int
	node *yaml.Node
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

// Parse reads an index, without the versions of its charts. A document that is no index is an error. The Index keeps data.
func Parse(data []byte) (*Index, error) {
	if sections, ok := split(data); ok {
		return &Index{charts: sections}, nil
	}
	if sections, ok := fromJSON(data); ok {
		return &Index{charts: sections}, nil
	}
	if len(data) > maxOther {
		return nil, fmt.Errorf("the index has %d bytes and is neither laid out as Helm writes it nor JSON", len(data))
	}
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
	index := &Index{charts: map[string]section{}}
	for name, node := range file.Entries {
		index.charts[name] = section{node: &node}
	}
	return index, nil
}

func fromJSON(data []byte) (map[string]section, bool) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return nil, false
	}
	var file struct {
		Entries map[string]json.RawMessage `json:"entries"`
	}
	if err := json.Unmarshal(data, &file); err != nil || file.Entries == nil {
		return nil, false
	}
	sections := map[string]section{}
	for name, text := range file.Entries {
		sections[name] = section{text: text, line: 1}
	}
	return sections, true
}

// Names are the charts' names, sorted. A chart may turn out to have no version that can be read.
func (i *Index) Names() []string { return slices.Sorted(maps.Keys(i.charts)) }

// Versions are the versions of a chart, newest first; none for a chart that is not there. What makes no sense is skipped:
// skipped says which lines, and why.
func (i *Index) Versions(name string) (versions []Chart, skipped []string) {
	found, ok := i.charts[name]
	if !ok {
		return nil, nil
	}
	nodes, err := found.nodes()
	if err != nil {
		return nil, []string{fmt.Sprintf("entries.%s: %v", name, err)}
	}
	for at := range nodes {
		chart, err := readChart(name, &nodes[at])
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("entries.%s[%d]: line %d: %v", name, at, nodes[at].Line+found.offset(), err))
			continue
		}
		versions = append(versions, chart)
	}
	slices.SortStableFunc(versions, func(a, b Chart) int { return Compare(b.Version, a.Version) })
	return versions, skipped
}

// nodes takes the list of versions apart.
func (s section) nodes() ([]yaml.Node, error) {
	node := s.node
	if node == nil {
		node = &yaml.Node{}
		if err := yaml.Unmarshal(s.text, node); err != nil {
			return nil, fmt.Errorf("from line %d: %s", s.line, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if node.IsZero() {
			return nil, nil
		}
	}
	var nodes []yaml.Node
	if err := node.Decode(&nodes); err != nil {
		return nil, fmt.Errorf("line %d: found no list of versions", node.Line+s.offset())
	}
	return nodes, nil
}

// offset is how many lines come before the section's text.
func (s section) offset() int { return max(s.line-1, 0) }

func readChart(name string, node *yaml.Node) (Chart, error) {
	var entry struct {
		Version    string    `yaml:"version"`
		AppVersion string    `yaml:"appVersion"`
		Created    yaml.Node `yaml:"created"`
		Digest     string    `yaml:"digest"`
		URLs       []string  `yaml:"urls"`
	}
	if err := node.Decode(&entry); err != nil {
		return Chart{}, errors.New("found no version of a chart")
	}
	if entry.Version == "" {
		return Chart{}, errors.New("version: is missing")
	}
	chart := Chart{Name: name, Version: entry.Version, AppVersion: entry.AppVersion, URLs: entry.URLs,
		Digest: strings.ToLower(strings.TrimPrefix(entry.Digest, "sha256:"))}
	if created, err := time.Parse(time.RFC3339Nano, entry.Created.Value); err == nil {
		chart.Created = created
	}
	return chart, nil
}

// MissingError is a chart that the index does not have, or not in the version asked for.
type MissingError struct{ field, value string }

// Error is Clouddriver's text (spinnaker/spinnaker clouddriver/clouddriver-artifacts-helm IndexParser.java).
func (e *MissingError) Error() string {
	return "Could not find correct entry with artifact " + e.field + " " + e.value
}

// Find looks a version of a chart up; the newest when version is blank. Its errors are *MissingError.
func (i *Index) Find(name, version string) (Chart, error) {
	charts, _ := i.Versions(name)
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
