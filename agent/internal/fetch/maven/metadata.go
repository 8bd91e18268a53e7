package maven

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// Metadata is a repository's maven-metadata.xml: the versions of an artifact, or the builds of a snapshot.
//
// Source of the format: apache/maven maven-repository-metadata metadata.mdo.
type Metadata struct {
	Versioning struct {
		Latest   string   `xml:"latest"`
		Release  string   `xml:"release"`
		Versions []string `xml:"versions>version"`
		Snapshot struct {
			Timestamp   string `xml:"timestamp"`
			BuildNumber string `xml:"buildNumber"`
		} `xml:"snapshot"`
		Builds []struct {
			Classifier string `xml:"classifier"`
			Extension  string `xml:"extension"`
			Value      string `xml:"value"`
		} `xml:"snapshotVersions>snapshotVersion"`
	} `xml:"versioning"`
}

// ParseMetadata reads a maven-metadata.xml.
func ParseMetadata(data []byte) (Metadata, error) {
	var m Metadata
	decoder := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.Token()
		if err != nil {
			return Metadata{}, fmt.Errorf("found no <metadata>: %w", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != "metadata" {
			return Metadata{}, fmt.Errorf("found <%s>, expected <metadata>", start.Name.Local)
		}
		if err := decoder.DecodeElement(&m, &start); err != nil {
			return Metadata{}, fmt.Errorf("not well-formed: %w", err)
		}
		return m, nil
	}
}

// MissingError is a version that the repository does not have.
type MissingError struct{ version, artifact string }

// Error is Clouddriver's text (spinnaker/spinnaker clouddriver/clouddriver-artifacts-maven MavenArtifactCredentials.java).
func (e *MissingError) Error() string {
	return "No versions matching constraint '" + e.version + "' for '" + e.artifact + "'"
}

// Resolve answers the coordinates' Question: the same coordinates with the version that theirs stands for. That may be a
// snapshot, which has a question of its own.
func (c Coordinates) Resolve(m Metadata) (Coordinates, error) {
	asked := c.Version
	c.Version = c.answer(m)
	if c.Version == "" {
		return Coordinates{}, &MissingError{asked, c.Group + ":" + c.Artifact}
	}
	if strings.ContainsAny(c.Version, "/\\") || isKeyword(c.Version) || isRange(c.Version) {
		return Coordinates{}, fmt.Errorf("the metadata name %q as a version", c.Version)
	}
	return c, nil
}

func (c Coordinates) answer(m Metadata) string {
	switch versioning := m.Versioning; {
	case isRelease(c.Version):
		return versioning.Release
	case isLatest(c.Version):
		return versioning.Latest
	case isRange(c.Version):
		return newestIn(c.Version, versioning.Versions)
	default:
		return c.build(m)
	}
}

// build is the newest build of a snapshot. Old repositories do not list builds by file.
func (c Coordinates) build(m Metadata) string {
	for _, build := range m.Versioning.Builds {
		if build.Classifier == c.Classifier && (build.Extension == c.Extension || build.Extension == "") {
			return build.Value
		}
	}
	snapshot := m.Versioning.Snapshot
	if len(m.Versioning.Builds) > 0 || snapshot.Timestamp == "" || snapshot.BuildNumber == "" {
		return ""
	}
	return strings.TrimSuffix(c.Version, "SNAPSHOT") + snapshot.Timestamp + "-" + snapshot.BuildNumber
}

// newestIn is the newest version in a range, "" for none.
func newestIn(text string, versions []string) string {
	ranges, err := parseRanges(text)
	if err != nil {
		return ""
	}
	met := slices.DeleteFunc(slices.Clone(versions), func(v string) bool {
		return !slices.ContainsFunc(ranges, func(r span) bool { return r.holds(v) })
	})
	if len(met) == 0 {
		return ""
	}
	return slices.MaxFunc(met, Compare)
}
