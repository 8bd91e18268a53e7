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
	return sdk.Plugin{
		Name:    "stage-deploy",
		Version: version,
		Stages:  []sdk.Stage{&deployManifest{accounts: newAccounts()}},
	}
}
