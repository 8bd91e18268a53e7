// Package app puts the parts of `gennaker serve` together: it is the only package that knows all of them, and holds the
// adapters between what one part offers and another declares.
package app
