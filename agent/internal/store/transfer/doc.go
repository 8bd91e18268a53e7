// Package transfer copies everything that one store keeps into another, which may be one of another kind: from one machine
// to many without losing history.
package transfer
