package artifact

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Source says where a bound artifact came from.
type Source string

// The sources, in the order in which they are tried.
const (
	FromReceived Source = "received"
	FromPrior    Source = "prior"
	FromDefault  Source = "default"
)

// Finding is a line of the resolution report.
type Finding struct {
	// Expected is the expected artifact with BoundArtifact set.
	Expected spinnaker.ExpectedArtifact
	// Source says by which rule the artifact was chosen.
	Source Source
	// Candidates are the artifacts that were considered, in their order; prior ones only when it came to that.
	Candidates []Candidate
}

// Candidate is an artifact that was considered for an expected one.
type Candidate struct {
	Artifact spinnaker.Artifact
	From     Source
	// Mismatch says in words why it is not the one; empty for one that fits.
	Mismatch string
}

// Resolution is what an execution starts with.
type Resolution struct {
	// Artifacts are the received artifacts and the bound ones.
	Artifacts []spinnaker.Artifact
	// Report has a line for each expected artifact that the trigger or the pipeline asks for, in config order.
	Report []Finding
	// Ignored are the others, which are not bound and never an error.
	Ignored []spinnaker.ExpectedArtifact
}

// Expected are the bound expected artifacts.
func (r Resolution) Expected() []spinnaker.ExpectedArtifact {
	out := make([]spinnaker.ExpectedArtifact, len(r.Report))
	for i, finding := range r.Report {
		out[i] = finding.Expected
	}
	return out
}

// Resolve binds the expected artifacts that the trigger names by id, or that have a prior or default to fall back on.
// received may hold an artifact twice; prior are those of the last execution. More than one match is an error, and so is
// none.
func Resolve(expected []spinnaker.ExpectedArtifact, ids []string, received, prior []spinnaker.Artifact) (Resolution, error) {
	received, prior = distinct(received), distinct(prior)
	result := Resolution{Artifacts: received}
	for _, e := range expected {
		if !slices.Contains(ids, e.ID) && !e.UseDefaultArtifact && !e.UsePriorArtifact {
			result.Ignored = append(result.Ignored, e)
			continue
		}
		finding, err := resolve(e, received, prior)
		if err != nil {
			return Resolution{}, err
		}
		result.Report = append(result.Report, finding)
		result.Artifacts = append(result.Artifacts, *finding.Expected.BoundArtifact)
	}
	result.Artifacts = distinct(result.Artifacts)
	return result, nil
}

func resolve(e spinnaker.ExpectedArtifact, received, prior []spinnaker.Artifact) (Finding, error) {
	finding := Finding{Expected: e, Source: FromReceived}
	bound, err := finding.only(received)
	if err != nil {
		return Finding{}, err
	}
	if bound == nil && e.UsePriorArtifact {
		finding.Source = FromPrior
		if bound, err = finding.only(prior); err != nil {
			return Finding{}, err
		}
	}
	if bound == nil && e.UseDefaultArtifact && e.DefaultArtifact != nil {
		finding.Source, bound = FromDefault, e.DefaultArtifact
	}
	if bound == nil {
		return Finding{}, &UnmatchedError{Expected: e, Candidates: finding.Candidates}
	}
	finding.Expected.BoundArtifact = bound
	return finding, nil
}

// only returns the one of some further candidates that fits, nil when there is none, and an error when there are more.
func (f *Finding) only(artifacts []spinnaker.Artifact) (*spinnaker.Artifact, error) {
	candidates, err := weigh(f.Expected, f.Source, artifacts)
	if err != nil {
		return nil, err
	}
	f.Candidates = append(f.Candidates, candidates...)
	met := slices.DeleteFunc(candidates, func(c Candidate) bool { return c.Mismatch != "" })
	switch len(met) {
	case 0:
		return nil, nil
	case 1:
		return &met[0].Artifact, nil
	default:
		texts := make([]string, len(met))
		for i, c := range met {
			texts[i] = describe(&c.Artifact)
		}
		return nil, &AmbiguousError{describeExpected(f.Expected), texts}
	}
}

// weigh says of each artifact whether it is the expected one.
func weigh(e spinnaker.ExpectedArtifact, from Source, artifacts []spinnaker.Artifact) ([]Candidate, error) {
	out := make([]Candidate, len(artifacts))
	for i, a := range artifacts {
		reason, err := mismatch(match(e), a)
		if err != nil {
			return nil, fmt.Errorf("expected artifact %q: %w", e.ID, err)
		}
		out[i] = Candidate{Artifact: a, From: from, Mismatch: reason}
	}
	return out, nil
}

// Bind binds each expected artifact to the first artifact that meets it, as stages do with what they produced, or else
// to its default. One that nothing meets is an error.
func Bind(expected []spinnaker.ExpectedArtifact, artifacts []spinnaker.Artifact) ([]spinnaker.ExpectedArtifact, error) {
	bound := make([]spinnaker.ExpectedArtifact, 0, len(expected))
	for _, e := range expected {
		candidates, err := weigh(e, FromReceived, artifacts)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(candidates, func(c Candidate) bool { return c.Mismatch == "" })
		switch {
		case at >= 0:
			e.BoundArtifact = &candidates[at].Artifact
		case e.UseDefaultArtifact && e.DefaultArtifact != nil:
			e.BoundArtifact = e.DefaultArtifact
		default:
			return nil, &UnmatchedError{Expected: e, Candidates: candidates}
		}
		bound = append(bound, e)
	}
	return bound, nil
}

// match is what e demands; an expected artifact without a matchArtifact demands nothing.
func match(e spinnaker.ExpectedArtifact) spinnaker.Artifact {
	if e.MatchArtifact == nil {
		return spinnaker.Artifact{}
	}
	return *e.MatchArtifact
}

// distinct drops artifacts that are there already.
func distinct(artifacts []spinnaker.Artifact) []spinnaker.Artifact {
	out := make([]spinnaker.Artifact, 0, len(artifacts))
	for _, a := range artifacts {
		if !slices.ContainsFunc(out, func(b spinnaker.Artifact) bool { return same(a, b) }) {
			out = append(out, a)
		}
	}
	return out
}

// same compares artifacts; no metadata and empty metadata are the same.
func same(a, b spinnaker.Artifact) bool {
	if len(a.Metadata) == 0 && len(b.Metadata) == 0 {
		a.Metadata, b.Metadata = nil, nil
	}
	return reflect.DeepEqual(a, b)
}
