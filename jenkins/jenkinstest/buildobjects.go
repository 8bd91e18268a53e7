package jenkinstest

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

func (v view) buildURL(b *Build) string { return v.url(b.job) + strconv.Itoa(b.number) + "/" }

// build shows a build.
func (v view) build(b *Build) *object {
	kind := v.s.shapes.freestyleBuild
	if b.job.kind == Pipeline {
		kind = v.s.shapes.workflowBuild
	}
	return &object{kind, func(name string) any {
		switch name {
		case "number":
			return b.number
		case "building":
			return b.building()
		case "result":
			return textOrNull(b.result)
		case "timestamp":
			return millis(b.started)
		case "duration":
			return b.duration().Milliseconds()
		case "url":
			return v.buildURL(b)
		case "queueId":
			return b.queueID
		case "artifacts":
			return v.artifacts(b)
		case "actions":
			return v.actions(b)
		case "displayName":
			return b.displayName()
		case "fullDisplayName":
			return b.job.fullDisplay() + " " + b.displayName()
		case "description":
			if b.descSet {
				return b.desc
			}
			return nil
		default:
			return v.buildDetail(b, name)
		}
	}}
}

func (v view) buildDetail(b *Build, name string) any {
	switch name {
	case "estimatedDuration":
		return b.estimated()
	case "executor":
		if b.building() {
			return v.nothing()
		}
		return nil
	case "id":
		return strconv.Itoa(b.number)
	case "inProgress":
		if b.job.kind == Pipeline {
			return b.building() && b.phase != notStarted
		}
		return b.phase < completed
	case "keepLog":
		return false
	case "builtOn":
		return ""
	case "changeSet":
		return fixed("hudson.scm.EmptyChangeLogSet", "items:2 kind:2", list{}, nil)
	case "changeSets", "culprits":
		return list{}
	case "nextBuild":
		return v.neighbour(b, +1)
	case "previousBuild":
		return v.neighbour(b, -1)
	default:
		return nil
	}
}

func (v view) neighbour(b *Build, step int) any {
	at := slices.Index(b.job.builds, b) + step
	if at < 0 || at >= len(b.job.builds) {
		return nil
	}
	other := b.job.builds[at]
	return &object{v.s.shapes.reference, func(name string) any {
		if name == "number" {
			return other.number
		}
		return v.buildURL(other)
	}}
}

func (v view) artifacts(b *Build) list {
	files := b.listed(v.now)
	return listOf(files, func(f File) any {
		return &object{v.s.shapes.artifact, func(name string) any {
			switch name {
			case "displayPath":
				return displayPath(files, f.Path)
			case "fileName":
				return path.Base(f.Path)
			default:
				return f.Path
			}
		}}
	})
}

// displayPath is the shortest tail of a path that no other file has.
func displayPath(files []File, full string) string {
	segments := strings.Split(full, "/")
	for n := 1; n < len(segments); n++ {
		tail := strings.Join(segments[len(segments)-n:], "/")
		others := slices.ContainsFunc(files, func(f File) bool {
			return f.Path != full && (f.Path == tail || strings.HasSuffix(f.Path, "/"+tail))
		})
		if !others {
			return tail
		}
	}
	return full
}

// actions of a build: parameters, causes, checkouts, tests, and some without
// fields, which are {}.
func (v view) actions(b *Build) list {
	var all []any
	if len(b.params) > 0 {
		all = append(all, v.parameters(b))
	}
	all = append(all, v.causes(b.causes))
	for _, r := range b.revisions {
		all = append(all, v.buildData(b, r))
	}
	if b.tests != nil {
		t := b.tests
		all = append(all, fixed("hudson.tasks.junit.TestResultAction", "failCount:2 skipCount:2 totalCount:2 urlName:2", t.Failed, t.Skipped, t.Total, "testReport"))
	}
	if b.result == "ABORTED" {
		all = append(all, fixed("jenkins.model.InterruptedBuildAction", ""))
	}
	if b.job.kind == Pipeline {
		all = append(all, v.nothing())
	}
	all = append(all, fixed("org.jenkinsci.plugins.displayurlapi.actions.RunDisplayAction", ""))
	return listOf(all, func(a any) any { return a })
}

