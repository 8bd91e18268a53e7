package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// FuzzPipeline launches any pipeline and takes it through steps that end at random: nothing panics, and every execution
// has something to do until it ends.
func FuzzPipeline(f *testing.F) {
	for _, seed := range []string{
		`{"stages":[{"refId":"1","type":"a"},{"refId":"2","type":"b","requisiteStageRefIds":["1"]}]}`,
		`{"stages":[{"refId":"1","type":"a","requisiteStageRefIds":["1"]}]}`,
		`{"stages":[{"refId":1,"type":"a","stageTimeoutMs":"1e9","failPipeline":"false"}],"parameterConfig":[{"name":"a","default":"${1+1}"}]}`,
		`{"stages":[{"type":"a","stageEnabled":{"type":"expression","expression":"${"}}],"triggers":[{}]}`,
		`{"stages":[{"type":"a","restrictExecutionDuringTimeWindow":true,"expectedArtifacts":[{"id":"x"}]}]}`,
		`{"name":"${name}","stages":[{"type":"a","backoffPeriodMs":-1,"startTimeExpiry":"x"}],"expectedArtifacts":[{"useDefaultArtifact":true}]}`,
	} {
		f.Add([]byte(seed), uint8(3))
	}
	e := engine.New(spel.New(spel.Config{}))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		var pipeline spinnaker.Pipeline
		if len(data) > 4096 || pipeline.UnmarshalJSON(data) != nil {
			return
		}
		now, ids := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 0
		id := func() string { ids++; return fmt.Sprint(ids) }
		ex, err := e.Launch(pipeline, nil, engine.LaunchOptions{}, now, id)
		if err != nil {
			failed := e.LaunchFailed(pipeline, nil, engine.LaunchOptions{}, now, id, err)
			if !failed.Status.Complete() {
				t.Fatalf("a failed launch is %s", failed.Status)
			}
			return
		}
		results := []engine.Result{
			{Status: spinnaker.Succeeded}, {Status: spinnaker.Terminal}, {Status: spinnaker.Running},
			{Status: spinnaker.Running, Insert: []engine.Inserted{{Owner: spinnaker.StageBefore, Type: "x"}}},
			{Status: spinnaker.Running, Class: engine.ClassRetryable},
		}
		var events []engine.Event
		for round := range 60 {
			if _, err := e.Advance(ex, events, now, id); err != nil {
				t.Fatal(err)
			}
			if ex.Status.Complete() {
				return
			}
			stage := busy(ex)
			if stage == nil {
				t.Fatalf("the execution is %s and has nothing to do", ex.Status)
			}
			now = now.Add(time.Minute)
			result := results[(int(choice)+round)%len(results)]
			events = []engine.Event{{Kind: engine.EventTimer, StageID: stage.ID},
				{Kind: engine.EventResult, StageID: stage.ID, Phase: ex.Work[stage.ID].Phase, Result: &result}}
		}
	})
}

// busy returns a stage that has something to do.
func busy(ex *engine.Execution) *spinnaker.Stage {
	for _, stage := range ex.Stages {
		if w := ex.Work[stage.ID]; w != nil && w.Phase != engine.PhaseIdle {
			return stage
		}
	}
	return nil
}
