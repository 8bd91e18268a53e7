package pluginhost_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

func TestPluginAsksTheAgent(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	out, err := h.run(t, "demo", `{"do":"ask everything","account":"prod","master":"ci"}`)
	if err != nil || out.GetMessage() != "demo" {
		t.Fatalf("%v, %v", out, err)
	}
	want := pluginhost.Call{
		Plugin: "demo", Application: "shop", Pipeline: "deploy", Execution: "E1", Stage: "S1", StageType: "demo", StageRef: "2",
		Attempt: 1, Step: 3, User: "anna", Accounts: []string{"prod"},
	}
	if diff := cmp.Diff([]pluginhost.Call{want}, h.services.calls); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	if logs := h.services.logLines(); len(logs) != 1 || logs[0].Text != "asked everything" || logs[0].Level.String() != "WARN" ||
		time.Since(logs[0].Time) > time.Minute {
		t.Errorf("log %v", logs)
	}
}

func TestPluginGetsOnlyWhatItsStageNames(t *testing.T) {
	p := plugin(t, "demo")
	p.Config = map[string]any{"script": map[string]any{"master": "scripts"}}
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{p}})
	h.services.artifact = func() io.ReadCloser { return io.NopCloser(strings.NewReader("body")) }
	tests := []struct {
		config string
		want   string // refusal; empty when allowed
	}{
		{`{"do":"account: prod","account":"prod"}`, ""},
		{`{"do":"account: prod","targets":[{"account":"test"},{"account":"prod"}]}`, ""},
		{`{"do":"account: prod","account":"test","other":"prod"}`,
			`account "prod": the stage does not name this account in account, targets.account`},
		{`{"do":"artifact: "}`, ""},
		{`{"do":"artifact: github","inputs":[{"account":"github"}]}`, ""},
		{`{"do":"artifact: produced"}`, ""},
		{`{"do":"artifact: bound"}`, ""},
		{`{"do":"artifact: github"}`,
			`artifact  "without reference or name": neither the stage nor an artifact it sees names the account "github"`},
		{`{"do":"build: ci","master":"ci"}`, ""},
		{`{"do":"build: scripts"}`, ""},
		{`{"do":"build: ci"}`, `retryable false, unknown false: jenkins "ci": start a build of "job": neither the stage nor the ` +
			`configuration of plugin "demo" names this master`},
	}
	for _, test := range tests {
		in := request("demo", test.config)
		in.Artifacts = []*stagev1.Artifact{{ArtifactAccount: "produced"}}
		in.ResolvedExpectedArtifacts = []*stagev1.ExpectedArtifact{{BoundArtifact: &stagev1.Artifact{ArtifactAccount: "bound"}}}
		out, err := h.RunStep(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if out.GetStatus() != stagev1.Status_STATUS_SUCCEEDED {
			got = out.GetMessage()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.config, got, test.want)
		}
	}
}

func TestErrorsOfTheAgentKeepTheirMeaning(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	cause := errors.New("503")
	for _, test := range []struct {
		err                error
		retryable, unknown bool
	}{
		{pluginhost.NotFound(cause), false, false},
		{pluginhost.Refused(fmt.Errorf("start: %w", cause)), false, false},
		{pluginhost.Temporary(cause), true, true},
		{fmt.Errorf("wrapped: %w", pluginhost.NothingDone(cause)), true, false},
		{cause, false, true},
	} {
		h.services.startErr = test.err
		out, err := h.run(t, "demo", `{"do":"build: ci","master":"ci"}`)
		want := fmt.Sprintf(`retryable %t, unknown %t: jenkins "ci": start a build of "job": %v`, test.retryable, test.unknown, test.err)
		if err != nil || out.GetMessage() != want {
			t.Errorf("got %q, %v\nwant %q", out.GetMessage(), err, want)
		}
	}
}

func TestBodies(t *testing.T) {
	h := startHost(t, pluginhost.Config{
		Plugins: []pluginhost.Plugin{plugin(t, "demo")}, Limits: pluginhost.Limits{ArtifactBytes: 1 << 20, BlobBytes: 3 << 20},
	})
	closed := 0
	body := func(size int64, err error) func() io.ReadCloser {
		return func() io.ReadCloser {
			var tail io.Reader = strings.NewReader("")
			if err != nil {
				tail = failingReader{err}
			}
			return closeCounter{io.MultiReader(io.LimitReader(zeros{}, size), tail), &closed}
		}
	}
	for _, test := range []struct {
		body func() io.ReadCloser
		want string
	}{
		{body(1<<20, nil), "1048576"},
		{body(0, nil), "0"},
		{body(1<<20+1, nil), `artifact  "without reference or name": it is larger than the limit of 1048576 bytes`},
		{body(1<<19, errors.New("connection reset")), `artifact  "without reference or name": connection reset`},
	} {
		h.services.artifact = test.body
		out, err := h.run(t, "demo", `{"do":"artifact: "}`)
		if err != nil || out.GetMessage() != test.want {
			t.Errorf("got %q, %v; want %q", out.GetMessage(), err, test.want)
		}
	}
	if closed != 4 {
		t.Errorf("%d of 4 bodies closed", closed)
	}
	if out, err := h.run(t, "demo", `{"do":"blob"}`); err != nil || out.GetArtifacts()[0].GetBlob().GetSize() != 3<<20 {
		t.Errorf("blob: %v, %v", out, err)
	}
	if !bytes.Equal(h.services.blob, make([]byte, 3<<20)) {
		t.Errorf("stored %d bytes", len(h.services.blob))
	}
}

func TestBlobOverTheLimit(t *testing.T) {
	h := startHost(t, pluginhost.Config{
		Plugins: []pluginhost.Plugin{plugin(t, "demo")}, Limits: pluginhost.Limits{BlobBytes: 3<<20 - 1},
	})
	out, err := h.run(t, "demo", `{"do":"blob"}`)
	if err != nil || out.GetMessage() != "write blob: store the blob: it is larger than the limit of 3145727 bytes" {
		t.Errorf("got %v, %v", out, err)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

type closeCounter struct {
	io.Reader
	closed *int
}

func (c closeCounter) Close() error {
	*c.closed++
	return nil
}

func TestCallTokenDiesWithItsStep(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "rogue")}})
	if _, err := h.run(t, "rogue", `{"do":"keep the token"}`); err != nil {
		t.Fatal(err)
	}
	out, err := h.run(t, "rogue", `{"do":"use the kept token"}`)
	if err != nil || !strings.Contains(out.GetMessage(), "the step has ended: the agent does nothing for it any more") {
		t.Errorf("got %v, %v", out, err)
	}
	out, err = h.run(t, "rogue", `{"do":"large checkpoint"}`)
	if err != nil || !strings.Contains(out.GetMessage(), "state of 65537 bytes is over the limit of 65536") {
		t.Errorf("got %v, %v", out, err)
	}
	if len(h.services.checkpoints) != 0 {
		t.Errorf("checkpoints %q", h.services.checkpoints)
	}
}

func TestStreamsThatAPluginLeavesOpenEndWithTheStep(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "rogue")}})
	h.services.artifact = func() io.ReadCloser { return io.NopCloser(zeros{}) } // endless
	began := time.Now()
	if _, err := h.run(t, "rogue", `{"do":"leave streams open"}`); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d > time.Minute {
		t.Errorf("it took %s", d)
	}
}
