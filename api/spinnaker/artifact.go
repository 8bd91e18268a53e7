package spinnaker

import (
	"encoding/json"
	"maps"
)

// Artifact is a reference to something outside: a file, an image, a Kubernetes object.
//
// Source: spinnaker/spinnaker kork/kork-artifacts model/Artifact.java.
type Artifact struct {
	Type            string         `json:"type,omitempty"`
	CustomKind      bool           `json:"customKind"`
	Name            string         `json:"name,omitempty"`
	Version         string         `json:"version,omitempty"`
	Location        string         `json:"location,omitempty"`
	Reference       string         `json:"reference,omitempty"`
	Metadata        map[string]any `json:"metadata"`
	ArtifactAccount string         `json:"artifactAccount,omitempty"`
	Provenance      string         `json:"provenance,omitempty"`
	UUID            string         `json:"uuid,omitempty"`
}

// UnmarshalJSON reads an artifact. Unknown members fold into the metadata and `kind` is dropped, as in Spinnaker.
func (a *Artifact) UnmarshalJSON(data []byte) error {
	type plain Artifact
	var known plain
	folded, err := readMembers(data, &known)
	if err != nil {
		return err
	}
	delete(folded, "kind")
	if len(folded) > 0 {
		metadata := maps.Clone(known.Metadata)
		if metadata == nil {
			metadata = map[string]any{}
		}
		maps.Copy(metadata, folded)
		known.Metadata = metadata
	}
	*a = Artifact(known)
	return nil
}

// MarshalJSON writes an artifact; `metadata` is always there.
func (a Artifact) MarshalJSON() ([]byte, error) {
	type plain Artifact
	if a.Metadata == nil {
		a.Metadata = map[string]any{}
	}
	return json.Marshal(plain(a))
}

// ExpectedArtifact is a pipeline's or a stage's demand for an artifact, and once resolved the one that met it.
//
// Source: spinnaker/spinnaker kork/kork-artifacts model/ExpectedArtifact.java.
type ExpectedArtifact struct {
	ID                 string    `json:"id,omitempty"`
	DisplayName        string    `json:"displayName,omitempty"`
	MatchArtifact      *Artifact `json:"matchArtifact,omitempty"`
	UsePriorArtifact   bool      `json:"usePriorArtifact"`
	UseDefaultArtifact bool      `json:"useDefaultArtifact"`
	DefaultArtifact    *Artifact `json:"defaultArtifact,omitempty"`
	BoundArtifact      *Artifact `json:"boundArtifact,omitempty"`
	// Extra are the members that are not known.
	Extra map[string]any `json:"-"`
}

// UnmarshalJSON reads an expected artifact and keeps unknown members.
func (e *ExpectedArtifact) UnmarshalJSON(data []byte) error {
	type plain ExpectedArtifact
	var known plain
	others, err := readMembers(data, &known)
	if err != nil {
		return err
	}
	*e = ExpectedArtifact(known)
	e.Extra = others
	return nil
}

// MarshalJSON writes an expected artifact with its unknown members.
func (e ExpectedArtifact) MarshalJSON() ([]byte, error) {
	type plain ExpectedArtifact
	return marshalWith(plain(e), e.Extra)
}
