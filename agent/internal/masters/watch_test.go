package masters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	err := r.watcher.cycle(t.Context())
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

// What a dead agent finds must not count: another one has the master now.
func TestNothingIsTakenInWithoutTheLease(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	cart.Finished("SUCCESS")
	r.update(func(tx store.Tx) error {
		if err := tx.ReleaseLease("master/ci", r.incarnation); err != nil {
			return err
		}
		if err := tx.Renew(store.Incarnation{ID: "other"}); err != nil {
			return err
		}
		_, err := tx.TakeLease("master/ci", "other")
		return err
	})
	if err := r.watcher.cycle(t.Context()); !errors.Is(err, store.ErrStale) {
		t.Errorf("error %v, want that the lease is another's", err)
	}
	r.want()
}

func TestLateBuildsArePassedOverWithAReason(t *testing.T) {
	for policy, want := range map[string][]string{
		"":       {"cart 1 SUCCESS passed over", "cart 2 SUCCESS", "cart 3 SUCCESS"},
		"latest": {"cart 1 SUCCESS passed over", "cart 2 SUCCESS", "cart 3 SUCCESS"},
		"all":    {"cart 1 SUCCESS", "cart 2 SUCCESS", "cart 3 SUCCESS"},
		"none":   {"cart 1 SUCCESS passed over", "cart 2 SUCCESS passed over", "cart 3 SUCCESS"},
	} {
		t.Run(policy, func(t *testing.T) {
			r := newRig(t, "cart")
			r.backfill = policy
			r.restart()
			cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
			r.cycle()
			cart.FinishedTimes(2, "SUCCESS")
			if policy != "none" {
				r.clock.advance(poll.DefaultBackfillAfter + time.Minute)
			}
			r.clock.advance(time.Hour)
			cart.Finished("SUCCESS")
			r.cycle()
			r.want(want...)
			r.cycle()
			r.want(want...)
		})
	}
}
