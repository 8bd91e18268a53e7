// Package stage holds the stages that need no plugin, one file per type. A step is a function of what it is given: it
// runs inside the transaction that records its result, and reaches nothing outside.
package stage
