// Package feed looks at accounts outside (image registries, Helm repositories) under a lease, each at its own pace, and
// takes what is new there into the inbox. What an account's feed remembers of an item moves in the transaction that stores
// the events of it.
package feed
