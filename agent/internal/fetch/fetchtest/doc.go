// Package fetchtest has servers with the shape of those that artifacts are fetched from, for tests.
package fetchtest
