package jenkins

import (
	"net/url"
	"strings"
)

// IgorName gives the name by which Spinnaker knows the job of this full name:
// "a/b" is "a/job/b" (spinnaker/spinnaker igor JenkinsBuildMonitor, job lists
// flattened with "/job/").
func IgorName(fullName string) string {
	return strings.ReplaceAll(fullName, "/", "/job/")
}

// FullName gives Jenkins' full name of a job that is named as in Spinnaker
// ("a/job/b"), as a path below the master ("/job/a/job/b/"), or by its full
// name already. "a/job/b" always means b in a, never b in a folder called job:
// that one is "a/job/job/job/b".
func FullName(name string) string {
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

// jobPath is the escaped path of a job, or of a folder, below the master's
// address; the empty name is the master itself. The % in the name of a branch
// job is escaped again, as Jenkins wants it.
func jobPath(fullName string) string {
	if fullName == "" {
		return ""
	}
	var path strings.Builder
	for segment := range strings.SplitSeq(fullName, "/") {
		path.WriteString("/job/" + url.PathEscape(segment))
	}
	return path.String()
}

// filePath escapes each segment of a relative path.
func filePath(relative string) string {
	segments := strings.Split(relative, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	return strings.Join(segments, "/")
}
