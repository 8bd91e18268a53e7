// Package manifest turns the text of Kubernetes manifests into the ordered, placed, versioned, bound and annotated
// set of objects that a deploy applies, exactly as Spinnaker's users know it.
//
// It is pure: what has to be known of the cluster is handed in. The order of work is Parse, Objects, Kinds.Arrange
// and Kinds.Prepare.
package manifest
