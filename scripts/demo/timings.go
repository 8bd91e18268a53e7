package main

import (
	"fmt"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// timings are when the steps of a delivery were done.
type timings struct {
	finished, seen, started, baked, deployed, tested time.Time
}

// add takes over the times of an execution.
func (t *timings) add(execution *spinnaker.Execution) {
	t.started = execution.StartTime.Time()
	t.tested = execution.EndTime.Time()
	for _, stage := range execution.Stages {
		switch stage.Type {
		case "bakeManifest":
			t.baked = stage.EndTime.Time()
		case "deployManifest":
			t.deployed = stage.EndTime.Time()
		}
	}
}

// String gives each step's time since the one before.
func (t timings) String() string {
	return fmt.Sprintf("build seen +%d ms, started +%d ms, baked +%d ms, deployed +%.1f s, tested +%d ms",
		t.seen.Sub(t.finished).Milliseconds(), t.started.Sub(t.seen).Milliseconds(), t.baked.Sub(t.started).Milliseconds(),
		t.deployed.Sub(t.baked).Seconds(), t.tested.Sub(t.deployed).Milliseconds())
}
