// Package trigger decides whether a trigger means an event, and says why in words. It is pure: what has to be looked up
// outside (a property file) comes in as Facts.
//
// Rules are Echo's (spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers), one file per trigger type.
package trigger
