package poll_test

import (
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/poll"
)

func TestBackfill(t *testing.T) {
	for _, test := range []struct {
		policy poll.Backfill
		want   []string
		passed int
	}{
		{"", []string{"cart 4 FAILURE", "cart 6 SUCCESS", "cart 7 SUCCESS"}, 4},
		{poll.Latest, []string{"cart 4 FAILURE", "cart 6 SUCCESS", "cart 7 SUCCESS"}, 4},
		{poll.All, []string{"cart 1 SUCCESS", "cart 2 FAILURE", "cart 3 SUCCESS", "cart 4 FAILURE", "cart 5 SUCCESS", "cart 6 SUCCESS", "cart 7 SUCCESS"}, 0},
		{poll.None, []string{"cart 6 SUCCESS", "cart 7 SUCCESS"}, 5},
	} {
		t.Run(string(test.policy), func(t *testing.T) {
			a := newAgent(t, jenkinstest.Options{}, nil)
			job := a.server.Job("cart", jenkinstest.Freestyle).SetConcurrent(true)
			a.poller = poll.New(poll.Options{Client: a.client, Now: a.server.Clock.Now, Backfill: test.policy})
			a.see("cart")
			for _, result := range []string{"SUCCESS", "FAILURE", "SUCCESS", "FAILURE", "SUCCESS"} {
				job.Finished(result)
			}
			long := job.Start(jenkinstest.StartOptions{})
			a.server.Advance(time.Hour)
			long.Finish("SUCCESS") // started long ago, but ended just now
			job.Finished("SUCCESS")
			result, err := a.cycle("cart")
			if err != nil {
				t.Fatal(err)
			}
			a.want(announced(result), test.want...)
			if test.policy == poll.Latest && len(result.PassedOver) != 4 || len(result.PassedOver) != test.passed {
				t.Errorf("passed over: %v", result.PassedOver)
			}
			if test.passed > 0 && (len(result.Problems) != 1 || result.Problems[0].Kind != poll.PassedOver || result.PassedOver[0].Incomplete == "") {
				t.Errorf("nobody hears of it: %v %v", result.Problems, result.PassedOver)
			}
			a.want(a.see("cart"))
		})
	}
}

func TestLateBuildIsAnnouncedWhenItIsTheLatest(t *testing.T) {
	a := newAgent(t, jenkinstest.Options{}, nil)
	job := a.server.Job("cart", jenkinstest.Freestyle)
	a.see("cart")
	job.FinishedTimes(3, "SUCCESS")
	a.server.Advance(24 * time.Hour)
	a.want(a.see("cart"), "cart 3 SUCCESS")
}
