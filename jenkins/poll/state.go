package poll

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/gennaker/gennaker/jenkins"
)

// JobState is what is known of a job between two cycles. It is plain data for
// JSON; the zero value is no state of a job.
type JobState struct {
	Job        string    `json:"job"`        // full name, as Jenkins spells it
	Since      time.Time `json:"since"`      // first sight, by the master's clock
	LastNumber int       `json:"lastNumber"` // highest build number seen; 0 is none yet
	LastStart  time.Time `json:"lastStart"`  // when that build started
	Open       []Open    `json:"open,omitempty"`
	// Missing is when the job was first not found any more; zero while it is
	// there.
	Missing time.Time `json:"missing,omitzero"`
}

// Open is a build that was seen and is not announced yet.
type Open struct {
	Number int       `json:"number"`
	Start  time.Time `json:"start"`
	Result string    `json:"result,omitempty"` // it ended like this, but its details could not be read yet
	Tries  int       `json:"tries,omitempty"`  // failed attempts to read them
}

func (s JobState) equal(other JobState) bool {
	return s.Job == other.Job && s.LastNumber == other.LastNumber && s.Since.Equal(other.Since) &&
		s.LastStart.Equal(other.LastStart) && s.Missing.Equal(other.Missing) &&
		slices.EqualFunc(s.Open, other.Open, func(a, b Open) bool {
			return a.Number == b.Number && a.Start.Equal(b.Start) && a.Result == b.Result && a.Tries == b.Tries
		})
}

// quiet reports whether a job list shows nothing that this state does not know.
func (s JobState) quiet(head jenkins.Head) bool {
	if !s.Missing.IsZero() {
		return false
	}
	if head.Last != nil && head.Last.Number > s.LastNumber {
		return false
	}
	switch {
	case len(s.Open) == 0:
		return true
	case len(s.Open) > 1 || head.Last == nil:
		return false
	default:
		only := s.Open[0]
		return only.Number == head.Last.Number && only.Result == "" && head.Last.Building
	}
}

// restarted reports whether the job is not the one this state is about: it was
// deleted and made anew, or its master was restored from a backup. Deleting
// builds never lowers the next number, and never makes a newer build of a lower
// number.
func (s JobState) restarted(head jenkins.Head) bool {
	if head.NextNumber > 0 && head.NextNumber <= s.LastNumber {
		return true
	}
	return head.Last != nil && head.Last.Number <= s.LastNumber && head.Last.Timestamp.After(s.LastStart)
}

// Event is a finished build.
type Event struct {
	Master   string
	Job      string // Igor's name, as triggers have it: "shop/job/cart"
	FullName string // Jenkins' name: "shop/cart"
	Build    jenkins.Build
	// Age is how long ago the build ended when it was found, by the master's
	// clock. Much more than the poll interval means that nobody was looking.
	Age time.Duration
	// Incomplete says why Build lacks artifacts, parameters and causes, in
	// words; empty when it has them.
	Incomplete string
}

// Key identifies the build for ever: a job that is deleted and made anew has
// the same numbers again, but not at the same time.
func (e Event) Key() string {
	return fmt.Sprintf("%s/%s#%d@%d", url.PathEscape(e.Master), e.FullName, e.Build.Number, e.Build.Timestamp.UnixMilli())
}

// ProblemKind tells problems apart.
type ProblemKind string

// The kinds of Problem.
const (
	Failed     ProblemKind = "failed"      // the job or one of its builds could not be read
	NotFound   ProblemKind = "not-found"   // no such job, or no right to see it
	Renamed    ProblemKind = "renamed"     // the job is gone, another looks like it
	Spelling   ProblemKind = "spelling"    // the job is spelled differently in Jenkins
	TooDeep    ProblemKind = "too-deep"    // folders nest too deep to be listed
	Restarted  ProblemKind = "restarted"   // build numbers started again
	Deleted    ProblemKind = "deleted"     // a build vanished before its end was seen
	Skipped    ProblemKind = "skipped"     // builds went by unseen
	PassedOver ProblemKind = "passed-over" // builds were found late and not announced
	Incomplete ProblemKind = "incomplete"  // a build is announced without its details
	Skew       ProblemKind = "skew"        // the master's clock is off
)

// Problem is something about a job that a person may want to know. It is no
// reason to stop.
type Problem struct {
	Job  string // full name; empty when it is about the master
	Kind ProblemKind
	Text string
	Err  error // cause; may be nil
}

// Error implements error.
func (p Problem) Error() string { return p.Text }

// Unwrap returns the cause.
func (p Problem) Unwrap() error { return p.Err }
