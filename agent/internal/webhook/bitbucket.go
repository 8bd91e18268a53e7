package webhook

import (
	"strings"

	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// branchDeleted is why a push that deletes a branch is no event.
const branchDeleted = "a deleted branch"

// stash reads a body of Stash.
//
// Source: spinnaker/spinnaker echo/echo-webhooks scm/StashWebhookEventHandler.java.
func stash(body map[string]any) (change trigger.Change, dropped string) {
	change = trigger.Change{Project: textAt(body, "repository.project.key"), Slug: textAt(body, "repository.slug"),
		Branch: branchName(textAt(body, "refChanges.0.refId")), Hash: textAt(body, "refChanges.0.toHash")}
	if change.Hash != "" && strings.Trim(change.Hash, "0") == "" {
		return change, branchDeleted
	}
	return change, ""
}

// bitbucket reads a body of Bitbucket, of its cloud or of a server, as the event's key says. Without a key it says nothing.
//
// Source: the same folder, BitbucketWebhookEventHandler.java, bitbucket/server/BitbucketServerEventHandler.java.
func bitbucket(body map[string]any, event string, empty bool) (change trigger.Change, dropped string) {
	if empty || event == "diagnostics:ping" {
		return change, "a ping"
	}
	change.Action = event
	switch event {
	case "repo:push", "pullrequest:fulfilled":
		change.Project = textAt(body, "repository.owner.username", "repository.project.key")
		change.Slug = textAt(body, "repository.full_name")
		change.Branch, change.Hash = textAt(body, "push.changes.0.new.name"), textAt(body, "push.changes.0.commits.0.hash")
		if at(body, "pullrequest") != nil {
			change.Branch, change.Hash = textAt(body, "pullrequest.destination.branch.name"), textAt(body, "pullrequest.merge_commit.hash")
		} else if closed, _ := at(body, "push.changes.0.closed").(bool); closed {
			return change, branchDeleted
		}
	case "repo:refs_changed":
		serverRepository(&change, at(body, "repository"))
		change.Branch, change.Hash = branchName(textAt(body, "changes.0.ref.id")), textAt(body, "changes.0.toHash")
	case "pr:merged":
		to := at(body, "pullRequest.toRef")
		serverRepository(&change, at(to, "repository"))
		change.Branch, change.Hash = branchName(textAt(to, "id")), textAt(body, "pullRequest.properties.mergeCommit.id")
	case "pr:opened", "pr:from_ref_updated", "pr:declined", "pr:deleted":
		from := at(body, "pullRequest.fromRef")
		serverRepository(&change, at(from, "repository"))
		change.Branch, change.Hash = branchName(textAt(from, "id")), textAt(from, "latestCommit")
	}
	if strings.HasPrefix(change.Hash, "000000000") {
		return change, branchDeleted
	}
	return change, ""
}

func serverRepository(change *trigger.Change, repository any) {
	change.Project, change.Slug = textAt(repository, "project.key"), textAt(repository, "slug")
}
