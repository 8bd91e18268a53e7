package poll

import (
	"maps"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

// selection is the jobs to look at.
type selection struct {
	exact    map[string]bool // full names as given
	patterns []string        // full names with wildcards
}

func selectJobs(names []string) selection {
	s := selection{exact: map[string]bool{}}
	for _, name := range names {
		full := jobname.Full(name)
		if jobname.IsPattern(full) {
			s.patterns = append(s.patterns, full)
		} else if full != "" {
			s.exact[full] = true
		}
	}
	return s
}

// Selects reports whether jobs, named as for [Poller.Cycle], include the one of
// a full name.
func Selects(jobs []string, fullName string) bool {
	s := selectJobs(jobs)
	return s.exact[fullName] || s.matches(fullName)
}

func (s selection) matches(fullName string) bool {
	return slices.ContainsFunc(s.patterns, func(p string) bool { return jobname.Match(p, fullName) })
}

// scope is one job list to ask for.
type scope struct {
	folder string // "" is the whole master
	depth  int
}

// scopes gives the lists that show all selected jobs: one for the folder that
// holds them all, or one per folder when split, or when one would nest too
// deep.
func (s selection) scopes(split bool) []scope {
	each := map[string]int{}
	for name := range s.exact {
		add(each, parent(name), 1)
	}
	for _, pattern := range s.patterns {
		folder, depth := patternScope(pattern)
		add(each, folder, depth)
	}
	if len(each) == 0 {
		return nil
	}
	if !split {
		if all := common(each); all.depth <= jenkins.MaxDepth {
			return []scope{all}
		}
	}
	var list []scope
	for _, folder := range slices.Sorted(maps.Keys(each)) {
		list = append(list, scope{folder, min(each[folder], jenkins.MaxDepth)})
	}
	return list
}

func add(each map[string]int, folder string, depth int) {
	each[folder] = max(each[folder], depth)
}

// patternScope gives the deepest folder above all wildcards, and how far below
// it matches can lie.
func patternScope(pattern string) (folder string, depth int) {
	segments := strings.Split(pattern, "/")
	fixed := slices.IndexFunc(segments, jobname.IsPattern)
	fixed = min(fixed, len(segments)-1)
	depth = len(segments) - fixed
	if slices.Contains(segments, "**") {
		depth = max(jenkins.MaxDepth-fixed, 1)
	}
	return strings.Join(segments[:fixed], "/"), depth
}

// common gives the folder above all others and the depth that reaches them all.
func common(each map[string]int) scope {
	var top []string
	first := true
	for folder := range each {
		segments := split(folder)
		if first {
			top, first = segments, false
			continue
		}
		n := 0
		for n < len(top) && n < len(segments) && top[n] == segments[n] {
			n++
		}
		top = top[:n]
	}
	all := scope{folder: strings.Join(top, "/")}
	for folder, depth := range each {
		all.depth = max(all.depth, len(split(folder))-len(top)+depth)
	}
	return all
}

func split(folder string) []string {
	if folder == "" {
		return nil
	}
	return strings.Split(folder, "/")
}

func parent(name string) string {
	at := strings.LastIndexByte(name, '/')
	if at < 0 {
		return ""
	}
	return name[:at]
}
