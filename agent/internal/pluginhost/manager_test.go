package pluginhost_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

func TestStageTypesAndCalls(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	want := pluginhost.StageType{
		Plugin: "demo", Type: "demo", Aliases: []string{"sample"}, Description: "d", ConfigSchema: "{}", MaxStep: 10 * time.Second,
		Timeout: time.Hour, AccountFields: []string{"account", "targets.account"}, OwnExpressions: []string{"text"},
	}
	if diff := cmp.Diff(want, h.StageTypes()[0]); diff != "" {
		t.Errorf("stage type (-want +got):\n%s", diff)
	}
	for _, name := range []string{"demo", "sample"} {
		if found, ok := h.Lookup(name); !ok || found.Type != "demo" {
			t.Errorf("Lookup(%q): %v, %t", name, found, ok)
		}
		// The plugin gets the type's own name.
		out, err := h.run(t, name, `{}`)
		if err != nil || out.GetMessage() != "demo" || out.GetStatus() != stagev1.Status_STATUS_SUCCEEDED {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
	found, err := h.Validate(t.Context(), "demo", `{"do":"x"}`)
	if err != nil || len(found) != 1 || found[0].GetPath() != "do" || !found[0].GetWarning() {
		t.Errorf("Validate: %v, %v", found, err)
	}
	plan, err := h.Plan(t.Context(), request("demo", `{}`))
	if err != nil || plan.GetMessage() != "Do it" {
		t.Errorf("Plan: %v, %v", plan, err)
	}
	canceled, err := h.Cancel(t.Context(), request("demo", `{}`))
	if err != nil || canceled.GetStatus() != stagev1.Status_STATUS_CANCELED {
		t.Errorf("Cancel: %v, %v", canceled, err)
	}
	s := h.status("demo")
	if s.State != pluginhost.Running || s.PID == 0 || s.Version != "1.2" || s.APIVersion != "stage.v1" || s.Error != "" ||
		s.Restarts != 0 || !slices.Equal(s.StageTypes, []string{"demo", "short"}) {
		t.Errorf("status %+v", s)
	}
	h.stop()
	if s := h.status("demo"); s.State != pluginhost.Stopped || s.PID != 0 {
		t.Errorf("status after the end: %+v", s)
	}
	if _, err := h.run(t, "demo", `{}`); !errors.Is(err, pluginhost.ErrGone) ||
		err.Error() != `plugin "demo": stage type "demo": it is stopped` {
		t.Errorf("after the end: %v", err)
	}
}

func TestUnknownStageTypeNamesThePluginsThatAreAway(t *testing.T) {
	h := startHost(t, pluginhost.Config{
		Plugins:    []pluginhost.Plugin{plugin(t, "demo"), {Name: "away", Path: "/no/such/file"}},
		MinBackoff: time.Minute, MaxBackoff: time.Minute,
	})
	_, err := h.run(t, "bake", `{}`)
	const want = `no plugin provides the stage type "bake"; plugin "away" is not running: it is restarting: ` +
		`/no/such/file: start: fork/exec /no/such/file: no such file or directory`
	if !errors.Is(err, pluginhost.ErrUnknownType) || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestFirstPluginOfTheConfigurationGetsAStageType(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo"), plugin(t, "second")}})
	for stageType, want := range map[string]string{"demo": "demo", "sample": "demo", "other": "second"} {
		if found, ok := h.Lookup(stageType); !ok || found.Plugin != want {
			t.Errorf("%s: %+v", stageType, found)
		}
	}
	want := []string{`stage type "demo" is provided by plugin "demo"`, `stage type "sample" is provided by plugin "demo"`}
	if got := h.status("second").Conflicts; !slices.Equal(got, want) {
		t.Errorf("conflicts %q", got)
	}
}

func TestPluginsThatCannotRun(t *testing.T) {
	withDigest := plugin(t, "demo")
	withDigest.SHA256 = strings.Repeat("00", 32)
	refused := plugin(t, "demo")
	refused.Config = map[string]any{"refuse": true}
	tests := []struct {
		name   string
		plugin pluginhost.Plugin
		state  pluginhost.State
		want   string
	}{
		{"wrong digest", withDigest, pluginhost.Restarting, "the executable's digest is not the configured sha256 0000"},
		{"wrong cookie", plugin(t, "other-cookie"), pluginhost.Restarting,
			"it ended or closed its standard output before it served (exit status 1); standard error began with"},
		{"other transport", plugin(t, "other-transport"), pluginhost.Restarting,
			"it speaks version 2 of the plugin transport, this agent version 1"},
		{"prints first", plugin(t, "prints-first"), pluginhost.Restarting, `it printed "starting up" to its standard output before serving`},
		{"crashes at start", plugin(t, "crashes-at-start"), pluginhost.Restarting, `(exit status 1); standard error began with "no license"`},
		{"refused configuration", refused, pluginhost.Restarting, "this configuration is refused"},
		{"no common version", plugin(t, "future"), pluginhost.Disabled,
			"no common version of the stage contract: the plugin speaks stage.v8, stage.v9, this agent speaks stage.v1"},
		{"no stage type", plugin(t, "typeless"), pluginhost.Disabled, "it reports no stage type"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			good := plugin(t, "second")
			h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{test.plugin, good}, MinBackoff: time.Minute, MaxBackoff: time.Minute})
			s := h.status(test.plugin.Name)
			if s.State != test.state || s.PID != 0 || !strings.Contains(s.Error, test.want) {
				t.Errorf("state %s, pid %d, error %q", s.State, s.PID, s.Error)
			}
			if _, err := h.run(t, "other", `{}`); err != nil {
				t.Errorf("the other plugin suffers: %v", err)
			}
			if log := h.log.String(); !strings.Contains(log, "plugin="+test.plugin.Name) {
				t.Errorf("the log says nothing:\n%s", log)
			}
		})
	}
}

