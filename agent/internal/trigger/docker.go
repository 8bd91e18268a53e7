package trigger

import (
	"fmt"
	"strings"

	"github.com/gennaker/gennaker/agent/spel/javaregex"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Image is a tag of a repository that appeared in a registry or got another digest.
type Image struct {
	// Registry is the registry's host, as image references name it.
	Registry   string `json:"registry"`
	Repository string `json:"repository"`
	Tag        string `json:"tag"`
	// Digest is "sha256:…"; empty when the registry did not say.
	Digest string `json:"digest,omitempty"`
	// Earlier is the digest that the tag had before; empty for a new tag.
	Earlier string `json:"earlier,omitempty"`
}

// name is the image without its tag.
func (i Image) name() string { return i.Registry + "/" + i.Repository }

// reference is the image as one pulls it.
func (i Image) reference() string { return i.name() + ":" + i.Tag }

// matchImage is the rule of types `docker` and `helm/oci`: exact account and repository (the key), tag, artifact.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/AbstractOCIRegistryEventHandler.java.
func matchImage(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event) Verdict {
	image := event.Image
	if image == nil {
		return ignored("the event names no image")
	}
	if ok, reason := WantsTag(t, image.Tag); !ok {
		return ignored("%s", reason)
	}
	artifactType := "docker/image"
	if event.Type == HelmOCI {
		artifactType = "helm/image"
	}
	artifacts := []spinnaker.Artifact{{Type: artifactType, Name: image.name(), Version: image.Tag, Reference: image.reference()}}
	if ok, reason := artifactConstraint(pipeline, t, artifacts); !ok {
		return ignored("%s", reason)
	}
	data := map[string]any{"tag": image.Tag, "digest": nil, "artifacts": artifacts}
	reason := fmt.Sprintf("account %q has a new tag %s", event.Source, image.reference())
	if image.Earlier != "" {
		reason = fmt.Sprintf("in account %q the tag %s moved from %s", event.Source, image.reference(), image.Earlier)
	}
	if image.Digest != "" {
		data["digest"] = image.Digest
		reason += " (" + image.Digest + ")"
	}
	return fires(Fires, reason, t, event, data)
}

// WantsTag says whether a trigger of type `docker` or `helm/oci` means a tag, and why not: a pattern must match all of the
// tag; without one every tag is meant but `latest`.
func WantsTag(t spinnaker.Trigger, tag string) (ok bool, reason string) {
	pattern := strings.TrimSpace(t.Text("tag"))
	if pattern == "" {
		return tag != "latest", `tag is "latest", which the trigger must name to fire on it`
	}
	expr, err := javaregex.Compile(pattern)
	if err != nil {
		return false, fmt.Sprintf("the trigger's tag is not a regular expression: %v", err)
	}
	hit, err := expr.Match(tag)
	if err != nil {
		return false, fmt.Sprintf("the trigger's tag: %v", err)
	}
	return hit, fmt.Sprintf("tag is %q; the trigger wants all of it to match %q", tag, pattern)
}
