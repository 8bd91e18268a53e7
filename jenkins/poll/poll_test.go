package poll_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/poll"
)

// agent is a poller with the states it would have in a store.
type agent struct {
	t      testing.TB
	server *jenkinstest.Server
	client *jenkins.Client
	poller *poll.Poller
	states map[string]poll.JobState
}

func newAgent(t testing.TB, o jenkinstest.Options, change func(*jenkins.Options)) *agent {
	t.Helper()
	server := jenkinstest.NewServer(o)
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	options := jenkins.Options{Name: "ci", BaseURL: server.URL, User: "admin", Token: server.Admin.Token, Timeout: 2 * time.Second}
	if change != nil {
		change(&options)
	}
	client, err := jenkins.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	a := &agent{t: t, server: server, client: client, states: map[string]poll.JobState{}}
	a.restart()
	return a
}

// restart loses what the process knew, but not what was stored.
func (a *agent) restart() {
	a.poller = poll.New(poll.Options{Client: a.client, Now: a.server.Clock.Now})
}

// cycle polls and stores, as one transaction would. States go through JSON, as
// they would through a store.
func (a *agent) cycle(jobs ...string) (poll.Result, error) {
	a.t.Helper()
	a.server.Log.Reset()
	result, err := a.poller.Cycle(a.t.Context(), jobs, a.states)
	text, marshalErr := json.Marshal(result.States)
	if marshalErr != nil {
		a.t.Fatal(marshalErr)
	}
	if err := json.Unmarshal(text, &a.states); err != nil {
		a.t.Fatal(err)
	}
	return result, err
}

// see is a cycle that must succeed; it gives the builds announced.
func (a *agent) see(jobs ...string) []string {
	a.t.Helper()
	result, err := a.cycle(jobs...)
	if err != nil {
		a.t.Fatal(err)
	}
	return announced(result)
}

func announced(result poll.Result) []string {
	all := []string{}
	for _, e := range result.Events {
		all = append(all, fmt.Sprintf("%s %d %s", e.Job, e.Build.Number, e.Build.Result))
	}
	return all
}

func (a *agent) want(got []string, want ...string) {
	a.t.Helper()
	if !slices.Equal(got, want) {
		a.t.Errorf("announced %q, want %q", got, want)
	}
}

func (a *agent) requests(want int) {
	a.t.Helper()
	if n := len(a.server.Log.All()); n != want {
		for _, r := range a.server.Log.All() {
			a.t.Logf("%s %s %d", r.Method, r.Path, r.Status)
		}
		a.t.Errorf("%d requests, want %d", n, want)
	}
}

func kinds(problems []poll.Problem) []poll.ProblemKind {
	var all []poll.ProblemKind
	for _, p := range problems {
		all = append(all, p.Kind)
	}
	return all
}

func TestBuildsAreAnnouncedOnce(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("shop/cart", jenkinstest.Freestyle)
	job.FinishedTimes(3, "SUCCESS")

	a.want(a.see("shop/job/cart")) // first sight announces nothing
	a.want(a.see("shop/job/cart"))
	a.requests(1)

	job.Finished("FAILURE")
	job.Finished("SUCCESS", jenkinstest.File{Path: "build.properties"})
	running := job.Start(jenkinstest.StartOptions{})
	result, err := a.cycle("shop/job/cart")
	if err != nil {
		t.Fatal(err)
	}
	a.want(announced(result), "shop/job/cart 4 FAILURE", "shop/job/cart 5 SUCCESS")
	event := result.Events[1]
	if event.Master != "ci" || event.FullName != "shop/cart" || len(event.Build.Artifacts) != 1 || event.Build.Causes[0].UserID != "admin" {
		t.Errorf("%+v", event)
	}
	if want := fmt.Sprintf("ci/shop/cart#5@%d", a.server.Clock.Now().UnixMilli()); event.Key() != want {
		t.Errorf("key %s, want %s", event.Key(), want)
	}

	a.want(a.see("shop/job/cart")) // #6 runs
	a.requests(1)
	running.SetResult("SUCCESS") // still archiving
	a.want(a.see("shop/job/cart"))
	a.server.Advance(time.Minute)
	running.Finish("UNSTABLE")
	a.server.Advance(30 * time.Second)
	result, err = a.cycle("shop/job/cart")
	if err != nil {
		t.Fatal(err)
	}
	a.want(announced(result), "shop/job/cart 6 UNSTABLE")
	if age := result.Events[0].Age; age != 30*time.Second {
		t.Errorf("age %s", age)
	}
	a.want(a.see("shop/job/cart"))
	a.requests(1)
}

