package masters

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/poll"
)

func TestBuildsAreTakenInOnceAndInOrder(t *testing.T) {
	r := newRig(t, "shop/job/cart", "till")
	cart, till := r.jenkins.Job("shop/cart", jenkinstest.Freestyle), r.jenkins.Job("till", jenkinstest.Freestyle)
	cart.Finished("SUCCESS")
	r.cycle()
	r.want() // the first sight of a job is no event
	cart.Finished("FAILURE")
	cart.Finished("SUCCESS", jenkinstest.File{Path: "out/build.properties"})
	till.Finished("SUCCESS")
	r.cycle()
	r.want("shop/job/cart 2 FAILURE", "shop/job/cart 3 SUCCESS", "till 1 SUCCESS")
	r.cycle()
	r.want("shop/job/cart 2 FAILURE", "shop/job/cart 3 SUCCESS", "till 1 SUCCESS")
	if r.woken != 1 {
		t.Errorf("the inbox was woken %d times for one batch of builds", r.woken)
	}
	third := r.events()[1]
	if third.Source != "ci" || len(third.Build.Artifacts) != 1 || third.Build.Artifacts[0].Reference != "out/build.properties" {
		t.Errorf("the event does not say what the build is: %+v", third)
	}
}

func TestNothingMovesWhenTheIntakeFails(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	before := r.states()
	cart.FinishedTimes(3, "SUCCESS")
	r.broken[2] = errors.New("the disk is full")
	err := r.tryBy(r.watcher)
	if want := `store the builds of master "ci": build 2 of job "cart": the disk is full`; err == nil || err.Error() != want {
		t.Fatalf("error %v, want %s", err, want)
	}
	r.want()
	if diff := cmp.Diff(before, r.states()); diff != "" || r.woken != 0 {
		t.Errorf("the cursor moved without its events, woken %d times:\n%s", r.woken, diff)
	}
	clear(r.broken)
	r.cycle()
	r.want("cart 1 SUCCESS", "cart 2 SUCCESS", "cart 3 SUCCESS")
}

func TestTheNextAgentContinues(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle).SetConcurrent(true)
	r.cycle()
	cart.Finished("SUCCESS")
	running := cart.Start(jenkinstest.StartOptions{})
	r.cycle()
	cart.Finished("UNSTABLE")
	running.Finish("SUCCESS")
	r.restart()
	r.cycle()
	r.want("cart 1 SUCCESS", "cart 2 SUCCESS", "cart 3 UNSTABLE")
}

// Two agents on one store: only who has the lease asks Jenkins, and the other goes on where it stopped.
func TestOneAgentPollsAMaster(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	first := r.watcher
	r.cycle()
	second := r.another("other")
	cart.Finished("SUCCESS")
	r.jenkins.Log.Reset()
	r.lookBy(second)
	if n := len(r.jenkins.Log.All()); n != 0 || second.lease.Held() {
		t.Errorf("the agent without the lease made %d requests", n)
	}
	r.want()
	r.lookBy(first)
	r.want("cart 1 SUCCESS")

	cart.Finished("FAILURE")
	first.lease.Release(t.Context())
	r.lookBy(second)
	r.want("cart 1 SUCCESS", "cart 2 FAILURE")
	cart.Finished("UNSTABLE")
	r.jenkins.Log.Reset()
	r.lookBy(first)
	if n := len(r.jenkins.Log.All()); n != 0 {
		t.Errorf("the agent that gave the lease back made %d requests", n)
	}
	r.lookBy(second)
	r.want("cart 1 SUCCESS", "cart 2 FAILURE", "cart 3 UNSTABLE")
}

func TestADeadAgentsMasterIsTakenOver(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	second := r.another("other")
	cart.Finished("SUCCESS")
	r.lookBy(second)
	r.want()
	r.update(func(tx store.Tx) error {
		_, err := tx.Bury(tx.Now().Add(1))
		return errors.Join(err, tx.Renew(store.Incarnation{ID: "other"}))
	})
	r.lookBy(second)
	r.lookBy(r.watcher)
	r.want("cart 1 SUCCESS")
}

// An agent that was away in the middle of a look (a long pause of the process) must not store what it found: the master has
// been another one's meanwhile, even if it is nobody's now.
func TestWhoLostTheMasterStoresNothing(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	second := r.another("other")
	cart.Finished("SUCCESS")
	first := r.watcher
	r.before = func() {
		r.before = nil
		r.update(func(tx store.Tx) error { return tx.ReleaseLease("master/ci", first.Incarnation) })
		r.lookBy(second)
		second.lease.Release(t.Context())
		cart.Finished("FAILURE")
	}
	r.lookBy(first)
	r.want("cart 1 SUCCESS")
	if first.lease.Held() || !strings.Contains(r.log.String(), "another process holds the lease now") {
		t.Errorf("the first agent still believes that it has the master; log:\n%s", r.log)
	}
	r.lookBy(first)
	r.want("cart 1 SUCCESS", "cart 2 FAILURE")
}

