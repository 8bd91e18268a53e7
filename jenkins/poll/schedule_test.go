package poll_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/poll"
)

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