func TestFirstSight(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	a.server.Job("new", jenkinstest.Freestyle)
	a.server.Job("one", jenkinstest.Freestyle).Finished("SUCCESS")
	many := a.server.Job("many", jenkinstest.Freestyle).SetConcurrent(true)
	old := many.Start(jenkinstest.StartOptions{})
	many.FinishedTimes(30, "SUCCESS")
	a.want(a.see("new", "one", "many"))
	a.requests(2) // only "many" needs a look at its builds

	a.server.Job("new", jenkinstest.Freestyle).Finished("SUCCESS")
	old.Finish("SUCCESS")
	a.want(a.see("new", "one", "many"), "many 1 SUCCESS", "new 1 SUCCESS")
}

func TestOutOfOrderEnds(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Pipeline).SetConcurrent(true)
	a.want(a.see("cart"))
	one, two, three := job.Start(jenkinstest.StartOptions{}), job.Start(jenkinstest.StartOptions{}), job.Start(jenkinstest.StartOptions{})
	a.want(a.see("cart"))
	two.Finish("SUCCESS")
	a.want(a.see("cart"), "cart 2 SUCCESS")
	three.Finish("SUCCESS")
	a.want(a.see("cart"), "cart 3 SUCCESS")
	one.Finish("SUCCESS") // nothing changes at the level of the job
	a.want(a.see("cart"), "cart 1 SUCCESS")
	a.want(a.see("cart"))
	a.requests(1)
}

func TestLongRunningBuildCostsOneSmallRequest(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle).SetConcurrent(true)
	a.see("cart")
	long := job.Start(jenkinstest.StartOptions{})
	a.see("cart")
	job.FinishedTimes(150, "SUCCESS")
	if got := a.see("cart"); len(got) != 150 {
		t.Fatalf("%d builds", len(got))
	}
	a.want(a.see("cart"))
	a.requests(3) // jobs, builds, the long one
	long.Finish("SUCCESS")
	a.want(a.see("cart"), "cart 1 SUCCESS")
}

func TestManyBuildsBetweenTwoLooks(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle)
	job.Finished("SUCCESS")
	a.see("cart")
	job.FinishedTimes(333, "SUCCESS")
	got := a.see("cart")
	if len(got) != 333 || got[0] != "cart 2 SUCCESS" || got[332] != "cart 334 SUCCESS" {
		t.Errorf("%d builds, %s..%s", len(got), got[0], got[len(got)-1])
	}

	job.FinishedTimes(600, "SUCCESS")
	result, err := a.cycle("cart")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(result.Events); n < 480 || result.Events[n-1].Build.Number != 934 {
		t.Errorf("%d builds", n)
	}
	oldest := result.Events[0].Build.Number
	want := fmt.Sprintf("%d builds of cart were skipped: #335 to #%d went by unseen", oldest-335, oldest-1)
	if len(result.Problems) != 1 || result.Problems[0].Text != want {
		t.Errorf("got  %v\nwant %s", result.Problems, want)
	}
	a.want(a.see("cart"))
}

func TestDeletedBuilds(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle)
	job.FinishedTimes(5, "SUCCESS")
	a.see("cart")
	a.server.Advance(time.Minute)

	job.DeleteBuilds(4, 5)
	a.want(a.see("cart"))
	a.requests(1)
	job.Finished("SUCCESS")
	a.want(a.see("cart"), "cart 6 SUCCESS")

	running := job.Start(jenkinstest.StartOptions{})
	a.see("cart")
	running.Delete()
	result, err := a.cycle("cart")
	if err != nil || len(result.Events) != 0 || len(result.Problems) != 1 || result.Problems[0].Text != "Build cart #7 was deleted before its end was seen" {
		t.Errorf("%v %v", result, err)
	}
	if open := a.states["cart"].Open; len(open) != 0 {
		t.Errorf("still waiting for %v", open)
	}

	job.DeleteBuilds(1, 100)
	a.want(a.see("cart"))
	job.Finished("SUCCESS")
	a.want(a.see("cart"), "cart 8 SUCCESS")
}

