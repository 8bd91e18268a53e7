// Package conformance runs the cases of the expression language's corpus, text
// files with one case a line, against package spel.
package conformance
