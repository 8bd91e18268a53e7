package jenkins

import (
	"net/url"
	"strings"
)

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
