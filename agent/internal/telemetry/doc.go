// Package telemetry sets up the agent's logs and metrics, and sends traces of what it ran.
package telemetry
