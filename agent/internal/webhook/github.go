package webhook

import (
	"strings"

	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// github reads a body of GitHub: a pull request, a branch that was made or deleted, else a push.
//
// Source: spinnaker/spinnaker echo/echo-webhooks scm/GithubWebhookEventHandler.java,
// artifacts/GitHubArtifactExtractor.java.
func github(body map[string]any, event string) (change trigger.Change, artifacts []spinnaker.Artifact, dropped string) {
	if body["hook_id"] != nil {
		return change, nil, "a ping"
	}
	change = trigger.Change{Project: textAt(body, "repository.owner.name", "repository.owner.login"), Slug: textAt(body, "repository.name")}
	switch {
	case body["pull_request"] != nil:
		change.Project = textAt(body, "repository.owner.login", "repository.owner.name")
		change.Branch, change.Hash = textAt(body, "pull_request.head.ref"), textAt(body, "pull_request.head.sha")
		change.Action = "pull_request:" + textAt(body, "action")
		change.Properties = map[string]any{}
		for _, name := range []string{"number", "draft", "state", "title"} {
			if value := at(body, "pull_request."+name); value != nil {
				change.Properties[name] = value
			}
		}
	case textAt(body, "ref_type") == "branch":
		change.Branch, change.Action = textAt(body, "ref"), "branch:"+event
	default:
		change.Branch, change.Hash, change.Action = branchName(textAt(body, "ref")), textAt(body, "after"), "push:push"
		contents := textAt(body, "repository.contents_url")
		for _, file := range changedFiles(body) {
			artifacts = append(artifacts, spinnaker.Artifact{Type: "github/file", Name: file, Version: change.Hash,
				Reference: strings.Replace(contents, "{+path}", file, 1)})
		}
	}
	return change, artifacts, ""
}

// maxFiles bounds the artifacts that are made of one body.
const maxFiles = 3000

// changedFiles are the files that the commits of a push added or changed, each once.
func changedFiles(body map[string]any) []string {
	var files []string
	seen := map[string]bool{}
	for _, commit := range listAt(body, "commits") {
		for _, member := range []string{"added", "modified"} {
			for _, item := range listAt(commit, member) {
				file, _ := item.(string)
				if file != "" && len(file) <= longestName && !seen[file] && len(files) < maxFiles {
					seen[file] = true
					files = append(files, file)
				}
			}
		}
	}
	return files
}
