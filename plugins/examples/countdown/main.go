// Countdown is the smallest stage plugin that shows how stages work: its stage type `countdown` counts down from a
// number, one second a step.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

func main() {
	sdk.Serve(sdk.Plugin{Name: "countdown", Version: "1.0", Stages: []sdk.Stage{countdown{}}})
}

type countdown struct{}

type config struct {
	From int `json:"from"`
}

func (countdown) Info() sdk.Info {
	return sdk.Info{
		Type:        "countdown",
		Description: "Counts down from a number, one a second.",
		ConfigSchema: `{"type": "object", "required": ["from"], "properties": {
			"from": {"description": "The number to begin with.", "type": ["integer", "string"], "minimum": 1}}}`,
	}
}

// Validate is asked when a pipeline is saved: `from` may still be an expression then.
func (countdown) Validate(in sdk.Config) []sdk.FieldError {
	if text, ok := in["from"].(string); ok && text != "" {
		return nil
	}
	var c config
	if err := in.Decode(&c); err != nil || c.From < 1 {
		return []sdk.FieldError{{Path: "from", Message: "expected a whole number of at least 1"}}
	}
	return nil
}

// Run is one step. Nothing is kept in memory: the state says how far the stage is, and any process can go on from it.
func (countdown) Run(_ context.Context, req *sdk.Request) (*sdk.Response, error) {
	var c config
	if err := req.Config.Decode(&c); err != nil {
		return nil, err
	}
	left := c.From
	if len(req.State) > 0 {
		var err error
		if left, err = strconv.Atoi(string(req.State)); err != nil {
			return nil, fmt.Errorf("stored state: %w", err)
		}
	}
	if left <= 0 {
		return &sdk.Response{Status: sdk.Succeeded, Message: "Lift-off", Outputs: map[string]any{"countedFrom": c.From}}, nil
	}
	req.Host.Log(slog.LevelInfo, fmt.Sprint(left))
	return &sdk.Response{
		Status: sdk.Running, Message: fmt.Sprintf("%d to go", left),
		State: []byte(strconv.Itoa(left - 1)), RequeueAfter: time.Second,
	}, nil
}
