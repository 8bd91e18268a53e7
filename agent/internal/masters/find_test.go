package masters

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// asking is a double with a job "shop/tests" of two parameters, and a master that asks for its builds.
type asking struct {
	t       *testing.T
	jenkins *jenkinstest.Server
	tests   *jenkinstest.Job
	masters *Masters
	// asked is when the test began; items are the queue items asked for.
	asked time.Time
	items []int64
}

const testJob = "shop/job/tests"

func newAsking(t *testing.T, o jenkinstest.Options) *asking {
	a := &asking{t: t, jenkins: serve(t, o)}
	a.tests = a.jenkins.Job("shop/tests", jenkinstest.Freestyle).SetConcurrent(true).SetParameters(
		jenkinstest.Parameter{Name: "TAG", Type: "String", Default: "latest"},
		jenkinstest.Parameter{Name: "FAST", Type: "Boolean", Default: "false"})
	a.masters = connected(t, a.jenkins)
	a.asked = a.jenkins.Clock.Now()
	return a
}

// ask asks for a build, as a stage would.
func (a *asking) ask(parameters map[string]string) {
	a.t.Helper()
	client, err := a.masters.Client("ci")
	if err != nil {
		a.t.Fatal(err)
	}
	queued, err := client.StartBuild(a.t.Context(), "shop/tests", parameters)
	if err != nil {
		a.t.Fatal(err)
	}
	a.items = append(a.items, queued.ID)
}

// find looks for a build by queue item, or by its parameters when item is 0.
func (a *asking) find(item int64, parameters map[string]string) Found {
	a.t.Helper()
	found, err := a.masters.FindBuild(a.t.Context(), "ci", testJob, item, a.asked, parameters)
	if err != nil {
		a.t.Fatal(err)
	}
	return found
}

