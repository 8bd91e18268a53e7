package masters

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

// Notice says that a build has ended, or is about to. Only where to look is believed of it.
type Notice struct {
	// Job is the job's full name.
	Job string
	// Number is the build's; 0 when it is not said.
	Number int64
}

// early are the phases of a build in which the Notification plugin has nothing to say that counts.
var early = []string{"QUEUED", "STARTED"}

// ReadNotice reads the body of a notice: {"job", "number"} as a step of a build sends it, or the document of Jenkins'
// Notification plugin. A notice that is too early is dropped, with a reason.
func ReadNotice(body map[string]any) (notice Notice, dropped string, err error) {
	members := spinnaker.Trigger(body)
	build := spinnaker.Trigger(members.Object("build"))
	notice.Job = jobname.Full(members.Text("job"))
	number := members.Text("number")
	if build != nil {
		if phase := build.Text("phase"); slices.Contains(early, phase) {
			return Notice{}, "phase " + phase + ": only the end of a build counts", nil
		}
		notice.Job, number = jobAt(cmp.Or(members.Text("url"), build.Text("url"))), build.Text("number")
	}
	if notice.Job == "" {
		return Notice{}, "", spinnaker.Invalid(`found no job, expected {"job": "folder/name", "number": 7} or the JSON of Jenkins' Notification plugin`)
	}
	if number == "" {
		return notice, "", nil
	}
	if notice.Number, err = strconv.ParseInt(number, 10, 64); err != nil || notice.Number < 0 {
		return Notice{}, "", spinnaker.Invalid("number: found %q, expected the number of a build", number)
	}
	return notice, "", nil
}

// jobAt is the full name of the job at an address below the master, such as job/shop/job/cart/7/; "" when there is none.
func jobAt(address string) string {
	segments := strings.Split(strings.Trim(address, "/"), "/")
	var names []string
	for len(segments) >= 2 && segments[0] == "job" {
		name, err := url.PathUnescape(segments[1])
		if err != nil || name == "" {
			return ""
		}
		names, segments = append(names, name), segments[2:]
	}
	return strings.Join(names, "/")
}
