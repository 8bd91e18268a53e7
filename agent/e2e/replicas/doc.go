// Package replicas tests agents that share a store: real processes that are killed, stopped, cut off from the database and
// upgraded while pipelines run.
package replicas
