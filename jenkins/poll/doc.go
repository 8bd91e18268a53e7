// Package poll finds the finished builds of one Jenkins master.
//
// A [Poller] does one [Poller.Cycle] at a time, on its caller's schedule. In
// the quiet case a cycle is one request whatever the number of jobs; only jobs
// to which something happened cost more. It keeps nothing that matters: what it
// knows about each job is a [JobState], handed in and out, which the caller
// stores in the transaction that stores the events. So a build is announced
// exactly once, however often the agent dies in between.
//
// A build is announced when it is finished, in the order of numbers within a
// job. The first sight of a job announces nothing, but the builds running then
// are announced when they end.
package poll
