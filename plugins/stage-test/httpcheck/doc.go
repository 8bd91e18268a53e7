// Package httpcheck holds the stage `httpTest`: a list of HTTP requests, each with what its answer must look like, tried
// again until all have passed or the time is over.
//
// A step tries what has not passed yet, within its own bounded time; the state remembers what has.
package httpcheck
