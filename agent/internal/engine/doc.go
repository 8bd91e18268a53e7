// Package engine decides what happens next in an execution: launching, the stage graph, statuses, joins, failure
// choices, cancellation. It is pure: no I/O, no clock, no random ids; time and new ids are arguments.
//
// Semantics are Orca's (spinnaker/spinnaker orca/orca-queue q/handler).
package engine
