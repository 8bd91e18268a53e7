// Package upkeep keeps a store from growing for ever: it deletes what the retention does not keep, and bodies that nothing
// refers to, in batches so small that they hold nobody up.
package upkeep
