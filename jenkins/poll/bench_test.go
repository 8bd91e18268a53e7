package poll_test

import (
	"fmt"
	"testing"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// fiveHundred is a master of 500 jobs with five builds each, all known.
func fiveHundred(b *testing.B) (a *agent, jobs []*jenkinstest.Job, names []string) {
	a = newAgent(b, jenkinstest.Options{}, nil)
	for i := range 500 {
		job := a.server.Job(fmt.Sprintf("perf/service-%03d", i), jenkinstest.Freestyle)
		job.FinishedTimes(5, "SUCCESS")
		jobs = append(jobs, job)
		names = append(names, fmt.Sprintf("perf/job/service-%03d", i))
	}
	a.see(names...)
	return a, jobs, names
}

// measure times cycles only, with what must have happened to requests.
func measure(b *testing.B, change func(jobs []*jenkinstest.Job), events, requests int) {
	a, jobs, names := fiveHundred(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		change(jobs)
		a.server.Log.Reset()
		b.StartTimer()
		result, err := a.poller.Cycle(b.Context(), names, a.states)
		b.StopTimer()
		if err != nil || len(result.Events) != events || len(a.server.Log.All()) != requests {
			b.Fatalf("%d events, %d requests, %v", len(result.Events), len(a.server.Log.All()), err)
		}
		for name, state := range result.States {
			a.states[name] = state
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(requests), "requests/cycle")
}

// BenchmarkQuietCycle is a cycle over 500 jobs to which nothing happened,
// including the double's work to answer.
func BenchmarkQuietCycle(b *testing.B) {
	measure(b, func([]*jenkinstest.Job) {}, 0, 1)
}

// BenchmarkOnePercentChanged is a cycle in which 5 of 500 jobs have a new build.
func BenchmarkOnePercentChanged(b *testing.B) {
	measure(b, func(jobs []*jenkinstest.Job) {
		for i := range 5 {
			jobs[i*100].Finished("SUCCESS", jenkinstest.File{Path: "build.properties"})
		}
	}, 5, 1+2*5)
}

// BenchmarkFirstSight is the first look ever at 500 jobs of five builds.
func BenchmarkFirstSight(b *testing.B) {
	a, _, names := fiveHundred(b)
	b.ReportAllocs()
	for b.Loop() {
		result, err := a.poller.Cycle(b.Context(), names, nil)
		if err != nil || len(result.States) != 500 {
			b.Fatal(len(result.States), err)
		}
	}
}
