// Package sdk is what the author of a stage plugin imports: a stage is a Go value that implements Stage, and
// Serve turns a set of them into a plugin executable.
//
// A stage's work is cut into short steps. The agent calls Run with the stage's configuration and the opaque state
// that the last step returned; Run looks at the world, compares it with the state, acts, and returns. Any process of
// the same plugin may get the next call, and a call may be repeated after a crash with the same idempotency key.
package sdk
