package ci_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-test/ci"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		config sdk.Config
		want   []string
	}{
		{"good", sdk.Config{"master": "ci", "job": "j", "parameters": map[string]any{"a": json.Number("1")}, "waitForCompletion": true,
			"stageTimeoutMs": json.Number("1000"), "unknown": []any{}}, nil},
		{"expressions", sdk.Config{"master": "${m}", "job": "${j}", "parameters": "${p}", "waitForCompletion": "${w}",
			"stageTimeoutMs": "${t}"}, nil},
		{"texts", sdk.Config{"master": "ci", "job": "j", "waitForCompletion": "False", "stageTimeoutMs": "1000"}, nil},
		{"empty", nil, []string{"master: is missing", "job: is missing"}},
		{"blank", sdk.Config{"master": " ", "job": nil}, []string{"master: is missing", "job: is missing"}},
		{"kinds", sdk.Config{"master": json.Number("1"), "job": []any{}, "parameters": "a=b", "propertyFile": true,
			"waitForCompletion": "maybe", "markUnstableAsSuccessful": json.Number("1"), "stageTimeoutMs": "soon"}, []string{
			"master: found a number, expected a text",
			"job: found an array, expected a text",
			"parameters: found a text, expected an object",
			"propertyFile: found true or false, expected a text",
			`waitForCompletion: found "maybe", expected true or false`,
			"markUnstableAsSuccessful: found 1, expected true or false",
			`stageTimeoutMs: found "soon", expected a number of milliseconds`,
		}},
	}
	plugin := plugintest.Start(t, sdk.Plugin{Name: "p", Version: "1", Stages: []sdk.Stage{ci.Jenkins{}, ci.NewScript()}}, &plugintest.Host{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := plugin.Validate(t.Context(), "jenkins", test.config)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range found {
				got = append(got, e.Path+": "+e.Message)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	found, err := plugin.Validate(t.Context(), "script", nil)
	if err != nil || len(found) != 1 || found[0].Path != "command" {
		t.Errorf("script: %v, %v", found, err)
	}
}

func TestConfigThatCannotBeRead(t *testing.T) {
	expect(t, newLab(t, sdk.Config{"master": nil}).step(), sdk.Terminal, "field master: is missing")
	expect(t, newLab(t, sdk.Config{"waitForCompletion": "maybe"}).step(), sdk.Terminal,
		`field waitForCompletion: found "maybe", expected true or false`)
}

func TestStateThatCannotBeRead(t *testing.T) {
	l := newLab(t, nil)
	l.state = []byte("{")
	expect(t, l.step(), sdk.Terminal, "the stage's stored state cannot be read")
}
