package masters

import (
	"sync"

	"github.com/gennaker/gennaker/jenkins"
)

// maxRecent is how many builds recent remembers.
const maxRecent = 1000

// build names a build.
type build struct {
	master, job string
	number      int64
}

// recent remembers what the last builds that were found have archived: property files are read soon after, and to list a
// build's artifacts is among the most expensive questions to Jenkins. It is safe for concurrent use.
type recent struct {
	mu        sync.Mutex
	artifacts map[build][]jenkins.Artifact
	// order holds the builds in a ring, the next place being that of the oldest one.
	order []build
	next  int
}

func (r *recent) add(b build, artifacts []jenkins.Artifact) {
	if len(artifacts) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.artifacts[b]; !known {
		if r.artifacts == nil {
			r.artifacts = map[build][]jenkins.Artifact{}
		}
		if len(r.order) < maxRecent {
			r.order = append(r.order, b)
		} else {
			delete(r.artifacts, r.order[r.next])
			r.order[r.next] = b
			r.next = (r.next + 1) % maxRecent
		}
	}
	r.artifacts[b] = artifacts
}

// of returns what a build has archived, nil when that is not known.
func (r *recent) of(b build) []jenkins.Artifact {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.artifacts[b]
}
