package runner_test

import (
	"testing"
	"time"
)

const threeWaits = `{"application":"shop","name":"waits","id":"waits","stages":[
 {"refId":"1","type":"wait","waitTime":0},
 {"refId":"2","type":"wait","waitTime":0,"requisiteStageRefIds":["1"]},
 {"refId":"3","type":"wait","waitTime":0,"requisiteStageRefIds":["2"]}]}`

func TestWaits(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	ex := b.ended(b.launch(pipeline(t, threeWaits), nil))
	expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED 2=SUCCEEDED 3=SUCCEEDED")
}

func TestWaitEndsInTime(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	begun := time.Now()
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"type":"wait","waitTime":"0.3"}]}`), nil))
	took := time.Since(begun)
	expect(t, "statuses", statuses(ex), "SUCCEEDED 0=SUCCEEDED")
	if took < 300*time.Millisecond || took > 800*time.Millisecond {
		t.Errorf("a wait of 0.3 s took %s", took)
	}
}