func (a *asking) want(what string, got, want Found) {
	a.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		a.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var tagged = map[string]string{"TAG": "v2"}

func TestFollowAQueueItem(t *testing.T) {
	a := newAsking(t, jenkinstest.Options{QuietPeriod: 5 * time.Second})
	a.ask(tagged)
	item := a.items[0]
	queued := a.find(item, nil)
	if queued.State != Queued || queued.QueueItem != item || queued.Why == "" {
		t.Errorf("in the queue: %+v", queued)
	}
	a.jenkins.Advance(10 * time.Second)
	a.want("started", a.find(item, nil), Found{State: Started, QueueItem: item, Number: 1})
	a.tests.Build(1).Finish("SUCCESS")
	a.jenkins.Advance(time.Hour)
	a.want("forgotten by the queue", a.find(item, nil), Found{State: Started, QueueItem: item, Number: 1})
	a.want("never asked for", a.find(item+1000, nil), Found{State: NotFound, QueueItem: item + 1000})
}

// A master that is about to shut down still queues builds, and says why they wait.
func TestABuildThatWaitsForAShutDown(t *testing.T) {
	a := newAsking(t, jenkinstest.Options{})
	a.jenkins.SetQuietingDown(true)
	a.ask(map[string]string{"TAG": "1"})
	a.want("in quiet-down", a.find(a.items[0], nil), Found{State: Queued, QueueItem: a.items[0], Why: "Jenkins is about to shut down"})
	a.jenkins.SetQuietingDown(false)
	a.want("afterwards", a.find(a.items[0], nil), Found{State: Started, QueueItem: a.items[0], Number: 1})
}

func TestFollowACanceledQueueItem(t *testing.T) {
	a := newAsking(t, jenkinstest.Options{QuietPeriod: time.Minute})
	a.ask(tagged)
	client, err := a.masters.Client("ci")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CancelQueueItem(t.Context(), a.items[0]); err != nil {
		t.Fatal(err)
	}
	a.want("canceled", a.find(a.items[0], nil), Found{State: Canceled, QueueItem: a.items[0]})
}

// After a crash between asking and noting the queue item down, only time and parameters are known.
func TestSearchByParameters(t *testing.T) {
	a := newAsking(t, jenkinstest.Options{QuietPeriod: 5 * time.Second})
	a.want("nothing was asked for", a.find(0, tagged), Found{State: NotFound})
	a.ask(map[string]string{"TAG": "v1"})
	a.want("another build was asked for", a.find(0, tagged), Found{State: NotFound})

	a.ask(tagged)
	queued := a.find(0, tagged)
	if queued.State != Queued || queued.QueueItem != a.items[1] {
		t.Errorf("in the queue: %+v", queued)
	}
	a.jenkins.Advance(10 * time.Second)
	a.want("started", a.find(0, tagged), Found{State: Started, QueueItem: a.items[1], Number: 2})
	a.want("Jenkins drops what the job does not declare",
		a.find(0, map[string]string{"TAG": "v2", "UNDECLARED": "x"}), Found{State: Started, QueueItem: a.items[1], Number: 2})
	a.want("a default counts", a.find(0, map[string]string{"TAG": "v2", "FAST": "true"}), Found{State: NotFound})

	a.ask(tagged)
	a.jenkins.Advance(10 * time.Second)
	ambiguous := a.find(0, tagged)
	if ambiguous.State != Ambiguous || ambiguous.Why == "" {
		t.Errorf("two builds fit: %+v", ambiguous)
	}

	a.jenkins.Advance(time.Hour)
	a.asked = a.jenkins.Clock.Now()
	a.want("only builds from before", a.find(0, tagged), Found{State: NotFound})
}

func TestSearchMeansTheJobOnly(t *testing.T) {
	a := newAsking(t, jenkinstest.Options{QuietPeriod: time.Minute, ContextPath: "/jenkins", RootURL: "https://proxy.example/ci/"})
	other := a.jenkins.Job("tests", jenkinstest.Freestyle).SetParameters(jenkinstest.Parameter{Name: "TAG", Type: "String"})
	client, err := a.masters.Client("ci")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.StartBuild(t.Context(), other.FullName(), tagged); err != nil {
		t.Fatal(err)
	}
	a.want("another job's", a.find(0, tagged), Found{State: NotFound})
	a.ask(tagged)
	if found := a.find(0, tagged); found.State != Queued || found.QueueItem != a.items[0] {
		t.Errorf("behind a proxy: %+v", found)
	}
}

func TestFindBuildWithoutJenkins(t *testing.T) {
	a := newAsking(t, jenkinstest.Options{})
	a.jenkins.Faults.Add(jenkinstest.Fault{Drop: true})
	for _, item := range []int64{0, 1} {
		found, err := a.masters.FindBuild(t.Context(), "ci", testJob, item, a.asked, nil)
		if jenkins.KindOf(err) != jenkins.KindUnreachable || found != (Found{}) {
			t.Errorf("item %d: %+v, %v: what is not known must not be told", item, found, err)
		}
	}
	if _, err := a.masters.FindBuild(t.Context(), "cd", testJob, 1, a.asked, nil); err == nil {
		t.Error("a master that is not configured was asked")
	}
}

func TestIsJob(t *testing.T) {
	for _, test := range []struct {
		address, job string
		want         bool
	}{
		{"http://ci/job/a/job/b/", "a/b", true},
		{"https://other.example/prefix/job/a/job/b", "a/b", true},
		{"http://ci/job/a/job/b/", "b", false},
		{"http://ci/job/b/", "a/b", false},
		{"http://ci/job/a/job/feature%252Fx/", "a/feature%2Fx", true},
		{"http://ci/job/a%20b/", "a b", true},
		{"http://ci/view/all/", "a", false},
		{"::", "a", false},
	} {
		if got := isJob(test.address, test.job); got != test.want {
			t.Errorf("isJob(%q, %q) = %v", test.address, test.job, got)
		}
	}
}
