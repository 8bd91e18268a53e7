// Command stage-bake is the plugin for the stage type bakeManifest: it renders a Helm chart into Kubernetes objects, in
// process and without a cluster.
//
// The stage's fields, texts and results are Spinnaker's; where it does better it says so in a warning.
//
// Source: spinnaker/spinnaker orca/orca-bakery tasks/manifests/CreateBakeManifestTask.java.
package main
