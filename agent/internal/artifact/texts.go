package artifact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

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
	none := fmt.Sprintf("none of %d received artifacts matches", f.Received)
	switch {
	case f.Source == FromReceived:
		return bound + fmt.Sprintf("the only match of %d received artifacts", f.Received)
	case f.Source == FromPrior:
		return bound + fmt.Sprintf("%s, and it is the only match of %d artifacts of the last execution", none, f.Prior)
	case f.Expected.UsePriorArtifact:
		return bound + fmt.Sprintf("%s, nor any of %d artifacts of the last execution, so it is the default", none, f.Prior)
	default:
		return bound + none + ", so it is the default"
	}
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
	// Considered are the artifacts that were there.
	Considered []spinnaker.Artifact
}

// Error is Orca's text.
func (e *UnmatchedError) Error() string {
	return "Unmatched expected artifact " + describeExpected(e.Expected) + " could not be resolved."
}

// Detail says for each artifact that was there why it is not the expected one.
func (e *UnmatchedError) Detail() string {
	if len(e.Considered) == 0 {
		return "there are no artifacts to choose from"
	}
	reasons := make([]string, len(e.Considered))
	for i, a := range e.Considered {
		reason, err := mismatch(match(e.Expected), a)
		if err != nil {
			reason = err.Error()
		}
		reasons[i] = title(&a) + ": " + reason
	}
	return strings.Join(reasons, "; ")
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
	pairs := make([]string, 0, len(a.Metadata))
	for key, value := range a.Metadata {
		pairs = append(pairs, fmt.Sprintf("%s=%v", key, value))
	}
	slices.Sort(pairs)
	return fmt.Sprintf("Artifact(type=%s, customKind=%v, name=%s, version=%s, location=%s, reference=%s, metadata={%s}, artifactAccount=%s, provenance=%s, uuid=%s)",
		orNull(a.Type), a.CustomKind, orNull(a.Name), orNull(a.Version), orNull(a.Location), orNull(shownReference(a)),
		strings.Join(pairs, ", "), orNull(a.ArtifactAccount), orNull(a.Provenance), orNull(a.UUID))
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
