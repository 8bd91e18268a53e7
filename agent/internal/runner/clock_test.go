package runner_test

import (
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
)

// TestClocksDiffer: what counts is the store's clock, whatever the agent's own says. The agent neither runs ahead of it nor
// looks for work all the time.
func TestClocksDiffer(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"the store's clock is ahead": time.Hour, "the store's clock is behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			now := func() time.Time { return time.Now().Add(ahead) }
			s := sqlitetest.OpenAt(t, now)
			b := start(t, s, &plugins{run: succeed})
			began := now()
			id := b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[
			  {"refId":"1","type":"wait","waitTime":1},
			  {"refId":"2","type":"work","requisiteStageRefIds":["1"]}]}`), nil)
			ex := b.ended(id)
			expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED 2=SUCCEEDED")
			if waited := stageOf(ex, "1").EndTime.Time().Sub(began); waited < 999*time.Millisecond {
				t.Errorf("the wait of 1 s ended after %v", waited)
			}
			if turns := b.runner.Stats().Turns; turns > 20 {
				t.Errorf("it took %d turns, expected a few", turns)
			}
		})
	}
}
