// Package config reads the agent's one configuration file: strict YAML, in which an unknown key is an error that names
// its line and the nearest known key. Where the thing is the same, keys are Spinnaker's own.
package config
