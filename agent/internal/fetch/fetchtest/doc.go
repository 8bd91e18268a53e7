// Package fetchtest is a server with the shape of GitHub's contents API, for tests.
package fetchtest
