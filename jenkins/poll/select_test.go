package poll_test

import (
	"slices"
	"strings"
	"testing"

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

func FuzzMatch(f *testing.F) {
	f.Add("**/a*/b", "x/ab/b")
	f.Add("[", "a")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		poll.Match(pattern, name)
		if !strings.ContainsAny(name, `*?[\`) && !poll.Match(name, name) {
			t.Errorf("%q does not match itself", name)
		}
	})
}
