// Package echo serves the doors through which events come in, as Spinnaker's Echo does (spinnaker/spinnaker
// echo/echo-webhooks), and our own questions about them: what became of an event, and why.
package echo
