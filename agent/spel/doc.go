// Package spel evaluates the expressions of Spinnaker pipelines: the text
// between ${ and }, which is Spring's expression language restricted to
// Spinnaker's allow-list, with Orca's helper functions and names.
package spel
