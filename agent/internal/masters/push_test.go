package masters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// notice tells an agent of a build; it must be of use.
func (r *rig) notice(m *Masters, job string, number int64) {
	r.t.Helper()
	if dropped, err := m.Notice(r.t.Context(), "ci", Notice{Job: job, Number: number}); err != nil || dropped != "" {
		r.t.Fatalf("dropped %q, error %v", dropped, err)
	}
}

// push has a watcher do what it does when it is nudged, long before its next cycle.
func (r *rig) push(w *watcher) {
	r.t.Helper()
	w.at = time.Now().Add(time.Hour)
	w.turn(r.t.Context(), true)
}

// again makes all jobs due that are looked at outside the rhythm, and has them looked at.
func (r *rig) again(w *watcher) {
	r.t.Helper()
	for _, e := range w.eager {
		e.due = time.Time{}
	}
	w.turn(r.t.Context(), false)
}

// wished are the names of the stored wishes.
func (r *rig) wished() int {
	r.t.Helper()
	rows, _, err := r.masters.wishes(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return len(rows)
}

func TestANoticeHasOneJobLookedAtAtOnce(t *testing.T) {
	r := newRig(t, "shop/job/cart", "till")
	cart, till := r.jenkins.Job("shop/cart", jenkinstest.Freestyle), r.jenkins.Job("till", jenkinstest.Freestyle)
	r.cycle()
	build := cart.Finished("SUCCESS")
	till.Finished("SUCCESS")
	r.notice(r.masters, "shop/cart", int64(build.Number()))
	r.jenkins.Log.Reset()
	r.push(r.watcher)
	r.want("shop/job/cart 1 SUCCESS")
	for _, request := range r.jenkins.Log.All() {
		if !strings.HasPrefix(request.Path, "/job/shop/job/cart/") {
			t.Errorf("asked for %s", request.Path)
		}
	}
	if r.wished() != 0 || len(r.watcher.eager) != 0 {
		t.Errorf("%d wishes are left, eager %v", r.wished(), r.watcher.eager)
	}
	r.cycle()
	r.want("shop/job/cart 1 SUCCESS", "till 1 SUCCESS")
	r.notice(r.masters, "shop/cart", 1)
	r.push(r.watcher)
	r.want("shop/job/cart 1 SUCCESS", "till 1 SUCCESS")
}

// The post step of a pipeline tells of its build before that has ended.
func TestANoticeOfARunningBuildIsFollowed(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Pipeline)
	r.cycle()
	build := cart.Start(jenkinstest.StartOptions{})
	r.notice(r.masters, "cart", int64(build.Number()))
	r.push(r.watcher)
	r.again(r.watcher)
	r.want()
	if r.wished() != 0 {
		t.Error("the wish is stored although the build is followed")
	}
	build.Finish("SUCCESS")
	r.again(r.watcher)
	r.want("cart 1 SUCCESS")
	if len(r.watcher.eager) != 0 {
		t.Errorf("followed on after its end: %v", r.watcher.eager)
	}

	r.notice(r.masters, "cart", 7)
	r.push(r.watcher)
	for range 10 {
		r.again(r.watcher)
	}
	if len(r.watcher.eager) != 0 {
		t.Errorf("a build that never comes is waited for for ever: %v", r.watcher.eager)
	}
}

// The agent that is told is not the one that polls.
func TestANoticeReachesTheAgentThatHasTheMaster(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	other := r.another("other")
	cart.Finished("SUCCESS")
	r.notice(other.Masters, "cart", 1)
	r.push(other)
	r.want()
	r.push(r.watcher)
	r.want("cart 1 SUCCESS")
	if r.wished() != 0 {
		t.Error("the wish is left")
	}
}

// A master that does not answer is not asked more often because somebody wishes it, and the wish is not lost.
func TestNoticesDoNotPressAMasterThatFails(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	cart.Finished("SUCCESS")
	mend := r.jenkins.Faults.Add(jenkinstest.Fault{Status: http.StatusBadGateway})
	r.notice(r.masters, "cart", 1)
	r.push(r.watcher)
	r.jenkins.Log.Reset()
	for range 5 {
		r.push(r.watcher)
	}
	if n := len(r.jenkins.Log.All()); n != 0 || r.watcher.failures != 1 || r.wished() != 1 {
		t.Errorf("%d requests, %d failures, %d wishes", n, r.watcher.failures, r.wished())
	}
	mend()
	r.watcher.at = time.Time{}
	r.watcher.turn(t.Context(), false)
	r.want("cart 1 SUCCESS")
	if r.wished() != 0 || r.watcher.failures != 0 {
		t.Errorf("%d wishes, %d failures", r.wished(), r.watcher.failures)
	}
}

