// Package kubecmd has two commands that scripts would otherwise need kubectl
// for: get and wait.
package kubecmd
