package sdk_test

import (
	"context"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// approve is a stage that succeeds at once.
type approve struct{}

func (approve) Info() sdk.Info {
	return sdk.Info{Type: "approve", Description: "Succeeds."}
}

func (approve) Validate(sdk.Config) []sdk.FieldError { return nil }

func (approve) Run(_ context.Context, req *sdk.Request) (*sdk.Response, error) {
	return &sdk.Response{Status: sdk.Succeeded, Message: "Hello from " + req.Pipeline}, nil
}

// The main function of a plugin.
func ExampleServe() {
	sdk.Serve(sdk.Plugin{Name: "approve", Version: "1.0", Stages: []sdk.Stage{approve{}}})
}
