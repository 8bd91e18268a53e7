package webhook

import (
	"fmt"
	"net/url"

	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// gitlab reads a body of GitLab.
//
// Source: spinnaker/spinnaker echo/echo-webhooks scm/GitlabWebhookEventHandler.java, artifacts/GitlabV4ArtifactExtractor.java.
func gitlab(body map[string]any) (change trigger.Change, artifacts []spinnaker.Artifact, dropped string) {
	change = trigger.Change{Project: textAt(body, "project.namespace"), Slug: textAt(body, "project.name"),
		Branch: branchName(textAt(body, "ref")), Hash: textAt(body, "after"), Action: textAt(body, "object_kind")}
	base, err := url.Parse(textAt(body, "project.web_url"))
	path := textAt(body, "project.path_with_namespace")
	if err != nil || base.Host == "" || path == "" {
		return change, nil, ""
	}
	for _, file := range changedFiles(body) {
		artifacts = append(artifacts, spinnaker.Artifact{Type: "gitlab/file", Name: file, Version: change.Hash,
			Reference: fmt.Sprintf("%s://%s/api/v4/projects/%s/repository/files/%s/raw", base.Scheme, base.Host,
				url.PathEscape(path), url.PathEscape(file))})
	}
	return change, artifacts, ""
}
