package artifact

import (
	"fmt"

	"github.com/gennaker/gennaker/agent/spel/javaregex"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Types whose body travels with the artifact. They count as one type.
const (
	Embedded = "embedded/base64"
	Remote   = "remote/base64"
)

// EmbeddedAccount is the account of artifacts whose body travels with them. It needs no configuration.
const EmbeddedAccount = "embedded-artifact"

// Matches says whether an artifact meets what is expected: type, name, version, location and reference each equal, or
// fully matched by the expected text as a Java regular expression. An empty expected text is met by anything. A text that
// is no regular expression is an error.
func Matches(expected, actual spinnaker.Artifact) (bool, error) {
	reason, err := mismatch(expected, actual)
	return reason == "" && err == nil, err
}

// mismatch says in words which field does not meet what is expected; empty when all do.
func mismatch(expected, actual spinnaker.Artifact) (reason string, err error) {
	fields := []struct{ name, expected, actual string }{
		{"type", sameType(expected.Type), sameType(actual.Type)},
		{"name", expected.Name, actual.Name},
		{"version", expected.Version, actual.Version},
		{"location", expected.Location, actual.Location},
		{"reference", expected.Reference, actual.Reference},
	}
	for _, field := range fields {
		if field.expected == "" || field.expected == field.actual {
			continue
		}
		if field.actual == "" {
			return fmt.Sprintf("it has no %s, expected %q", field.name, field.expected), nil
		}
		pattern, err := javaregex.Compile(field.expected)
		if err != nil {
			return "", fmt.Errorf("%s %q is not a regular expression: %w", field.name, field.expected, err)
		}
		if ok, err := pattern.Match(field.actual); err != nil {
			return "", fmt.Errorf("%s %q: %w", field.name, field.expected, err)
		} else if !ok {
			if field.name == "reference" {
				field.actual = shownReference(&actual)
			}
			return fmt.Sprintf("its %s %q does not match %q", field.name, field.actual, field.expected), nil
		}
	}
	return "", nil
}

func sameType(t string) string {
	if t == Remote {
		return Embedded
	}
	return t
}

// All returns the artifacts that meet what is expected.
func All(expected spinnaker.Artifact, artifacts []spinnaker.Artifact) ([]spinnaker.Artifact, error) {
	var met []spinnaker.Artifact
	for _, a := range artifacts {
		ok, err := Matches(expected, a)
		if err != nil {
			return nil, err
		}
		if ok {
			met = append(met, a)
		}
	}
	return met, nil
}
