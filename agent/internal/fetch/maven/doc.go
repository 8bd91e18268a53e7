// Package maven reads coordinates and metadata of Maven repositories, and finds the version and the path that
// coordinates mean. It is pure.
package maven
