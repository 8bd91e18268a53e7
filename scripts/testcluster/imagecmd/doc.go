// Package imagecmd has the commands around the test registry: serve it, push
// an image, make it fail, move its clock.
package imagecmd
