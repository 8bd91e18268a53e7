// Package postgres keeps the agent's store in a PostgreSQL database: the driver for several agents (replicas).
//
// Updates run at the same time, each in a transaction of its own at READ COMMITTED (update.go). What an update decides by,
// it locks: the rows that it reads by their key, and names that no row stands for yet (advisory locks). So the functions
// that are right on SQLite's single writer are right here. What collides is run again, and so is what a lost connection
// broke off; if the connection went while it committed, the database is asked afterwards what became of the transaction
// (session.go).
//
// A replica tells others of work that it does not take itself by NOTIFY, and listens on a connection of its own
// (notify.go). The statements are in store/internal/rows.
package postgres
