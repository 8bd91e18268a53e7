// Package pluginhost runs the stage plugins: it starts and verifies their processes, replaces those that end, passes
// steps to them, and answers what they ask of the agent.
//
// A plugin that crashes, hangs, floods or breaks the contract harms only the steps it is running: each of them ends with
// an error that says whether it may be repeated.
package pluginhost
