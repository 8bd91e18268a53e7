package artifact

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxShown is how many candidates texts and reports show for each expected artifact.
const maxShown = 20

// Explain is the report in words: a sentence for each expected artifact.
func (r Resolution) Explain() []string {
	var lines []string
	for _, finding := range r.Report {
		lines = append(lines, finding.String())
	}
	for _, e := range r.Ignored {
		lines = append(lines, fmt.Sprintf("expected artifact %q is left out: the trigger does not name it, and it uses neither a prior nor a default artifact", e.ID))
	}
	return lines
}

// String says what was bound, and by which rule.
func (f Finding) String() string {
	bound := fmt.Sprintf("expected artifact %q is %s: ", f.Expected.ID, title(f.Expected.BoundArtifact))
	received, prior := f.count(FromReceived), f.count(FromPrior)
	none := fmt.Sprintf("none of %d received artifacts matches", received)
	switch {
	case f.Source == FromReceived:
		return bound + fmt.Sprintf("the only match of %d received artifacts", received)
	case f.Source == FromPrior:
		return bound + fmt.Sprintf("%s, and it is the only match of %d artifacts of the last execution", none, prior)
	case f.Expected.UsePriorArtifact:
		return bound + fmt.Sprintf("%s, nor any of %d artifacts of the last execution, so it is the default", none, prior)
	default:
		return bound + none + ", so it is the default"
	}
}

func (f Finding) count(from Source) int {
	n := 0
	for _, c := range f.Candidates {
		if c.From == from {
			n++
		}
	}
	return n
}

// title names an artifact for people.
func title(a *spinnaker.Artifact) string {
	name := a.Name
	if name == "" {
		name = shownReference(a)
	}
	parts := slices.DeleteFunc([]string{a.Type, name, a.Version}, func(part string) bool { return part == "" })
	return strings.Join(parts, " ")
}

// AmbiguousError is the failure to choose among several artifacts that meet an expected one.
type AmbiguousError struct {
	expected string
	matches  []string
}

// Error is Orca's text.
func (e *AmbiguousError) Error() string {
	return "Expected artifact " + e.expected + " matches multiple artifacts [" + strings.Join(e.matches, ", ") + "]"
}

// UnmatchedError is the failure to find an artifact that meets an expected one.
type UnmatchedError struct {
	Expected spinnaker.ExpectedArtifact
	// Candidates are the artifacts that were there.
	Candidates []Candidate
}

// Error is Orca's text.
func (e *UnmatchedError) Error() string {
	return "Unmatched expected artifact " + describeExpected(e.Expected) + " could not be resolved."
}

// Detail says for each artifact that was there why it is not the expected one.
func (e *UnmatchedError) Detail() string {
	if len(e.Candidates) == 0 {
		return "There are no artifacts to choose from"
	}
	var reasons []string
	for _, c := range e.Candidates[:min(len(e.Candidates), maxShown)] {
		reasons = append(reasons, title(&c.Artifact)+": "+c.Mismatch)
	}
	if more := len(e.Candidates) - maxShown; more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	return "Considered were " + strings.Join(reasons, "; ")
}

// describeExpected is an expected artifact as Java prints it in Orca's texts.
func describeExpected(e spinnaker.ExpectedArtifact) string {
	return fmt.Sprintf("ExpectedArtifact(matchArtifact=%s, usePriorArtifact=%v, useDefaultArtifact=%v, defaultArtifact=%s, id=%s, boundArtifact=%s)",
		describe(e.MatchArtifact), e.UsePriorArtifact, e.UseDefaultArtifact, describe(e.DefaultArtifact), orNull(e.ID), describe(e.BoundArtifact))
}

func describe(a *spinnaker.Artifact) string {
	if a == nil {
		return "null"
	}
	return fmt.Sprintf("Artifact(type=%s, customKind=%v, name=%s, version=%s, location=%s, reference=%s, metadata=%s, artifactAccount=%s, provenance=%s, uuid=%s)",
		orNull(a.Type), a.CustomKind, orNull(a.Name), orNull(a.Version), orNull(a.Location), orNull(shownReference(a)),
		java(a.Metadata), orNull(a.ArtifactAccount), orNull(a.Provenance), orNull(a.UUID))
}

// shownReference is the reference for texts: that of an embedded artifact is its whole body, which may hold secrets.
func shownReference(a *spinnaker.Artifact) string {
	if a.Type == Embedded && a.Reference != "" {
		return fmt.Sprintf("(%d characters)", len(a.Reference))
	}
	return a.Reference
}

func orNull(text string) string {
	if text == "" {
		return "null"
	}
	return text
}

// java is a JSON value as Java prints it.
func java(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case map[string]any:
		pairs := make([]string, 0, len(value))
		for _, key := range slices.Sorted(maps.Keys(value)) {
			pairs = append(pairs, key+"="+java(value[key]))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	case []any:
		items := make([]string, len(value))
		for i, item := range value {
			items[i] = java(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return fmt.Sprint(value)
	}
}
