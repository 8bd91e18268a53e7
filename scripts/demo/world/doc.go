// Package world is what Gennaker finds around it in the demo and in end-to-end tests: a Jenkins double, a GitHub-shaped
// server, a Kubernetes cluster with its registry, a stand-in for the Ingress; and the agent itself as a process.
package world
