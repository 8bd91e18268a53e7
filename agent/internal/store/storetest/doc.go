// Package storetest is the specification of store.Store as tests: every driver runs the same suite. A test that passes
// on one driver only is a bug in the test or in the driver.
package storetest
