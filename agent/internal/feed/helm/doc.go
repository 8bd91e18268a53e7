// Package helm finds new versions of charts in the index of a Helm repository, for triggers of type helm.
package helm
