// Package runner makes executions go on: it takes what is due or has happened, lets the engine decide, runs the steps of
// stages, and records their results.
//
// A turn is one short transaction on one execution: events are applied, steps that need nothing outside run at once, and
// the steps that do are claimed. Those run outside any transaction, in a goroutine each, and their results are the
// events of a later turn, if the claim is still valid then.
package runner
