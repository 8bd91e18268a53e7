package main

import (
	"github.com/gennaker/gennaker/plugins/sdk"
)

// version is set by the linker.
var version = "dev"

func main() {
	sdk.Serve(newPlugin())
}

func newPlugin() sdk.Plugin {
	stage := &bakeManifest{settings: defaultSettings()}
	return sdk.Plugin{
		Name:      "stage-bake",
		Version:   version,
		Stages:    []sdk.Stage{stage},
		Configure: stage.configure,
	}
}
