package maven

import (
	"fmt"
	"regexp"
	"strings"
)

// Coordinates name a file of a repository.
type Coordinates struct {
	Group, Artifact, Version, Classifier, Extension string
}

const snapshotSuffix = "-SNAPSHOT"

var (
	// looksLikeVersion tells a version from an extension or classifier at the same place.
	looksLikeVersion = regexp.MustCompile(`^(v?\d|[\[(]|RELEASE$|LATEST$|SNAPSHOT$|latest\.)`)
	// timestamped is the version of one build of a snapshot.
	timestamped = regexp.MustCompile(`^(.*)-\d{8}\.\d{6}-\d+$`)
)

// Parse reads GROUP:ARTIFACT:VERSION[:CLASSIFIER] as Igor writes it, and GROUP:ARTIFACT:EXTENSION[:CLASSIFIER]:VERSION as
// Maven does. The extension is "jar" unless it is said.
//
// Sources: spinnaker/spinnaker igor/igor-web jar.jinja; apache/maven-resolver DefaultArtifact.java.
func Parse(text string) (Coordinates, error) {
	parts := strings.Split(text, ":")
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, "/\\ ") || part == "." || part == ".." {
			return Coordinates{}, malformed(text)
		}
	}
	c := Coordinates{Extension: "jar"}
	switch {
	case len(parts) == 3:
		c.Version = parts[2]
	case len(parts) == 4 && looksLikeVersion.MatchString(parts[3]) && !looksLikeVersion.MatchString(parts[2]):
		c.Extension, c.Version = parts[2], parts[3]
	case len(parts) == 4:
		c.Version, c.Classifier = parts[2], parts[3]
	case len(parts) == 5:
		c.Extension, c.Classifier, c.Version = parts[2], parts[3], parts[4]
	default:
		return Coordinates{}, malformed(text)
	}
	c.Group, c.Artifact = parts[0], parts[1]
	return c, nil
}

func malformed(text string) error {
	return fmt.Errorf("%q is not of the form group:artifact:version[:classifier]", text)
}

// Directory is where the artifact's versions and their metadata are.
func (c Coordinates) Directory() string {
	return strings.ReplaceAll(c.Group, ".", "/") + "/" + c.Artifact
}

// Path is where the file of a version that is no range and no keyword is, below the repository's address.
func (c Coordinates) Path() string {
	directory := c.Version
	if build := timestamped.FindStringSubmatch(c.Version); build != nil {
		directory = build[1] + snapshotSuffix
	}
	name := c.Artifact + "-" + c.Version
	if c.Classifier != "" {
		name += "-" + c.Classifier
	}
	return c.Directory() + "/" + directory + "/" + name + "." + c.Extension
}

// Question is what has to be asked before the file's path is known: the path of the metadata that answers; "" for a
// version that is one already.
func (c Coordinates) Question() string {
	const file = "maven-metadata.xml"
	switch {
	case strings.HasSuffix(c.Version, snapshotSuffix):
		return c.Directory() + "/" + c.Version + "/" + file
	case isKeyword(c.Version), isRange(c.Version):
		return c.Directory() + "/" + file
	default:
		return ""
	}
}

func isKeyword(version string) bool { return isRelease(version) || isLatest(version) }

func isRelease(version string) bool { return version == "RELEASE" || version == "latest.release" }

func isLatest(version string) bool {
	return version == "LATEST" || version == "SNAPSHOT" || version == "latest.integration"
}

func isRange(version string) bool {
	return strings.HasPrefix(version, "[") || strings.HasPrefix(version, "(")
}