func TestNumbersStartAgain(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*jenkinstest.Job)
		want   []string // after one more build
	}{
		{"made anew, no build yet", func(j *jenkinstest.Job) { j.Recreate() }, []string{"cart 1 SUCCESS"}},
		{"made anew, fewer builds", func(j *jenkinstest.Job) { j.Recreate(); j.FinishedTimes(2, "SUCCESS") }, []string{"cart 3 SUCCESS"}},
		{"made anew, as many builds", func(j *jenkinstest.Job) { j.Recreate(); j.FinishedTimes(5, "SUCCESS") }, []string{"cart 6 SUCCESS"}},
		{"made anew, more builds", func(j *jenkinstest.Job) { j.Recreate(); j.FinishedTimes(9, "SUCCESS") }, []string{"cart 10 SUCCESS"}},
		{"master restored from a backup", func(j *jenkinstest.Job) { j.DeleteBuilds(3, 5); j.SetNextNumber(3) }, []string{"cart 3 SUCCESS"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAgent(t, jenkinstest.Options{}, nil)
			job := a.server.Job("cart", jenkinstest.Freestyle)
			job.FinishedTimes(5, "SUCCESS")
			a.see("cart")
			a.server.Advance(time.Hour)
			test.change(job)
			result, err := a.cycle("cart")
			if err != nil || len(result.Events) != 0 {
				t.Errorf("history is announced: %v, %v", announced(result), err)
			}
			if diff := cmp.Diff([]poll.ProblemKind{poll.Restarted}, kinds(result.Problems)); diff != "" {
				t.Error(diff)
			}
			a.server.Advance(time.Minute)
			job.Finished("SUCCESS")
			a.want(a.see("cart"), test.want...)
			a.want(a.see("cart"))
		})
	}
}

func TestMissingRenamedAndBack(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("shop/cart", jenkinstest.Freestyle)
	job.FinishedTimes(2, "SUCCESS")
	a.see("shop/job/cart")

	job.Rename("basket")
	a.server.Advance(time.Minute)
	for range 2 {
		if result, err := a.cycle("shop/job/cart"); err != nil || len(result.Problems) != 0 {
			t.Errorf("too early: %v %v", result.Problems, err)
		}
	}
	if gone := a.states["shop/cart"].Missing; !gone.Equal(a.server.Clock.Now()) {
		t.Errorf("missing since %s", gone)
	}
	result, err := a.cycle("shop/job/cart")
	if err != nil || len(result.Problems) != 1 || result.Problems[0].Text != "Job shop/cart vanished from ci; shop/basket looks like its new name" {
		t.Errorf("%v %v", result.Problems, err)
	}

	job.Rename("cart")
	job.Finished("SUCCESS")
	a.want(a.see("shop/job/cart"), "shop/job/cart 3 SUCCESS")
	if !a.states["shop/cart"].Missing.IsZero() {
		t.Error("found again, but still missing")
	}

	a.see("nowhere/job/none")
	a.see("nowhere/job/none")
	result, err = a.cycle("nowhere/job/none")
	if err != nil || len(result.Problems) != 1 || result.Problems[0].Text != "Job nowhere/none not found on ci, or the user may not read it" {
		t.Errorf("%v %v", result.Problems, err)
	}
}

func TestSpelling(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("Cart", jenkinstest.Freestyle)
	a.see("cart")
	job.Finished("SUCCESS")
	result, err := a.cycle("cart")
	if err != nil || result.Problems[0].Text != "Job cart is called Cart on ci; write it that way" {
		t.Errorf("%v %v", result.Problems, err)
	}
	a.want(announced(result), "Cart 1 SUCCESS")
}

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

