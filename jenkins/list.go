package jenkins

import (
	"context"
	"strings"
	"time"
)

// MaxDepth is the deepest nesting of folders that one job list can show. It is
// Igor's limit too.
const MaxDepth = 10

const opListJobs = "list jobs"

// Head is what a job list says about a job: enough to see whether anything
// happened to it.
type Head struct {
	FullName      string
	Last          *RunState // build with the highest number; nil when there is none
	LastCompleted int       // highest number that is not building; 0 when there is none
	NextNumber    int       // number of the next build; deleting builds does not lower it
}

// RunState is the part of a build that shows whether it is finished.
type RunState struct {
	Number    int       `json:"number"`
	Building  bool      `json:"building"`
	Result    string    `json:"result,omitempty"` // empty while there is none
	Timestamp time.Time `json:"timestamp"`        // start, by the master's clock
}

// Finished reports whether the build's result and artifacts are final. A result
// alone does not say so: freestyle builds have one while their artifacts are
// still being copied.
func (r RunState) Finished() bool { return !r.Building && r.Result != "" }

// Listing is the answer to ListJobs.
type Listing struct {
	Jobs    []Head
	TooDeep []string  // folders whose jobs lie below the asked depth
	Date    time.Time // the master's clock when it answered; zero when it sent none
	Session string    // changes when the master restarts
}

// ListJobs lists the jobs below a folder ("" is the whole master) with one
// request, down to depth levels of folders (1 to MaxDepth). Jobs that the user
// may not read are left out by Jenkins.
func (c *Client) ListJobs(ctx context.Context, folder string, depth int) (Listing, error) {
	depth = min(max(depth, 1), MaxDepth)
	about := call{op: opListJobs, job: folder}
	root, header, err := get[wireItem](ctx, c, about, jobPath(folder)+"/", listTree(depth))
	if err != nil {
		return Listing{}, err
	}
	listing := Listing{Date: serverTime(header), Session: header.Get("X-Jenkins-Session")}
	if root.Jobs == nil {
		return Listing{}, c.failure(about, KindBadAnswer, 0, noFolder(c.name, folder))
	}
	listing.add(*root.Jobs)
	return listing, nil
}

// ListJob lists one job by itself, as ListJobs does. A folder gives an empty
// listing.
func (c *Client) ListJob(ctx context.Context, fullName string) (Listing, error) {
	item, header, err := get[wireItem](ctx, c, call{op: opListJobs, job: fullName}, jobPath(fullName)+"/", headFields)
	if err != nil {
		return Listing{}, err
	}
	listing := Listing{Date: serverTime(header), Session: header.Get("X-Jenkins-Session")}
	if item.NextNumber != nil && item.FullName != "" {
		listing.Jobs = []Head{item.head()}
	}
	return listing, nil
}

func noFolder(master, folder string) string {
	if folder == "" {
		return master + " sent no job list"
	}
	return folder + " on " + master + " is not a folder"
}

// headFields are those of a job in a list. What costs the master disk reads
// (artifacts, actions) stays out of it.
const headFields = "fullName,nextBuildNumber,lastBuild[number,building,result,timestamp],lastCompletedBuild[number]"

// listTree nests the fields of a job depth levels deep.
func listTree(depth int) string {
	var tree strings.Builder
	for range depth - 1 {
		tree.WriteString("jobs[" + headFields + ",")
	}
	tree.WriteString("jobs[" + headFields + "]")
	tree.WriteString(strings.Repeat("]", depth-1))
	return tree.String()
}

type wireItem struct {
	FullName      string      `json:"fullName"`
	NextNumber    *int        `json:"nextBuildNumber"` // folders have none
	Last          *wireRun    `json:"lastBuild"`
	LastCompleted *wireRun    `json:"lastCompletedBuild"`
	Jobs          *[]wireItem `json:"jobs"` // jobs have none
}

// add flattens a level of the answer. Whether an item is a folder is told by
// its having jobs; its class is not needed.
func (l *Listing) add(items []wireItem) {
	for _, item := range items {
		switch {
		case item.Jobs != nil:
			l.add(*item.Jobs)
		case item.FullName == "": // no job of ours
		case item.NextNumber == nil:
			l.TooDeep = append(l.TooDeep, item.FullName)
		default:
			l.Jobs = append(l.Jobs, item.head())
		}
	}
}

func (w wireItem) head() Head {
	head := Head{FullName: w.FullName, NextNumber: *w.NextNumber}
	if w.Last != nil {
		state := w.Last.state()
		head.Last = &state
	}
	if w.LastCompleted != nil {
		head.LastCompleted = w.LastCompleted.Number
	}
	return head
}

// wireRun is a build in Jenkins' JSON, in every selection of its fields.
type wireRun struct {
	Number          int          `json:"number"`
	Building        bool         `json:"building"`
	Result          *string      `json:"result"`
	Timestamp       int64        `json:"timestamp"` // milliseconds
	Duration        int64        `json:"duration"`  // milliseconds
	URL             string       `json:"url"`
	DisplayName     string       `json:"displayName"`
	FullDisplayName string       `json:"fullDisplayName"`
	Description     *string      `json:"description"`
	QueueID         int64        `json:"queueId"`
	Artifacts       []Artifact   `json:"artifacts"`
	Actions         []wireAction `json:"actions"`
}

func (w wireRun) state() RunState {
	state := RunState{Number: w.Number, Building: w.Building, Timestamp: atMillis(w.Timestamp)}
	if w.Result != nil {
		state.Result = *w.Result
	}
	return state
}

// atMillis reads a time stamp. Absurd ones end at the year 9999, the last that
// JSON can tell.
func atMillis(ms int64) time.Time {
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
	return time.UnixMilli(min(max(ms, 0), last)).UTC()
}