// testReport is the report behind the summary, one suite with its failures.
func testReport(t *TestCount) *object {
	failures := listOf(t.Failures, func(f TestFailure) any {
		return fixed("", "className:9 errorDetails:9 name:9 status:9", f.Class, textOrNull(f.Details), f.Name, "FAILED")
	})
	suite := fixed("", "cases:9 name:9", failures, "tests")
	return fixed("hudson.tasks.junit.TestResult", "failCount passCount skipCount suites",
		t.Failed, t.Total-t.Failed-t.Skipped, t.Skipped, listOf([]*object{suite}, func(o *object) any { return o }))
}

func (v view) parameters(b *Build) *object {
	kinds := map[string]string{}
	for _, p := range b.job.params {
		kinds[p.Name] = p.Type
	}
	values := listOf(b.paramNames(), func(name string) any { return v.parameterValue(kinds[name], name, b.params[name]) })
	return &object{v.s.shapes.parametersAction, func(string) any { return values }}
}

func (v view) causes(causes []Cause) *object {
	values := listOf(causes, func(c Cause) any { return v.cause(c) })
	return &object{v.s.shapes.causeAction, func(string) any { return values }}
}

func (v view) cause(c Cause) *object {
	text := v.s.causeText(c)
	switch {
	case c.Upstream != "":
		return fixed("hudson.model.Cause$UpstreamCause", "shortDescription:3 upstreamBuild:3 upstreamProject:3 upstreamUrl:3",
			text, c.UpstreamBuild, c.Upstream, "job/"+strings.ReplaceAll(c.Upstream, "/", "/job/")+"/")
	case c.Indexing:
		return fixed("jenkins.branch.BranchIndexingCause", "shortDescription:3", text)
	case c.SCM:
		return fixed("hudson.triggers.SCMTrigger$SCMTriggerCause", "shortDescription:3", text)
	case c.Timer:
		return fixed("hudson.triggers.TimerTrigger$TimerTriggerCause", "shortDescription:3", text)
	default:
		return fixed("hudson.model.Cause$UserIdCause", "shortDescription:3 userId:3 userName:3", text, c.User, c.User)
	}
}

func (v view) buildData(b *Build, r Revision) *object {
	revision := func() *object {
		branch := fixed("", "SHA1"+always+" name"+always, r.SHA1, r.Branch)
		return fixed("", "SHA1"+always+" branch"+always, r.SHA1, listOf([]any{branch}, func(a any) any { return a }))
	}
	return &object{v.s.shapes.buildData, func(name string) any {
		switch name {
		case "buildsByBranchName":
			git := fixed("hudson.plugins.git.util.Build", "buildNumber"+always+" buildResult"+always+" marked"+always+" revision"+always,
				b.number, nil, revision(), revision())
			return &object{&shape{fields: []field{{r.Branch, 999}}}, func(string) any { return git }}
		case "lastBuiltRevision":
			return revision()
		case "remoteUrls":
			return listOf([]string{r.Remote}, func(u string) any { return u })
		default: // scmName
			return ""
		}
	}}
}

// waitingFor gives the job's item in the queue.
func (s *Server) waitingFor(it *item) *queueItem {
	for _, q := range s.queue {
		if q.job == it && q.state != left {
			return q
		}
	}
	return nil
}

func (v view) queueItem(q *queueItem) *object {
	kind := map[queueState]*shape{
		waiting: v.s.shapes.waiting, blocked: v.s.shapes.blocked, buildable: v.s.shapes.buildable, left: v.s.shapes.left,
	}[q.state]
	return &object{kind, func(name string) any {
		switch name {
		case "actions":
			return list{1, func(int) any { return v.causes(q.causes) }}
		case "blocked":
			return q.state == blocked
		case "buildable":
			return q.state == buildable
		case "id":
			return q.id
		case "inQueueSince":
			return millis(q.since)
		case "params":
			return q.paramText()
		case "task":
			return v.item(q.job)
		case "url":
			return fmt.Sprintf("queue/item/%d/", q.id)
		case "why":
			return q.why(v.now)
		case "timestamp":
			return millis(q.due)
		case "buildableStartMilliseconds":
			return millis(q.ready)
		case "cancelled":
			return q.cancelled
		case "executable":
			if q.build == nil || v.s.holdExec {
				return nil
			}
			return v.build(q.build)
		default: // stuck, pending
			return false
		}
	}}
}
