// Package registry finds new and moved tags in the repositories of an image registry, or of ECR, for triggers of types
// docker and helm/oci.
package registry
