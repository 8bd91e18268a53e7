// Package systemtest tests the built testcluster from outside, as a process.
// It links none of the control plane; run build.sh first.
package systemtest
