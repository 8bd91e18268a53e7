// Package postgrestest runs a real PostgreSQL for tests: the programs of an installed server (Debian: postgresql), a cluster
// in a temporary folder, reached by a unix socket.
package postgrestest
