// Package catalog keeps applications and pipeline configurations: what may be saved, how names are looked up, and which
// triggers are live.
//
// Rules are Front50's and Orca's (spinnaker/spinnaker front50/front50-web controllers/PipelineController.java,
// orca/orca-front50 tasks/SavePipelineTask.java).
package catalog
