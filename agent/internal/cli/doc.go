// Package cli holds the commands of the gennaker executable, one file each.
package cli
