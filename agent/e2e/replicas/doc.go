// Package replicas tests several agents on one PostgreSQL: real processes that are killed, stopped, cut off from the
// database and upgraded while pipelines run.
package replicas
