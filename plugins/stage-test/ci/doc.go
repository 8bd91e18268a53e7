// Package ci holds the stages that run a Jenkins job: `jenkins` and `script`, as Orca has them
// (spinnaker/spinnaker orca/orca-igor CIStage.java, ScriptStage.java and their tasks).
//
// Starting a build cannot be repeated safely, so the intent is checkpointed first; a later step that finds an intent
// without a queue item looks for what it may have started. When that stays undecided, the stage fails and says so.
package ci
