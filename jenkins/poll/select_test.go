package poll_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/poll"
)

func TestPatterns(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	jobs := []*jenkinstest.Job{
		a.server.Branch("svc", "release/1"), a.server.Branch("svc", "main"),
		a.server.Job("a/b/c/d", jenkinstest.Freestyle), a.server.Job("top", jenkinstest.Freestyle),
	}
	for _, test := range []struct {
		pattern string
		want    []string
	}{
		{"svc/job/release%2F*", []string{"svc/job/release%2F1"}},
		{"svc/job/*", []string{"svc/job/main", "svc/job/release%2F1"}},
		{"a/**", []string{"a/job/b/job/c/job/d"}},
		{"**/d", []string{"a/job/b/job/c/job/d"}},
		{"*", []string{"top"}},
		{"**", []string{"a/job/b/job/c/job/d", "svc/job/main", "svc/job/release%2F1", "top"}},
	} {
		a.states = map[string]poll.JobState{}
		a.see(test.pattern)
		for _, job := range jobs {
			job.Finished("SUCCESS")
		}
		result, err := a.cycle(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range result.Events {
			got = append(got, e.Job)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.pattern, got, test.want)
		}
	}
	// A branch that appears with a running build is not lost.
	a.see("svc/job/*")
	fresh := a.server.Branch("svc", "hotfix").Start(jenkinstest.StartOptions{})
	a.want(a.see("svc/job/*"))
	fresh.Finish("SUCCESS")
	a.want(a.see("svc/job/*"), "svc/job/hotfix 1 SUCCESS")
}

// A branch that comes while its project is looked at is new with all its builds; what was there before, under whatever name, is
// not.
func TestBranchesThatAppear(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	a.server.Branch("svc", "main").Finished("SUCCESS")
	a.want(a.see("svc/job/*"))
	a.server.Advance(time.Minute)
	a.server.Branch("svc", "quick").FinishedTimes(2, "SUCCESS")
	a.want(a.see("svc/job/*"), "svc/job/quick 1 SUCCESS", "svc/job/quick 2 SUCCESS")
	a.want(a.see("svc/job/*"))

	a.server.Advance(time.Minute)
	moved := a.server.Job("lib", jenkinstest.Freestyle)
	moved.FinishedTimes(2, "SUCCESS")
	a.want(a.see("svc/job/*", "lib"))
	a.server.Advance(time.Minute)
	moved.Finished("SUCCESS")
	a.want(a.see("svc/job/*", "lib"), "lib 3 SUCCESS")
	moved.Move("svc")
	a.want(a.see("svc/job/*", "lib"))
	moved.Finished("UNSTABLE")
	a.want(a.see("svc/job/*", "lib"), "svc/job/lib 4 UNSTABLE")

	a.see() // the trigger was switched off for a while
	a.server.Advance(time.Minute)
	a.server.Branch("svc", "meanwhile").Finished("SUCCESS")
	a.want(a.see("svc/job/*"))

	a.server.Advance(time.Minute)
	a.restart() // by then nobody knows since when the project is looked at
	a.server.Branch("svc", "hotfix").Finished("SUCCESS")
	a.want(a.see("svc/job/*"))
}
