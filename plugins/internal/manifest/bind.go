package manifest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Artifact is the part of Spinnaker's artifact that binding looks at.
type Artifact struct {
	Type      string `json:"type,omitempty"`
	Name      string `json:"name,omitempty"`
	Version   string `json:"version,omitempty"`
	Location  string `json:"location,omitempty"`
	Reference string `json:"reference,omitempty"`
	// Account is `metadata.account`.
	Account string `json:"account,omitempty"`
}

func (a Artifact) String() string {
	text := a.Type + " " + a.Name
	if a.Reference != "" && a.Reference != a.Name {
		text += " (" + a.Reference + ")"
	}
	return text
}

// Binding says where an artifact replaced a text.
type Binding struct {
	Artifact Artifact `json:"artifact"`
	Object   Ref      `json:"object"`
	Path     string   `json:"path"`
	From     string   `json:"from"`
}

// artifactSet keeps artifacts in order, one for each type, name and location.
type artifactSet struct {
	order []string
	byKey map[string]Artifact
}

func artifactKey(a Artifact) string { return "[" + a.Type + "]-[" + a.Name + "]-[" + a.Location + "]" }

func newArtifactSet(lists ...[]Artifact) *artifactSet {
	s := &artifactSet{byKey: make(map[string]Artifact)}
	for _, list := range lists {
		for _, a := range list {
			if _, present := s.byKey[artifactKey(a)]; !present {
				s.put(a)
			}
		}
	}
	return s
}

func (s *artifactSet) put(a Artifact) {
	key := artifactKey(a)
	if _, present := s.byKey[key]; !present {
		s.order = append(s.order, key)
	}
	s.byKey[key] = a
}

// binder replaces references in objects by what artifacts stand for.
type binder struct {
	kinds     *Kinds
	account   string
	imageOnly bool // match-name-only: a tagged image is left alone
	artifacts *artifactSet
}

// bind changes the object and says what it replaced (clouddriver-kubernetes artifact/ArtifactReplacer.java).
func (b *binder) bind(o Object) []Binding {
	var bindings []Binding
	references := b.kinds.references(o)
	for _, key := range b.artifacts.order {
		a := b.artifacts.byKey[key]
		if !b.candidate(a, o.GetNamespace()) {
			continue
		}
		for _, r := range references {
			if r.kind != a.Type || !b.matches(a, r.text()) {
				continue
			}
			bindings = append(bindings, Binding{Artifact: a, Object: b.kinds.RefOf(o), Path: r.path, From: r.text()})
			r.holder[r.key] = a.Reference
		}
	}
	return bindings
}

func (b *binder) candidate(a Artifact, namespace string) bool {
	if a.Reference == "" {
		return false
	}
	if !strings.HasPrefix(a.Type, "kubernetes/") {
		return a.Type != ""
	}
	return a.Location == namespace && (a.Account == "" || a.Account == b.account)
}

func (b *binder) matches(a Artifact, text string) bool {
	if a.Type != typeImage {
		return text == a.Name
	}
	if b.imageOnly && tagged(text) {
		return false
	}
	for _, name := range imageNames(text) {
		if name == a.Name {
			return true
		}
	}
	return false
}

// unbound returns the required artifacts that replaced nothing.
func unbound(required []Artifact, bindings []Binding) []Artifact {
	bound := make(map[Artifact]bool)
	for _, b := range bindings {
		bound[identity(b.Artifact)] = true
	}
	var missing []Artifact
	for _, a := range required {
		if !bound[identity(a)] {
			missing = append(missing, a)
		}
	}
	return missing
}

func identity(a Artifact) Artifact { a.Account = ""; return a }

// unboundText is Spinnaker's text for required artifacts that replaced nothing, with what there was to replace.
func (k *Kinds) unboundText(missing []Artifact, objects []Object) string {
	text, err := json.Marshal(missing)
	if err != nil {
		text = []byte(fmt.Sprint(missing))
	}
	message := fmt.Sprintf("The following required artifacts could not be bound: '%s'. Check that the Docker image name above matches the name used in the image field of your manifest. Failing the stage as this is likely a configuration error.", text)
	wanted := make(map[string]bool)
	for _, a := range missing {
		wanted[a.Type] = true
	}
	var seen []string
	for _, o := range objects {
		for _, r := range k.references(o) {
			if wanted[r.kind] {
				seen = append(seen, fmt.Sprintf("%q at %s of %s", r.text(), r.path, k.RefOf(o)))
			}
		}
	}
	if len(seen) == 0 {
		return message + " Nothing in the manifests refers to an artifact of this type."
	}
	return message + " The manifests name: " + strings.Join(seen, "; ") + "."
}
