// Package sqlite keeps the agent's store in one SQLite file: the driver for a single agent.
//
// One goroutine writes and commits for all (write.go); readers work on snapshots beside it (read.go). Each connection
// asserts its pragmas when it opens (conn.go), and a lock keeps a second agent away from the file (lock.go). The
// statements are in store/internal/rows.
package sqlite
