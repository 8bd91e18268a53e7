package plugintest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// stage runs a function.
type stage struct {
	info sdk.Info
	run  func(ctx context.Context, req *sdk.Request) (*sdk.Response, error)
}

func (s stage) Info() sdk.Info {
	info := s.info
	if info.Type == "" {
		info.Type = "demo"
	}
	return info
}

func (s stage) Validate(config sdk.Config) []sdk.FieldError {
	if _, ok := config["field"]; !ok {
		return []sdk.FieldError{{Path: "field", Message: "is missing"}}
	}
	return nil
}

func (s stage) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	return s.run(ctx, req)
}

func TestEverythingOfARequestArrives(t *testing.T) {
	host := &plugintest.Host{}
	blob := host.AddBlob("text/plain", []byte("body"))
	artifact := sdk.Artifact{
		Type: "github/file", CustomKind: true, Name: "n", Version: "v", Location: "l", Reference: "r",
		ArtifactAccount: "a", Provenance: "p", UUID: "u", Metadata: map[string]any{"id": "x"}, Blob: &blob,
	}
	sent := sdk.Request{
		Application: "app", Pipeline: "pipe", PipelineConfigID: "pc", ExecutionID: "ex", StageID: "st", RefID: "2",
		Type: "demo", Name: "Demo", Attempt: 3, Step: 4, IdempotencyKey: "key", User: "me",
		Config:            sdk.Config{"whole": json.Number("41"), "real": json.Number("41.0"), "s": "x"},
		Artifacts:         []sdk.Artifact{artifact},
		ExpectedArtifacts: []sdk.ExpectedArtifact{{ID: "e", Match: artifact, Bound: artifact}},
		AncestorOutputs:   map[string]any{"o": "1"}, Trigger: map[string]any{"type": "manual"},
		State: []byte("state"), StageStarted: time.Unix(1700000000, 5).UTC(), TimeLeft: time.Minute,
		CancelReason: "why", CanceledBy: "who",
	}
	var got sdk.Request
	plugintest.Run(t, stage{run: func(_ context.Context, req *sdk.Request) (*sdk.Response, error) {
		got = *req
		return &sdk.Response{Status: sdk.Succeeded}, nil
	}}, sent, host)
	got.Host = nil
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("request changed on the way (-sent +got):\n%s", diff)
	}
}

func TestEverythingOfAResponseArrives(t *testing.T) {
	sent := sdk.Response{
		Status: sdk.Running, Message: "m", Errors: []string{"e"}, Warnings: []string{"w"}, State: []byte("s"),
		Context: map[string]any{"c": json.Number("1.0")}, Outputs: map[string]any{"o": "v"},
		Artifacts:    []sdk.Artifact{{Type: "embedded/base64", Reference: "eA=="}},
		Tasks:        []sdk.Task{{Name: "t", Status: sdk.Running, Start: time.Unix(1, 0).UTC(), Message: "tm"}, {Name: "later"}},
		Insert:       []sdk.InsertedStage{{Position: sdk.OnFailure, Type: "wait", Name: "W", Context: map[string]any{"x": "y"}}},
		RequeueAfter: 3 * time.Second,
	}
	step := plugintest.Run(t, stage{run: func(context.Context, *sdk.Request) (*sdk.Response, error) {
		return &sent, nil
	}}, sdk.Request{}, &plugintest.Host{})
	if diff := cmp.Diff(sent, step.Response); diff != "" {
		t.Errorf("response changed on the way (-sent +got):\n%s", diff)
	}
}

func TestErrorsOfAStep(t *testing.T) {
	cause := errors.New("server away")
	tests := []struct {
		name       string
		resp       *sdk.Response
		err        error
		wantStatus sdk.Status
		wantClass  plugintest.Class
		wantState  string
		wantErrors []string
		wantAfter  time.Duration
	}{
		{"plain", nil, cause, sdk.Terminal, plugintest.Failed, "checkpointed", []string{"server away"}, 0},
		{"retryable", nil, sdk.Retryable(cause), sdk.Running, plugintest.Retryable, "checkpointed", nil, 0},
		{"waiting", nil, sdk.Waiting(cause, time.Minute), sdk.Running, plugintest.Waiting, "checkpointed", nil, time.Minute},
		{"with a response", &sdk.Response{State: []byte("own"), Errors: []string{"a", "b"}}, cause,
			sdk.Terminal, plugintest.Failed, "own", []string{"a", "b"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			step := plugintest.Run(t, stage{run: func(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
				if err := req.Host.Checkpoint(ctx, []byte("checkpointed")); err != nil {
					return nil, err
				}
				return test.resp, test.err
			}}, sdk.Request{State: []byte("old")}, &plugintest.Host{})
			if step.Status != test.wantStatus || step.Class != test.wantClass || step.Message != "server away" ||
				string(step.State) != test.wantState || step.RequeueAfter != test.wantAfter {
				t.Errorf("got %+v", step)
			}
			if diff := cmp.Diff(test.wantErrors, step.Errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostGivesBodies(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB, several chunks
	host := &plugintest.Host{Artifacts: map[string][]byte{"big": []byte(large), "empty": {}}}
	step := plugintest.Run(t, stage{run: func(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
		body, err := req.Host.ReadArtifact(ctx, sdk.Artifact{Reference: "big"}, 4<<20)
		if err != nil || string(body) != large {
			t.Errorf("big: %d bytes, %v", len(body), err)
		}
		if body, err := req.Host.ReadArtifact(ctx, sdk.Artifact{Reference: "empty"}, 1); err != nil || len(body) != 0 {
			t.Errorf("empty: %q, %v", body, err)
		}
		if _, err := req.Host.ReadArtifact(ctx, sdk.Artifact{Type: "http/file", Reference: "big"}, 10); err == nil ||
			err.Error() != `artifact http/file "big" is larger than the limit of 10 bytes` {
			t.Errorf("over the limit: %v", err)
		}
		if _, err := req.Host.OpenArtifact(ctx, sdk.Artifact{Type: "http/file", Reference: "none"}); err == nil ||
			!strings.HasPrefix(err.Error(), `artifact http/file "none": not found`) {
			t.Errorf("unknown: %v", err)
		}
		blob, err := req.Host.WriteBlob(ctx, "text/plain", strings.NewReader(large))
		if err != nil {
			return nil, err
		}
		reader, err := req.Host.ReadBlob(ctx, blob)
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		back, err := io.ReadAll(reader)
		if err != nil || string(back) != large {
			t.Errorf("blob: %d bytes, %v", len(back), err)
		}
		return &sdk.Response{Status: sdk.Succeeded, Artifacts: []sdk.Artifact{{Blob: &blob}}}, nil
	}}, sdk.Request{}, host)
	if got := host.Blob(step.Artifacts[0].Blob.SHA256); string(got) != large {
		t.Errorf("stored blob has %d bytes", len(got))
	}
}

func TestLogKeepsLevelsAndAttributes(t *testing.T) {
	host := &plugintest.Host{}
	plugintest.Run(t, stage{run: func(_ context.Context, req *sdk.Request) (*sdk.Response, error) {
		req.Host.Log(slog.LevelWarn, "careful")
		log := req.Host.Logger().With("level", "top").WithGroup("g")
		log.Info("done", "count", 3, "text", "two words")
		log.Debug("plain")
		return &sdk.Response{Status: sdk.Succeeded}, nil
	}}, sdk.Request{}, host)
	var got []string
	for _, line := range host.Logs() {
		got = append(got, line.Level+" "+line.Text)
	}
	want := []string{"warn careful", `info done level=top g.count=3 g.text="two words"`, "debug plain level=top"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
