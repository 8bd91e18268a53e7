// Package store is the persistence contract: what is kept, in which rows, and how it may change. The drivers are
// sqlite/ and postgres/, with the statements that they share in internal/rows/; storetest/ holds the one suite that every
// driver must pass.
//
// All writes go through Store.Update. A Tx is valid only inside the function it was given to.
package store
