package webhook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// artifacts are what the body of a source is turned into: by the source's form, and by its template.
func (s *Set) artifacts(name string, body map[string]any) (artifacts []spinnaker.Artifact, problem string) {
	switch strings.ToLower(name) {
	case "dockerhub":
		artifacts = dockerHub(body)
	case "dockerregistry":
		artifacts = dockerRegistry(body)
	case "quay":
		artifacts = quay(body)
	case "nexus":
		artifacts = nexus(body)
	}
	t := s.sources[name].template
	if t == nil {
		return artifacts, ""
	}
	made, err := t.artifacts(body)
	if err != nil {
		return artifacts, err.Error()
	}
	return append(artifacts, made...), ""
}

// dockerHub reads a push to Docker Hub.
//
// Source: spinnaker/spinnaker echo/echo-webhooks artifacts/DockerHubArtifactExtractor.java; the other sources beside it.
func dockerHub(body map[string]any) []spinnaker.Artifact {
	repository, tag := textAt(body, "repository.repo_name"), textAt(body, "push_data.tag")
	if repository == "" || tag == "" {
		return nil
	}
	name := "index.docker.io/" + repository
	return []spinnaker.Artifact{{Type: "docker/image", Name: name, Version: tag, Reference: name + ":" + tag,
		Provenance: textAt(body, "callback_url"), Metadata: map[string]any{"pusher": textAt(body, "push_data.pusher")}}}
}

// imageManifests are the types of what a registry tells of. Spinnaker knows the first two only.
var imageManifests = []string{
	"application/vnd.docker.distribution.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
}

// dockerRegistry reads a notification of a Docker registry.
func dockerRegistry(body map[string]any) []spinnaker.Artifact {
	var artifacts []spinnaker.Artifact
	for _, event := range listAt(body, "events") {
		repository, tag, digest := textAt(event, "target.repository"), textAt(event, "target.tag"), textAt(event, "target.digest")
		if textAt(event, "action") != "push" || repository == "" || tag == "" && digest == "" ||
			!slices.Contains(imageManifests, textAt(event, "target.mediaType")) || len(artifacts) == maxFiles {
			continue
		}
		name := textAt(event, "request.host") + "/" + repository
		image := spinnaker.Artifact{Type: "docker/image", Name: name, Version: tag, Reference: name + ":" + tag}
		if tag == "" {
			image.Version, image.Reference = digest, name+"@"+digest
		}
		artifacts = append(artifacts, image)
	}
	return artifacts
}

// quay reads a push to Quay.
func quay(body map[string]any) []spinnaker.Artifact {
	name := textAt(body, "docker_url")
	if name == "" || textAt(body, "repository") == "" {
		return nil
	}
	var artifacts []spinnaker.Artifact
	for _, item := range listAt(body, "updated_tags") {
		if tag, _ := item.(string); tag != "" && len(tag) <= longestName && len(artifacts) < maxFiles {
			artifacts = append(artifacts, spinnaker.Artifact{Type: "docker/image", Name: name, Version: tag, Reference: name + ":" + tag,
				Provenance: textAt(body, "homepage")})
		}
	}
	return artifacts
}

// nexus reads a component that was published.
func nexus(body map[string]any) []spinnaker.Artifact {
	if at(body, "component") == nil {
		return nil
	}
	version := textAt(body, "component.version")
	name := fmt.Sprintf("%s:%s", textAt(body, "component.group"), textAt(body, "component.name"))
	return []spinnaker.Artifact{{Type: "maven/file", Name: name, Version: version, Reference: name + ":" + version,
		Provenance: textAt(body, "repositoryName")}}
}
