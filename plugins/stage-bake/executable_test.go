package main

import (
	"testing"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// The whole contract of stage plugins against the built executable, with the worked example as its realistic step.
func TestExecutable(t *testing.T) {
	request, host := demoRequest(t)
	request.Type = "bakeManifest"
	plugintest.Contract{
		Path:     plugintest.Build(t, "."),
		Config:   sdk.Config{"kubeVersion": "v1.37.2"},
		Host:     host,
		Requests: []sdk.Request{request},
	}.Check(t)
}
