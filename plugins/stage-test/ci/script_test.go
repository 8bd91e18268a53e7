package ci_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-test/ci"
)

func TestScript(t *testing.T) {
	jenkins := &plugintest.Jenkins{Jobs: map[string][]string{"scripts": {"run"}, "master": {"job"}}}
	script := ci.NewScript()
	plugin := plugintest.Start(t, sdk.Plugin{
		Name: "stage-test", Version: "1", Stages: []sdk.Stage{script},
		Configure: func(_ context.Context, config sdk.Config) error { return script.Configure(config) },
	}, &plugintest.Host{Jenkins: jenkins}, sdk.Config{"script": map[string]any{"master": "scripts", "job": "run"}})
	step, err := plugin.Run(t.Context(), sdk.Request{Config: sdk.Config{
		"command": "./smoke.sh", "scriptPath": "tests", "image": "i", "region": "r", "account": "a", "cluster": "c", "cmc": "m",
		"repoUrl": "u", "repoBranch": "", "master": "ignored",
	}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, step, sdk.Running, "")
	build := jenkins.Builds()[0]
	want := map[string]string{"COMMAND": "./smoke.sh", "SCRIPT_PATH": "tests", "IMAGE_ID": "i", "REGION_PARAM": "r",
		"ENV_PARAM": "a", "CLUSTER_PARAM": "c", "CMC": "m", "REPO_URL": "u"}
	if diff := cmp.Diff(want, build.Parameters); diff != "" || build.Master != "scripts" || build.Job != "run" {
		t.Errorf("build %+v (-want +got):\n%s", build, diff)
	}
	if step.Context["master"] != "scripts" || step.Context["job"] != "run" || step.Tasks[0].Name != "startScript" {
		t.Errorf("got %+v", step)
	}
	if err := script.Configure(sdk.Config{"script": "x"}); err == nil {
		t.Error("a text for an object")
	}
}

func TestScriptWithoutAJob(t *testing.T) {
	step := plugintest.Run(t, ci.NewScript(), sdk.Request{Config: sdk.Config{"command": "x"}}, &plugintest.Host{})
	expect(t, step, sdk.Terminal, "no job runs scripts: set script.master and script.job in the configuration of this plugin")
}
