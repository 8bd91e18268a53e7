package spinnaker

import "strings"

// Application is an application's attributes as they were saved: a flat object.
//
// Source: spinnaker/spinnaker front50/front50-core model/application/Application.java.
type Application map[string]any

// Name of the application, in lower case as everywhere.
func (a Application) Name() string { return strings.ToLower(text(a, "name")) }