func TestLateBuildsArePassedOverWithAReason(t *testing.T) {
	for policy, want := range map[string][]string{
		"":       {"cart 1 SUCCESS passed over", "cart 2 FAILURE", "cart 3 SUCCESS"},
		"latest": {"cart 1 SUCCESS passed over", "cart 2 FAILURE", "cart 3 SUCCESS"},
		"all":    {"cart 1 SUCCESS", "cart 2 FAILURE", "cart 3 SUCCESS"},
		"none":   {"cart 1 SUCCESS passed over", "cart 2 FAILURE passed over", "cart 3 SUCCESS"},
	} {
		t.Run("backfill "+policy, func(t *testing.T) {
			r := newRig(t, "cart")
			r.backfill = policy
			r.restart()
			cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
			r.cycle()
			cart.Finished("SUCCESS")
			cart.Finished("FAILURE")
			r.clock.advance(time.Hour + time.Minute)
			cart.Finished("SUCCESS")
			r.cycle()
			r.want(want...)
			r.cycle()
			r.want(want...)
			const reason = `build 1 of job "cart" on master "ci" was found 1h`
			if first := r.events()[0]; policy != "all" && !strings.HasPrefix(first.PassedOver, reason) {
				t.Errorf("the reason is %q, want %q…", first.PassedOver, reason)
			}
		})
	}
}

func TestABuildWithoutDetailsSaysWhy(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	cart.Finished("SUCCESS", jenkinstest.File{Path: "build.properties"})
	r.jenkins.Faults.Add(jenkinstest.Fault{Path: "/job/cart/1/", Status: http.StatusForbidden})
	for range 3 {
		r.cycle()
	}
	r.want("cart 1 SUCCESS")
	const want = `jenkins "ci": read build "cart" #1: 403 Forbidden`
	if build := r.events()[0].Build; !strings.HasPrefix(build.Incomplete, want) || len(build.Artifacts) != 0 {
		t.Errorf("the build says %q, want %q…", build.Incomplete, want)
	}
}

func TestAProblemIsLoggedOnceUntilItComesAgain(t *testing.T) {
	r := newRig(t, "cart", "gone")
	r.jenkins.Job("cart", jenkinstest.Freestyle)
	logged := func() int { return strings.Count(r.log.String(), "Job gone not found on ci") }
	cycles := func(n int) {
		for range n {
			r.cycle()
		}
	}
	cycles(6)
	if logged() != 1 {
		t.Errorf("logged %d times, want once:\n%s", logged(), r.log)
	}
	gone := r.jenkins.Job("gone", jenkinstest.Freestyle)
	cycles(2)
	gone.Delete()
	cycles(6)
	if logged() != 2 {
		t.Errorf("logged %d times, want once more:\n%s", logged(), r.log)
	}
}

// One row that cannot be read must not keep the agent from all jobs of the master.
func TestOneBadRowOfStateIsBegunAnew(t *testing.T) {
	r := newRig(t, "cart", "till")
	cart, till := r.jenkins.Job("cart", jenkinstest.Freestyle), r.jenkins.Job("till", jenkinstest.Freestyle)
	r.cycle()
	r.update(func(tx store.Tx) error {
		return tx.PutJobStates("ci", map[string][]byte{"cart": []byte(`{"lastNumber":"x"}`)})
	})
	cart.Finished("SUCCESS")
	till.Finished("SUCCESS")
	r.restart()
	r.cycle()
	r.want("till 1 SUCCESS")
	cart.Finished("SUCCESS")
	r.cycle()
	r.want("till 1 SUCCESS", "cart 2 SUCCESS")
	if n := strings.Count(r.log.String(), "what is stored of a job cannot be read"); n != 1 {
		t.Errorf("said %d times:\n%s", n, r.log)
	}
}

func TestNoRequestsWhereNoTriggerNamesAJob(t *testing.T) {
	r := newRig(t)
	r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	if n := len(r.jenkins.Log.All()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestMastersArePolledIndependently(t *testing.T) {
	r := newRig(t, "cart")
	hanging := serve(t, jenkinstest.Options{})
	hanging.Faults.Add(jenkinstest.Fault{Hang: true})
	slow := configured("slow", hanging)
	slow.Timeout = config.Duration(time.Minute)
	r.begin(configured("ci", r.jenkins), slow)
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.masters.Run(ctx) }()
	await(t, "the first look", func() bool { return len(r.states()) == 1 })
	cart.Finished("SUCCESS")
	await(t, "the build", func() bool { return len(r.events()) == 1 })
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the masters are still polled after the end")
	}
}

// await waits for a condition.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestParts(t *testing.T) {
	events := func(job string, n int) []poll.Event {
		found := make([]poll.Event, n)
		for i := range found {
			found[i] = poll.Event{FullName: job, Build: jenkins.Build{Run: jenkins.Run{RunState: jenkins.RunState{Number: i + 1}}}}
		}
		return found
	}
	result := poll.Result{
		States:     map[string]poll.JobState{"a": {}, "b": {}, "c": {}, "d": {}, "e": {}},
		Events:     slices.Concat(events("a", 1), events("B", 2), events("c", 5)),
		PassedOver: slices.Concat(events("a", 1), events("d", 1)),
	}
	var got []string
	for part := range parts(result, 3) {
		jobs := slices.Sorted(maps.Keys(part.States))
		got = append(got, fmt.Sprintf("%v: %d taken, %d passed over", jobs, len(part.Events), len(part.PassedOver)))
	}
	want := []string{"[a b]: 3 taken, 1 passed over", "[c]: 5 taken, 0 passed over", "[d e]: 0 taken, 1 passed over"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for part := range parts(poll.Result{}, 3) {
		t.Errorf("nothing found gives %+v", part)
	}
}
