// Package archive reads the files of a Helm chart out of a tar archive, whatever layout the archive has.
//
// Helm itself insists on exactly one top directory. Archives that people make by hand or in a Jenkinsfile have
// `./chart`, no directory at all, or a repository around the chart; all of them are read here, and where it is not
// clear which chart is meant the error names the candidates.
package archive
