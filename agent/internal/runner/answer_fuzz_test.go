package runner

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// FuzzAnswer reads any answer of a plugin: it is understood or refused, and what is understood has a status.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []*stagev1.RunResponse{
		{Status: stagev1.Status_STATUS_SUCCEEDED, OutputsJson: `{"a":1}`, ContextJson: "{}"},
		{ErrorClass: stagev1.ErrorClass_ERROR_CLASS_RETRYABLE, Message: "away"},
		{Status: stagev1.Status_STATUS_RUNNING, Insert: []*stagev1.InsertedStage{{Type: "x", Position: stagev1.InsertedStage_POSITION_AFTER, ContextJson: "[]"}}},
		{Status: stagev1.Status_STATUS_SUCCEEDED, Artifacts: []*stagev1.Artifact{{Type: "embedded/base64", MetadataJson: "x", Blob: &stagev1.Blob{Sha256: "y", Size: -1}}}},
		{Status: stagev1.Status_STATUS_SUCCEEDED, Tasks: []*stagev1.Task{{Name: "t", Message: "m", Status: stagev1.Status_STATUS_TERMINAL}}},
	} {
		data, err := proto.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	s := sqlitetest.Open(f)
	r := &Runner{Options: Options{Store: s}}
	claimed := &step{ex: &engine.Execution{Execution: &spinnaker.Execution{Application: "shop"}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		response := &stagev1.RunResponse{}
		if proto.Unmarshal(data, response) != nil {
			return
		}
		result, err := r.resultOf(context.Background(), claimed, response)
		if err == nil && result.Status == "" {
			t.Errorf("an answer without status was understood: %v", response)
		}
	})
}
