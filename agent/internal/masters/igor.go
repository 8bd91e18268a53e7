package masters

import (
	"path"
	"slices"
	"strconv"

	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

// maxArtifacts is how many artifacts of a build pipelines see; preferred are the extensions shown when there are more.
//
// Source: spinnaker/spinnaker igor/igor-web build/BuildArtifactFilter.
const maxArtifacts = 20

var preferred = [...]string{".deb", ".rpm", ".properties", ".yml", ".json", ".xml", ".html", ".txt", ".nupkg"}

// buildInfo is a build as triggers carry it.
func buildInfo(build jenkins.Build) trigger.BuildInfo {
	files := visible(build.Artifacts)
	info := trigger.BuildInfo{Number: int64(build.Number), Result: build.Result, URL: build.URL, Info: igorBuild(build, files)}
	job := jobname.Igor(build.Job)
	for _, file := range files {
		info.Artifacts = append(info.Artifacts, spinnaker.Artifact{
			Type: "jenkins/file", Name: job, Version: strconv.Itoa(build.Number), Reference: file.RelativePath,
			Metadata: map[string]any{"fileName": file.FileName, "displayPath": file.DisplayPath,
				"relativePath": file.RelativePath, "decorated": false},
		})
	}
	return info
}

// igorBuild is a build in the form of Igor's build status.
//
// Source: spinnaker/spinnaker igor/igor-core build/model/GenericBuild.java.
func igorBuild(build jenkins.Build, files []jenkins.Artifact) map[string]any {
	job := jobname.Igor(build.Job)
	artifacts := make([]any, len(files))
	for i, file := range files {
		artifacts[i] = map[string]any{"fileName": file.FileName, "displayPath": file.DisplayPath,
			"relativePath": file.RelativePath, "reference": file.RelativePath, "name": job, "type": "jenkins/file",
			"version": strconv.Itoa(build.Number), "decorated": false}
	}
	info := igorRun(build.Run)
	info["name"] = job
	info["id"] = job + "-" + strconv.Itoa(build.Number)
	info["artifacts"] = artifacts
	if len(build.Tests) > 0 {
		info["testResults"] = build.Tests
	}
	if revisions := distinct(build.SCM); len(revisions) > 0 {
		info["scm"] = revisions
	}
	return info
}

// igorRun is a build in the form of Igor's lists of builds.
func igorRun(run jenkins.Run) map[string]any {
	result := run.Result
	if run.Building {
		result = "BUILDING"
	}
	return map[string]any{"building": run.Building, "number": run.Number, "duration": run.Duration.Milliseconds(),
		"timestamp": strconv.FormatInt(run.Timestamp.UnixMilli(), 10), "result": result, "url": run.URL,
		"fullDisplayName": run.FullDisplayName, "artifacts": []any{}}
}

// visible are the artifacts that pipelines see.
func visible(files []jenkins.Artifact) []jenkins.Artifact {
	if len(files) <= maxArtifacts {
		return files
	}
	rank := func(file jenkins.Artifact) int {
		if at := slices.Index(preferred[:], path.Ext(file.FileName)); at >= 0 {
			return at
		}
		return len(preferred)
	}
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b jenkins.Artifact) int { return rank(a) - rank(b) })
	return sorted[:maxArtifacts]
}

// distinct drops revisions whose commit is listed already.
func distinct(revisions []jenkins.Revision) []jenkins.Revision {
	var out []jenkins.Revision
	for _, revision := range revisions {
		if !slices.ContainsFunc(out, func(r jenkins.Revision) bool { return r.SHA1 == revision.SHA1 }) {
			out = append(out, revision)
		}
	}
	return out
}
