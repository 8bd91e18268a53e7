// Package telemetry sets up the agent's logs and metrics.
package telemetry
