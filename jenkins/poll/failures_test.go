package poll_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/poll"
)

// patience is how long a client waits: no longer than it must for what never comes.
func patience(fault jenkinstest.Fault) func(*jenkins.Options) {
	return func(o *jenkins.Options) {
		if fault.Hang {
			o.Timeout = 5 * time.Second
		}
	}
}

func TestMasterFails(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault jenkinstest.Fault
		kind  jenkins.Kind
	}{
		{"away", jenkinstest.Fault{Drop: true}, jenkins.KindUnreachable},
		{"slow", jenkinstest.Fault{Hang: true}, jenkins.KindTimeout},
		{"HTML", jenkinstest.Fault{LoginPage: true}, jenkins.KindLogin},
		{"half-sent body", jenkinstest.Fault{Truncate: 30}, jenkins.KindTruncated},
		{"403", jenkinstest.Fault{Status: 403}, jenkins.KindForbidden},
		{"gone", jenkinstest.Fault{Status: 404}, jenkins.KindWrongAddress},
		{"starting", jenkinstest.Fault{Starting: true}, jenkins.KindStarting},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAgent(t, jenkinstest.Options{}, patience(test.fault))
			job := a.server.Job("cart", jenkinstest.Freestyle)
			a.see("cart")
			job.FinishedTimes(2, "SUCCESS")
			end := a.server.Faults.Add(test.fault)
			result, err := a.cycle("cart")
			if jenkins.KindOf(err) != test.kind || len(result.States) != 0 || len(result.Events) != 0 {
				t.Errorf("%v %v", result, err)
			}
			end()
			a.want(a.see("cart"), "cart 1 SUCCESS", "cart 2 SUCCESS")
		})
	}
}

func TestMasterFailsInTheMiddle(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	one, two := a.server.Job("one", jenkinstest.Freestyle), a.server.Job("two", jenkinstest.Freestyle)
	a.see("one", "two")
	one.FinishedTimes(3, "SUCCESS")
	two.FinishedTimes(3, "SUCCESS")
	end := a.server.Faults.Add(jenkinstest.Fault{Path: "/job/two/2/", Drop: true})
	result, err := a.cycle("one", "two")
	if jenkins.KindOf(err) != jenkins.KindUnreachable {
		t.Fatal(err)
	}
	if got := announced(result); !slices.Contains(got, "two 1 SUCCESS") || slices.Contains(got, "two 3 SUCCESS") {
		t.Errorf("later builds of a job wait for the earlier: %q", got)
	}
	end()
	a.restart()
	rest := a.see("one", "two")
	all := append(announced(result), rest...)
	slices.Sort(all)
	a.want(all, "one 1 SUCCESS", "one 2 SUCCESS", "one 3 SUCCESS", "two 1 SUCCESS", "two 2 SUCCESS", "two 3 SUCCESS")
}

func TestOneBadJobStopsNoOther(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault jenkinstest.Fault
	}{
		{"forbidden", jenkinstest.Fault{Status: 403}},
		{"fails", jenkinstest.Fault{Status: 500, Header: http.Header{"X-Jenkins": {"2"}}}},
		{"hangs", jenkinstest.Fault{Hang: true}},
		{"sends rubbish", jenkinstest.Fault{WrongTypes: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAgent(t, jenkinstest.Options{}, patience(test.fault))
			good, bad := a.server.Job("good", jenkinstest.Freestyle), a.server.Job("bad", jenkinstest.Freestyle)
			a.see("good", "bad")
			good.Finished("SUCCESS")
			bad.Finished("SUCCESS")
			test.fault.Path = "/job/bad/"
			end := a.server.Faults.Add(test.fault)
			result, err := a.cycle("good", "bad")
			if err != nil {
				t.Fatal(err)
			}
			a.want(announced(result), "good 1 SUCCESS")
			if diff := cmp.Diff([]poll.ProblemKind{poll.Failed}, kinds(result.Problems)); diff != "" {
				t.Error(diff)
			}
			end()
			a.want(a.see("good", "bad"), "bad 1 SUCCESS")
		})
	}
}

func TestDetailsThatNeverComeHoldNothingUpForEver(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle)
	a.see("cart")
	job.FinishedTimes(2, "SUCCESS")
	a.server.Faults.Add(jenkinstest.Fault{Path: "/job/cart/1/", Status: 403})
	a.want(a.see("cart"))
	a.restart()
	a.want(a.see("cart"))
	result, err := a.cycle("cart")
	if err != nil {
		t.Fatal(err)
	}
	a.want(announced(result), "cart 1 SUCCESS", "cart 2 SUCCESS")
	if result.Events[0].Incomplete == "" || result.Events[1].Incomplete != "" {
		t.Errorf("%q %q", result.Events[0].Incomplete, result.Events[1].Incomplete)
	}
	a.want(a.see("cart"))
}
