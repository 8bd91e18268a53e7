// Package image asks configured registries whether an image exists and what its digest is.
package image
