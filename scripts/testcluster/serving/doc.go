// Package serving holds what the two servers of this module have in common:
// their flags, the file in which they say where they are, and when they stop.
package serving
