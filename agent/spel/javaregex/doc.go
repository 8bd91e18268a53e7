// Package javaregex matches Java's regular expressions (java.util.regex of Java
// 17) on text from outside: with look-around, back-references, possessive
// quantifiers and class intersections, which Go's regexp lacks, by backtracking
// under a step limit, so that a hostile pattern costs milliseconds.
package javaregex
