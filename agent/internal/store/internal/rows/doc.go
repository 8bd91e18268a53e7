// Package rows reads and writes the store's rows, in statements that SQLite and PostgreSQL both understand: numbered
// parameters, ON CONFLICT, RETURNING. What the two say differently is in a Dialect. A driver adds the connections, the
// transactions and the schema.
package rows
