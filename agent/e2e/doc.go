// Package e2e tests the built agent as its users meet it: real processes, real servers, the API.
package e2e
