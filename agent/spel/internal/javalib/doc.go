// Package javalib restates the parts of Java's library that expressions reach
// and that do not depend on the expression language: the generator of
// java.util.Random, SimpleDateFormat and property files.
package javalib
