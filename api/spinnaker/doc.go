// Package spinnaker is the public wire vocabulary of Spinnaker's HTTP API: applications, pipelines, triggers,
// artifacts, executions and their statuses, as JSON.
//
// Unknown fields survive a round trip, and numbers keep their spelling: values of type any hold json.Number.
package spinnaker
