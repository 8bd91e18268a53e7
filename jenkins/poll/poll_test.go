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
	"github.com/gennaker/gennaker/jenkins/jobname"
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
	options := jenkins.Options{Name: "ci", BaseURL: server.URL, User: "admin", Token: server.Admin.Token, Timeout: time.Minute}
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

// TestBuildsDeletedBetweenTwoPages shifts what the second page shows.
func TestBuildsDeletedBetweenTwoPages(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle)
	a.see("cart")
	job.FinishedTimes(150, "SUCCESS")
	a.server.Faults.Add(jenkinstest.Fault{Path: "/job/cart/api/json", Skip: 1, Times: 1, Delay: 300 * time.Millisecond})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for a.server.Log.Count(http.MethodGet, "/job/cart/api/json") == 0 {
			<-tick.C
		}
		job.DeleteBuilds(148, 150)
	}()
	result, err := a.cycle("cart")
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Events) != 150 {
		t.Errorf("%d builds", len(result.Events))
	}
}

func TestResultOfARunningBuildIsNotItsEnd(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle).SetConcurrent(true)
	a.see("cart")
	archiving := job.Start(jenkinstest.StartOptions{})
	archiving.SetResult("SUCCESS")
	job.Finished("SUCCESS")
	result, err := a.cycle("cart")
	if err != nil || len(result.Problems) != 0 {
		t.Errorf("%v %v", result.Problems, err)
	}
	a.want(announced(result), "cart 2 SUCCESS")
	archiving.Finish("FAILURE")
	a.want(a.see("cart"), "cart 1 FAILURE")
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

// A proxy that refuses long addresses is asked for one folder after the other.
func TestTooLongAQueryIsAskedPerFolder(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	x, y := a.server.Job("x/one", jenkinstest.Freestyle), a.server.Job("y/deep/two", jenkinstest.Freestyle)
	a.server.Faults.Add(jenkinstest.Fault{Status: http.StatusRequestURITooLong, Times: 1})
	a.see("x/job/one", "y/job/deep/job/two")
	x.Finished("SUCCESS")
	y.Finished("SUCCESS")
	a.want(a.see("x/job/one", "y/job/deep/job/two"), "x/job/one 1 SUCCESS", "y/job/deep/job/two 1 SUCCESS")
}

// Jobs are found at any depth when they are named; a pattern reaches as deep as one list does, and says where it ends.
func TestDeepFolders(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	folders := strings.Repeat("f/", 12)
	deep, shallow := a.server.Job(folders+"cart", jenkinstest.Freestyle), a.server.Job("f/till", jenkinstest.Freestyle)
	a.see(folders+"cart", "f/till")
	deep.Finished("SUCCESS")
	shallow.Finished("SUCCESS")
	name := jobname.Igor(folders + "cart")
	a.want(a.see(folders+"cart", "f/till"), name+" 1 SUCCESS", "f/job/till 1 SUCCESS")

	a.see("**")
	deep.Finished("SUCCESS")
	shallow.Finished("SUCCESS")
	result, err := a.cycle("**")
	if err != nil {
		t.Fatal(err)
	}
	a.want(announced(result), "f/job/till 2 SUCCESS")
	want := strings.TrimSuffix(strings.Repeat("f/", jenkins.MaxDepth), "/") + " is nested deeper than 10 levels"
	if len(result.Problems) != 1 || result.Problems[0].Kind != poll.TooDeep || result.Problems[0].Text != want {
		t.Errorf("problems %v, want %s", result.Problems, want)
	}
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
