// Package fetch reads the bodies of artifacts, by type and account, over connections that only go where the account
// allows.
//
// Sources: spinnaker/spinnaker clouddriver/clouddriver-artifacts.
package fetch
