package main

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExecutableFulfilsTheContract(t *testing.T) {
	jenkins := &plugintest.Jenkins{Jobs: map[string][]string{"ci": {"smoke"}, "scripts": {"run"}}}
	plugintest.Contract{
		Path:   plugintest.Build(t, "."),
		Config: sdk.Config{"script": map[string]any{"master": "scripts", "job": "run"}},
		Host:   &plugintest.Host{Jenkins: jenkins},
		Requests: []sdk.Request{
			{Type: "jenkins", Config: sdk.Config{"master": "ci", "job": "smoke", "parameters": map[string]any{"IMAGE": "shop:1"}}},
			{Type: "script", Config: sdk.Config{"command": "./smoke.sh"}},
			{Type: "httpTest", Config: sdk.Config{
				"checks": []any{map[string]any{"url": "http://127.0.0.1:1/", "expect": map[string]any{"status": 200}}},
			}},
		},
	}.Check(t)
	if n := len(jenkins.Builds()); n != 2 {
		t.Errorf("%d builds were started, one for each stage was asked for: a repeated step starts nothing", n)
	}
}

func TestExecutableRunsAJob(t *testing.T) {
	jenkins := &plugintest.Jenkins{Jobs: map[string][]string{"ci": {"smoke"}}}
	plugin := plugintest.Launch(t, plugintest.Build(t, "."), nil, &plugintest.Host{Jenkins: jenkins})
	step := plugin.RunToEnd(sdk.Request{Type: "jenkins", Config: sdk.Config{"master": "ci", "job": "smoke"}},
		func(*plugintest.Step) {
			switch build := jenkins.Builds()[0]; {
			case build.Number == 0:
				jenkins.Begin(build.QueueItem, 7)
			default:
				jenkins.Finish(build.QueueItem, "SUCCESS")
			}
		})
	if step.Status != sdk.Succeeded {
		t.Errorf("got %s: %s", step.Status, step.Message)
	}
}
