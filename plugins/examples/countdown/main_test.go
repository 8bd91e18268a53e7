package main

import (
	"encoding/json"
	"testing"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

func TestCountdown(t *testing.T) {
	host := &plugintest.Host{}
	plugin := plugintest.Start(t, sdk.Plugin{Name: "countdown", Version: "1.0", Stages: []sdk.Stage{countdown{}}}, host)
	step := plugin.RunToEnd(sdk.Request{Config: sdk.Config{"from": 3}}, nil)
	if step.Status != sdk.Succeeded || step.Outputs["countedFrom"] != json.Number("3") {
		t.Errorf("got %+v", step)
	}
	if logs := host.Logs(); len(logs) != 3 || logs[0].Text != "3" || logs[2].Text != "1" {
		t.Errorf("log %v", logs)
	}
}

func TestContract(t *testing.T) {
	plugintest.Executable(t, plugintest.Build(t, "."), sdk.Request{Type: "countdown", Config: sdk.Config{"from": 3}})
}
