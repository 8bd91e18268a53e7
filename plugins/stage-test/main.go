// Stage-test is the plugin of the stages that test: jenkins, script and httpTest.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-test/ci"
	"github.com/gennaker/gennaker/plugins/stage-test/httpcheck"
)

// version is stamped by the release build.
var version = "dev"

func main() {
	http, err := httpcheck.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	script := ci.NewScript()
	sdk.Serve(sdk.Plugin{
		Name:    "stage-test",
		Version: version,
		Stages:  []sdk.Stage{ci.Jenkins{}, script, http},
		Configure: func(_ context.Context, config sdk.Config) error {
			return errors.Join(script.Configure(config), http.Configure(config))
		},
	})
}
