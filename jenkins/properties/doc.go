// Package properties reads the property files that Jenkins builds archive for
// pipelines: Java properties, YAML and JSON, told apart by the suffix of the
// requested name.
//
// It follows Igor's reader (spinnaker/spinnaker igor/igor-web, PropertyFile
// parsing in BuildController and JenkinsService) in what a well-formed file
// means, and departs from it where Igor hides trouble: a file that is empty,
// malformed or too large is an error that says so, never an empty map. Nothing
// here opens a file or a connection.
package properties
