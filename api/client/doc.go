// Package client is the Go client of the agent's API, as the command line uses it.
package client
