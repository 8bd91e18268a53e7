// Package igor serves the paths of Spinnaker's Igor that scripts call (spinnaker/spinnaker igor/igor-web
// build/InfoController.groovy, BuildController.groovy): masters, jobs, builds, their property files.
package igor
