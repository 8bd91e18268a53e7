// Package kube is a Kubernetes account as the deploy stages use it: it connects, reads what a cluster serves, checks a
// set of objects before the first write, applies objects the way kubectl and Spinnaker do, and judges whether they
// have become stable.
package kube