func TestRightDigest(t *testing.T) {
	p := plugin(t, "demo")
	file, err := os.Open(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		t.Fatal(err)
	}
	p.SHA256 = fmt.Sprintf("%x", hash.Sum(nil))
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{p}})
	if s := h.status("demo"); s.State != pluginhost.Running {
		t.Errorf("status %+v", s)
	}
	if _, err := h.run(t, "demo", `{"do":"exit"}`); !errors.Is(err, pluginhost.ErrGone) {
		t.Fatal(err)
	}
	// The second start compares again.
	eventually(t, "it runs again", func() bool { return h.status("demo").State == pluginhost.Running })
}

func TestPluginGetsOnlyTheNamedEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
	t.Setenv("HTTPS_PROXY", "http://proxy")
	p := plugin(t, "demo")
	p.Env = []string{"HTTPS_PROXY", "NOT_SET"}
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{p}})
	out, err := h.run(t, "demo", `{"do":"environment"}`)
	if err != nil {
		t.Fatal(err)
	}
	env := out.GetMessage()
	if strings.Contains(env, "s3cret") || strings.Contains(env, "NOT_SET") || !strings.Contains(env, "HTTPS_PROXY=http://proxy") {
		t.Errorf("environment:\n%s", env)
	}
}

func TestRunningStepsEndBeforeTheirPlugin(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	h.services.checkpointed = make(chan string, 1)
	result := make(chan error, 1)
	go func() {
		_, err := h.RunStep(context.Background(), request("demo", `{"do":"checkpoint and finish"}`))
		result <- err
	}()
	<-h.services.checkpointed
	h.stop()
	if err := <-result; err != nil {
		t.Errorf("the step was cut: %v", err)
	}
}

func TestStepThatDoesNotEndIsCutWhenTheAgentStops(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}, DrainTimeout: 100 * time.Millisecond})
	h.services.checkpointed = make(chan string, 1)
	pid := h.status("demo").PID
	result := make(chan error, 1)
	go func() {
		_, err := h.RunStep(context.Background(), request("demo", `{"do":"checkpoint and hang"}`))
		result <- err
	}()
	<-h.services.checkpointed
	h.stop()
	if err := <-result; !errors.Is(err, pluginhost.ErrGone) {
		t.Errorf("got %v", err)
	}
	if !gone(pid) {
		t.Error("the process lives")
	}
}

func TestProcessesThatAPluginStartsEndWithIt(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	out, err := h.run(t, "demo", `{"do":"spawn"}`)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(out.GetMessage())
	if err != nil || gone(child) {
		t.Fatalf("no child: %q, %v", out.GetMessage(), err)
	}
	h.stop()
	eventually(t, "the child is gone", func() bool { return gone(child) })
}

func TestManagerWithoutPlugins(t *testing.T) {
	h := startHost(t, pluginhost.Config{})
	if _, err := h.run(t, "demo", "{}"); !errors.Is(err, pluginhost.ErrUnknownType) {
		t.Errorf("got %v", err)
	}
}
