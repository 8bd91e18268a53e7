// Package gate serves the paths of Spinnaker's Gate: applications, tasks, pipeline configs, executions, builds. Shapes
// are Gate's (spinnaker/spinnaker gate/gate-web controllers); what the handlers need of the agent they declare.
package gate
