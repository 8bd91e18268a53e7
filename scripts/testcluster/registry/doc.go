// Package registry serves container images to tests: one store, seen as an
// anonymous OCI registry and, on a second address, as Amazon ECR.
//
// Both addresses share their repositories and images. The anonymous one makes
// a repository on the first push; the ECR one behaves as the service does: the
// repository must exist, every request needs the password of an unexpired
// authorization token, and the ECR API answers from what was really pushed.
//
// Everything is kept in a folder, so a server that was killed and started
// again still has its images. Faults and the clock are set over HTTP at the
// admin address; see [Server].
package registry
