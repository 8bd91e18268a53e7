package wire_test

import (
	"slices"
	"testing"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

func TestNames(t *testing.T) {
	in := &stagev1.RunRequest{
		ConfigJson: `{"account": "prod", "targets": [{"account": ["eu", "us"]}, {"account": 7}, "x"], "inputs": {"a": [{"b": "github"}]}, "none": ""}`,
		Artifacts:  []*stagev1.Artifact{{ArtifactAccount: "produced"}},
		ResolvedExpectedArtifacts: []*stagev1.ExpectedArtifact{{
			MatchArtifact: &stagev1.Artifact{ArtifactAccount: "matched"}, BoundArtifact: &stagev1.Artifact{ArtifactAccount: "bound"}}},
	}
	names := wire.NewNames(in, []string{"account", "targets.account", "none", "no.such.field"}, map[string]any{"script": map[string]any{"master": "ci"}})
	if got := names.Accounts(); !slices.Equal(got, []string{"eu", "prod", "us"}) {
		t.Errorf("accounts %q", got)
	}
	for _, name := range []string{"prod", "github", "produced", "matched", "bound", "ci"} {
		if !names.Mention(name) {
			t.Errorf("%q is not mentioned", name)
		}
	}
	for _, name := range []string{"", "pro", "account", "7", "other"} {
		if names.Mention(name) {
			t.Errorf("%q is mentioned", name)
		}
	}
	broken := wire.NewNames(&stagev1.RunRequest{ConfigJson: "{"}, []string{"account"}, nil)
	if broken.Accounts() != nil || broken.Mention("{") {
		t.Error("a config that is no JSON names something")
	}
}
