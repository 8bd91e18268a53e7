// Package delivery holds end-to-end tests of the main job: real agent and plugin processes, a real Kubernetes API server
// and registry, and a Jenkins double, from a finished build to a tested deployment.
package delivery
