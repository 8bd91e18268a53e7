package ci_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

func TestLostStepDoesNotStartASecondBuild(t *testing.T) {
	unavailable := status.Error(codes.Unavailable, "the agent is gone")
	tests := []struct {
		name string
		// lose says how the answer to StartBuild got lost.
		lose func(l *lab)
		// found is what happened to the build meanwhile.
		found func(l *lab)
	}{
		{"plugin lost after the start", func(l *lab) { l.lose() }, func(*lab) {}},
		{"answer of Jenkins lost", func(l *lab) {
			l.jenkins.AfterStart = func(plugintest.JenkinsBuild) error { return unavailable }
			expect(l.t, l.step(), sdk.Running, "Looking for the build that may have been started")
		}, func(*lab) {}},
		{"agent lost before the second checkpoint", func(l *lab) {
			l.host.OnCheckpoint = func(state []byte) error {
				if strings.Contains(string(state), `"queueItem"`) {
					return unavailable
				}
				return nil
			}
			l.lose()
		}, func(*lab) {}},
		{"started meanwhile", func(l *lab) { l.lose() }, func(l *lab) { l.jenkins.Begin(1, 7) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t, sdk.Config{"parameters": map[string]any{"A": "b"}})
			test.lose(l)
			l.jenkins.AfterStart = nil
			test.found(l)
			l.step()
			if l.jenkins.Builds()[0].Number == 0 {
				l.jenkins.Begin(1, 7)
			}
			expect(t, l.step(), sdk.Running, "build 7 of")
			l.jenkins.Finish(1, "SUCCESS")
			expect(t, l.step(), sdk.Succeeded, "SUCCESS")
			if n := len(l.jenkins.Builds()); n != 1 {
				t.Errorf("%d builds were started", n)
			}
		})
	}
}

func TestOutcomeUnknown(t *testing.T) {
	lost := func(l *lab) {
		l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return status.Error(codes.Unknown, "connection reset") }
		expect(l.t, l.step(), sdk.Running, "Looking for the build that may have been started")
		l.jenkins.BeforeStart = nil
		expect(l.t, l.step(), sdk.Running, "Looking for the build that may have been started") // not yet
		l.age(time.Minute)
	}
	two := func(l *lab) {
		for range 2 {
			l.jenkins.Add(plugintest.JenkinsBuild{Master: "ci", Job: "shop/job/smoke", RequestedAt: time.Now().Add(time.Hour)})
		}
	}
	t.Run("not found", func(t *testing.T) {
		l := newLab(t, nil)
		lost(l)
		step := l.step()
		expect(t, step, sdk.Terminal, `jenkins "ci": outcome unknown: a build of "shop/job/smoke" may have been started at `)
		expect(t, step, sdk.Terminal, "but no build of that time and with those parameters is in the queue or among the builds. "+
			"Look at the job, then restart the stage or skip it")
		if n := len(l.jenkins.Builds()); n != 0 {
			t.Errorf("%d builds", n)
		}
	})
	t.Run("several", func(t *testing.T) {
		l := newLab(t, nil)
		lost(l)
		two(l)
		expect(t, l.step(), sdk.Terminal, "but several builds of that time have those parameters")
	})
	t.Run("told to retry", func(t *testing.T) {
		l := newLab(t, sdk.Config{"retryUnknownOutcome": true})
		lost(l)
		step := l.step()
		expect(t, step, sdk.Running, "")
		if n := len(l.jenkins.Builds()); n != 1 || step.Context["queuedBuild"] == nil {
			t.Errorf("%d builds, %+v", n, step)
		}
	})
}

func TestStartIsRefused(t *testing.T) {
	l := newLab(t, nil)
	l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error {
		return status.Error(codes.FailedPrecondition, "Job 'smoke' is not buildable. It may be disabled.")
	}
	step := l.step()
	expect(t, step, sdk.Terminal,
		`jenkins "ci": start a build of "shop/job/smoke": Job 'smoke' is not buildable. It may be disabled.`)
	if step.Class != plugintest.Failed || step.Tasks[0].Status != sdk.Terminal {
		t.Errorf("got %+v", step)
	}
}

func TestStartIsRepeatedWhenNothingWasDone(t *testing.T) {
	l := newLab(t, nil)
	l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return status.Error(codes.Aborted, "connection refused") }
	step := l.step()
	if step.Status != sdk.Running || step.Class != plugintest.Retryable {
		t.Fatalf("got %+v", step)
	}
	l.jenkins.BeforeStart = nil
	expect(t, l.step(), sdk.Running, "")
	if n := len(l.jenkins.Builds()); n != 1 {
		t.Errorf("%d builds", n)
	}

	l = newLab(t, nil)
	l.jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return status.Error(codes.Aborted, "connection refused") }
	l.step()
	l.age(16 * time.Minute)
	expect(t, l.step(), sdk.Terminal, `jenkins "ci": no build of "shop/job/smoke" could be started within 15m0s`)
}

func TestNothingIsStartedWithoutACheckpoint(t *testing.T) {
	l := newLab(t, nil)
	l.host.OnCheckpoint = func([]byte) error { return status.Error(codes.Unavailable, "the store is busy") }
	step := l.step()
	if step.Class != plugintest.Retryable || len(l.jenkins.Builds()) != 0 {
		t.Errorf("got %+v, builds %v", step, l.jenkins.Builds())
	}
}

func TestQueue(t *testing.T) {
	t.Run("canceled there", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.State = sdk.BuildCanceled })
		expect(t, l.step(), sdk.Canceled, `jenkins "ci": the build of "shop/job/smoke" was canceled in the queue`)
	})
	t.Run("too long", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.age(3 * time.Hour)
		expect(t, l.step(), sdk.Terminal, "was still in the queue after 2h0m0s")
	})
	t.Run("longer than the stage says", func(t *testing.T) {
		l := newLab(t, sdk.Config{"stageTimeoutMs": json.Number("60000")})
		l.step()
		l.age(2 * time.Minute)
		expect(t, l.step(), sdk.Terminal, "was still in the queue after 1m0s")
	})
	t.Run("item lost", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.State = sdk.BuildNotFound })
		expect(t, l.step(), sdk.Running, "Queue item 1 is not to be found yet")
		l.age(time.Minute)
		expect(t, l.step(), sdk.Terminal, `jenkins "ci": queue item 1 of "shop/job/smoke" is gone and no build carries it`)
	})
	t.Run("item found again", func(t *testing.T) {
		l := newLab(t, nil)
		l.step()
		l.jenkins.Update(1, func(b *plugintest.JenkinsBuild) { b.State = sdk.BuildNotFound })
		l.step()
		l.jenkins.Begin(1, 7)
		expect(t, l.step(), sdk.Running, "is running")
	})
}
