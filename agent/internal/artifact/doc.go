// Package artifact matches artifacts against expected artifacts and resolves what an execution starts with. It is pure.
//
// Rules are Orca's and kork's (spinnaker/spinnaker orca/orca-core pipeline/util/ArtifactUtils.java, ArtifactResolver.java,
// kork/kork-artifacts model/ExpectedArtifact.java).
package artifact