func TestTooLargeAListIsAskedPerFolder(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, func(o *jenkins.Options) { o.MaxAnswer = 8 << 10 })
	for i := range 100 {
		a.server.Job(fmt.Sprintf("big/job-%d", i), jenkinstest.Freestyle)
	}
	x, y := a.server.Job("x/one", jenkinstest.Freestyle), a.server.Job("y/deep/two", jenkinstest.Freestyle)
	a.see("x/job/one", "y/job/deep/job/two")
	x.Finished("SUCCESS")
	y.Finished("SUCCESS")
	a.want(a.see("x/job/one", "y/job/deep/job/two"), "x/job/one 1 SUCCESS", "y/job/deep/job/two 1 SUCCESS")
	a.see("x/job/one", "y/job/deep/job/two")
	a.requests(2)
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
			a := newAgent(t, jenkinstest.Options{}, func(o *jenkins.Options) { o.Timeout = 200 * time.Millisecond })
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
			a := newAgent(t, jenkinstest.Options{}, func(o *jenkins.Options) { o.Timeout = 300 * time.Millisecond })
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

func TestDetailsOnlyWhereWanted(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle)
	a.poller = poll.New(poll.Options{Client: a.client, Now: a.server.Clock.Now,
		Details: func(_, result string) bool { return result == "SUCCESS" }})
	a.see("cart")
	job.Finished("FAILURE")
	a.want(a.see("cart"), "cart 1 FAILURE")
	a.requests(2)
}

func TestRestartOfTheMaster(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	free := a.server.Job("free", jenkinstest.Freestyle)
	pipe := a.server.Job("pipe", jenkinstest.Pipeline)
	a.see("free", "pipe")
	free.Start(jenkinstest.StartOptions{})
	resumed := pipe.Start(jenkinstest.StartOptions{})
	a.see("free", "pipe")
	a.server.Restart(10 * time.Second)
	if _, err := a.cycle("free", "pipe"); jenkins.KindOf(err) != jenkins.KindStarting {
		t.Error(err)
	}
	a.server.Advance(10 * time.Second)
	a.want(a.see("free", "pipe"), "free 1 ABORTED")
	resumed.Finish("SUCCESS")
	a.want(a.see("free", "pipe"), "pipe 1 SUCCESS")
}

func TestSkew(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle)
	a.see("cart")
	a.server.SetSkew(-7 * time.Minute)
	job.Finished("SUCCESS")
	result, err := a.cycle("cart")
	if err != nil || result.Problems[0].Text != "Clock of ci is 7 min behind" || result.Skew != -7*time.Minute {
		t.Errorf("%v %v", result.Problems, err)
	}
	if result.Events[0].Age != 0 {
		t.Errorf("ages are by the master's clock: %s", result.Events[0].Age)
	}
}

func TestNothingToLookAt(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	a.want(a.see())
	a.requests(0)
}

func TestSchedule(t *testing.T) {
	const interval = 15 * time.Second
	if one, two := poll.Phase("ci", interval), poll.Phase("ci", interval); one != two || one < 0 || one >= interval {
		t.Errorf("phase %s, %s", one, two)
	}
	if poll.Phase("ci", interval) == poll.Phase("ci2", interval) {
		t.Error("two masters at the same moment")
	}
	away := &jenkins.Error{Kind: jenkins.KindUnreachable}
	for _, test := range []struct {
		failures int
		err      error
		want     time.Duration
	}{
		{0, nil, interval},
		{1, away, 15 * time.Second},
		{2, away, 30 * time.Second},
		{3, away, time.Minute},
		{20, away, 5 * time.Minute},
		{1, &jenkins.Error{Kind: jenkins.KindUnauthorized}, 5 * time.Minute},
		{9, &jenkins.Error{Kind: jenkins.KindStarting}, 10 * time.Second},
		{1, fmt.Errorf("wrapped: %w", &jenkins.Error{Kind: jenkins.KindBusy, RetryAfter: time.Minute}), time.Minute},
	} {
		if got := poll.Delay(interval, test.failures, test.err); got != test.want {
			t.Errorf("%d failures, %v: %s, want %s", test.failures, test.err, got, test.want)
		}
	}
	if low, high := poll.Jitter(interval, 0), poll.Jitter(interval, 0.999999); low != 12*time.Second || high > 18*time.Second || high < 17*time.Second {
		t.Errorf("jitter %s..%s", low, high)
	}
}
