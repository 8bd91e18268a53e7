// Stage-record is the plugin of the tests of replicas: its stages tell a recorder what they do, and which process does it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

func main() {
	sdk.Serve(sdk.Plugin{Name: "record", Version: "1.0", Stages: []sdk.Stage{stage{"effect"}, stage{"ticks"}}})
}

// pause is the time between two ticks.
const pause = 20 * time.Millisecond

// stage is one of two types: an `effect` records one thing and is done; `ticks` records one thing after the other until the
// recorder says that it is enough, or its time is over.
type stage struct{ kind string }

func (s stage) Info() sdk.Info {
	return sdk.Info{Type: s.kind, Description: "Records that it runs.", ConfigSchema: `{"type": "object", "required": ["recorder"],
		"properties": {"recorder": {"type": "string", "description": "The recorder's URL."}}}`}
}

func (stage) Validate(sdk.Config) []sdk.FieldError { return nil }

func (s stage) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	for {
		answer, err := s.record(ctx, req)
		if err != nil {
			return nil, sdk.Retryable(err)
		}
		if s.kind == "effect" || answer == "enough" {
			return &sdk.Response{Status: sdk.Succeeded}, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, sdk.Retryable(ctx.Err())
		}
	}
}

func (s stage) record(ctx context.Context, req *sdk.Request) (answer string, err error) {
	body, err := json.Marshal(map[string]any{"kind": s.kind, "execution": req.ExecutionID, "stage": req.RefID,
		"key": req.IdempotencyKey, "process": os.Getpid()})
	if err != nil {
		return "", err
	}
	address, _ := req.Config["recorder"].(string)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	const longest = 100
	text, err := io.ReadAll(io.LimitReader(response.Body, longest))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the recorder answers %s", response.Status)
	}
	return string(text), err
}
