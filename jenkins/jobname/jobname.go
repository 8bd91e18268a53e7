// Package jobname knows the two ways in which jobs are named, Jenkins' and
// Spinnaker's, and patterns of names.
package jobname

import (
	"fmt"
	"path"
	"strings"
)

// Igor gives the name by which Spinnaker knows the job of this full name:
// "a/b" is "a/job/b" (spinnaker/spinnaker igor JenkinsBuildMonitor, job lists
// flattened with "/job/").
func Igor(fullName string) string {
	return strings.ReplaceAll(fullName, "/", "/job/")
}

// Full gives Jenkins' full name of a job that is named as in Spinnaker
// ("a/job/b"), as a path below the master ("/job/a/job/b/"), or by its full
// name already. "a/job/b" always means b in a, never b in a folder called job:
// that one is "a/job/job/job/b".
func Full(name string) string {
	if path, ok := strings.CutPrefix(name, "/job/"); ok {
		name = strings.TrimSuffix(path, "/")
	}
	segments := strings.Split(name, "/")
	if len(segments)%2 == 0 {
		return name
	}
	names := segments[:1:1]
	for i := 1; i < len(segments); i += 2 {
		if segments[i] != "job" {
			return name
		}
		names = append(names, segments[i+1])
	}
	return strings.Join(names, "/")
}

// IsPattern reports whether a name has wildcards. Jenkins allows none of them in
// the name of a job, and escapes them in that of a branch.
func IsPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

// CheckPattern says what is wrong with a pattern that matches nothing for that
// reason.
func CheckPattern(pattern string) error {
	for segment := range strings.SplitSeq(Full(pattern), "/") {
		if segment == "**" {
			continue
		}
		if _, err := path.Match(segment, ""); err != nil {
			return fmt.Errorf("found %q in the pattern, expected wildcards such as *, ? and [a-z]: %w", segment, err)
		}
	}
	return nil
}

// Match reports whether a job's full name fits a pattern: "**" stands for any
// number of folders, and within one name the wildcards of path.Match apply.
// Names of branches are in their escaped form: "svc/release%2F*".
func Match(pattern, fullName string) bool {
	return matchSegments(strings.Split(pattern, "/"), strings.Split(fullName, "/"))
}

// matchSegments goes back to the last "**" only, which is enough and keeps it
// from exploding.
func matchSegments(pattern, name []string) bool {
	at, wild, taken := 0, -1, 0 // wild is the last "**" met, taken what it stands for so far
	for i := 0; i < len(name); {
		switch {
		case at < len(pattern) && pattern[at] == "**":
			wild, taken = at, i
			at++
		case at < len(pattern) && matchSegment(pattern[at], name[i]):
			at++
			i++
		case wild >= 0:
			taken++
			at, i = wild+1, taken
		default:
			return false
		}
	}
	for at < len(pattern) && pattern[at] == "**" {
		at++
	}
	return at == len(pattern)
}

func matchSegment(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