func TestNoticesThatAreOfNoUse(t *testing.T) {
	r := newRig(t, "cart")
	dropped, err := r.masters.Notice(t.Context(), "ci", Notice{Job: "till"})
	if want := `no enabled trigger names job "till" on master "ci"`; dropped != want || err != nil {
		t.Errorf("dropped %q, error %v, want %s", dropped, err, want)
	}
	_, err = r.masters.Notice(t.Context(), "elsewhere", Notice{Job: "cart"})
	if failed := (*spinnaker.Error)(nil); !errors.As(err, &failed) || failed.Status != http.StatusNotFound {
		t.Errorf("error %v, want a 404", err)
	}
	if r.wished() != 0 {
		t.Errorf("%d wishes", r.wished())
	}
}

func TestWishesThatNobodyFulfilsAreForgotten(t *testing.T) {
	r := newRig(t, "cart")
	r.notice(r.masters, "cart", 1)
	old, err := json.Marshal(wish{Master: "gone", Job: "cart", At: time.Now().Add(-2 * staleAfter)})
	if err != nil {
		t.Fatal(err)
	}
	r.update(func(tx store.Tx) error {
		return tx.PutJobStates(wishes, map[string][]byte{"gone/cart": old, "odd": []byte("{")})
	})
	if err := r.masters.passOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.wished() != 1 || len(r.masters.byName["ci"].nudge) != 1 {
		t.Errorf("%d wishes are left, %d nudges", r.wished(), len(r.masters.byName["ci"].nudge))
	}
}

// The whole loop: from the notice to the event, hours before the next cycle.
func TestNoticesAreHeardWhileRunning(t *testing.T) {
	r := newRig(t, "cart")
	cart := r.jenkins.Job("cart", jenkinstest.Freestyle)
	r.cycle()
	r.watcher.lease.Release(t.Context())
	rarely := configured("ci", r.jenkins)
	rarely.PollInterval = config.Duration(1000 * time.Hour)
	r.begin(rarely)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.masters.Run(ctx) }()
	cart.Finished("SUCCESS")
	r.notice(r.masters, "cart", 1)
	await(t, "the build", func() bool { return len(r.events()) == 1 })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestReadNotice(t *testing.T) {
	for body, want := range map[string]string{
		`{"job":"svc/feature%2Fx-1","number":12}`: `{svc/feature%2Fx-1 12}`,
		`{"job":"shop/job/cart","number":"12"}`:   `{shop/cart 12}`,
		`{"job":"/job/shop/job/cart/"}`:           `{shop/cart 0}`,
		`{"job":"cart","number":-1}`:              `number: found "-1", expected the number of a build`,
		`{"job":"cart","number":"x"}`:             `number: found "x", expected the number of a build`,
		`{"number":1}`:                            `found no job`,
		`{"job":{}}`:                              `found no job`,
		`{"name":"cart","url":"job/shop/job/cart/","build":{"number":7,"phase":"FINALIZED","status":"SUCCESS","url":"job/shop/job/cart/7/","full_url":"http://ci/job/shop/job/cart/7/"}}`: `{shop/cart 7}`,
		`{"url":"job/svc/job/feature%252Fx-1/","build":{"number":7,"phase":"COMPLETED"}}`:                                                                                                 `{svc/feature%2Fx-1 7}`,
		`{"build":{"number":7,"url":"job/cart/7/"}}`:                 `{cart 7}`,
		`{"url":"job/cart/","build":{"number":7,"phase":"STARTED"}}`: `dropped: phase STARTED: only the end of a build counts`,
		`{"url":"job/%zz/","build":{"number":7}}`:                    `found no job`,
		`{"url":["job/cart/"],"build":[]}`:                           `found no job`,
	} {
		t.Run(body, func(t *testing.T) {
			var payload map[string]any
			if err := spinnaker.Decode([]byte(body), &payload); err != nil {
				t.Fatal(err)
			}
			got := readNotice(payload)
			if !strings.HasPrefix(got, want) {
				t.Error(cmp.Diff(want, got))
			}
		})
	}
}

func readNotice(payload map[string]any) string {
	notice, dropped, err := ReadNotice(payload)
	switch {
	case err != nil:
		return err.Error()
	case dropped != "":
		return "dropped: " + dropped
	default:
		return fmt.Sprint(notice)
	}
}

func FuzzReadNotice(f *testing.F) {
	f.Add(`{"job":"cart","number":1}`)
	f.Add(`{"url":"job/a/job/b%2Fc/","build":{"number":7,"phase":"FINALIZED"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		var payload map[string]any
		if spinnaker.Decode([]byte(body), &payload) != nil {
			return
		}
		if notice, dropped, err := ReadNotice(payload); err == nil && dropped == "" && (notice.Job == "" || notice.Number < 0) {
			t.Errorf("%s reads %+v", body, notice)
		}
	})
}
