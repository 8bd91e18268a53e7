package sdk

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// FuzzRequest holds that no JSON of the agent breaks a plugin, and that what is read is written as it was.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", "[]", `{"a":1.50,"b":[null,{"c":"\ud800"}]}`, `{"a":1} {}`, `{"a":1e999}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		req, err := requestFromProto(&stagev1.RunRequest{
			ConfigJson: text, AncestorOutputsJson: text, TriggerJson: text, Artifacts: []*stagev1.Artifact{{MetadataJson: text}},
		})
		if err != nil {
			return
		}
		if text != "" && !json.Valid([]byte(text)) {
			t.Errorf("%q was read as %v", text, req.Config)
		}
		again, err := encodeObject(req.Config)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeObject(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any(req.Config), back); diff != "" && len(req.Config) > 0 {
			t.Errorf("%q changed (-first +second):\n%s", text, diff)
		}
	})
}
