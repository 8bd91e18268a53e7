// Package helmcli builds the helm command line out of this module's dependencies, for tests and benchmarks that compare
// a bake with it.
package helmcli
