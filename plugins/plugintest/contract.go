package plugintest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/wire"
)

// callTimeout bounds every call of the contract's checks.
const callTimeout = 30 * time.Second

// Contract says how to check an executable.
type Contract struct {
	// Path of the executable, and the environment it needs beyond the empty one.
	Path string
	Env  []string
	// Config is the plugin's own configuration.
	Config sdk.Config
	// Host is the agent; nil is one that knows nothing.
	Host *Host
	// Requests are realistic first steps, each of a Type. A stage type without one is asked with an empty config.
	Requests []sdk.Request
}

// Executable runs the whole contract against an executable, with realistic first steps of its stages if there are any.
func Executable(t *testing.T, path string, requests ...sdk.Request) {
	t.Helper()
	Contract{Path: path, Requests: requests}.Check(t)
}

// Check runs the whole contract.
func (c Contract) Check(t *testing.T) {
	t.Helper()
	if c.Host == nil {
		c.Host = &Host{}
	}
	t.Run("starts without environment and prints nothing but the handshake", c.checkHandshake)
	t.Run("ends when the agent is gone", c.checkLifeline)
	t.Run("describes itself", c.checkInfo)
	t.Run("refuses an unknown stage type", c.checkUnknownType)
	t.Run("validates anything", c.checkValidate)
	t.Run("repeats a step", c.checkRepeat)
	t.Run("cancels without state, and again", c.checkCancel)
	t.Run("takes messages up to the limit and refuses larger ones", c.checkLimits)
	t.Run("drains on shutdown", c.checkShutdown)
}

func (c Contract) launch(t *testing.T) *Plugin {
	t.Helper()
	return Launch(t, c.Path, c.Env, c.Host, c.Config)
}

func (c Contract) checkInfo(t *testing.T) {
	plugin := c.launch(t)
	info := plugin.Info()
	if info.GetName() == "" || info.GetVersion() == "" {
		t.Errorf("name %q, version %q: both must be there", info.GetName(), info.GetVersion())
	}
	if _, err := wire.ChooseVersion(info.GetApiVersions()); err != nil {
		t.Error(err)
	}
	if len(info.GetStageTypes()) == 0 {
		t.Error("no stage type")
	}
	seen := map[string]bool{}
	for _, stageType := range info.GetStageTypes() {
		for _, name := range append([]string{stageType.GetType()}, stageType.GetAliases()...) {
			if name == "" || seen[name] {
				t.Errorf("stage type or alias %q is empty or there twice", name)
			}
			seen[name] = true
		}
		if stageType.GetDescription() == "" {
			t.Errorf("%s: no description", stageType.GetType())
		}
		if stageType.GetMaxStep().AsDuration() < 0 || stageType.GetTimeout().AsDuration() < 0 {
			t.Errorf("%s: negative max_step or timeout", stageType.GetType())
		}
		checkSchemas(t, stageType, c.requestsOf(stageType.GetType()))
	}
	again, err := plugin.Client.GetInfo(t.Context(), &stagev1.GetInfoRequest{})
	if err != nil || !proto.Equal(info, again) {
		t.Errorf("GetInfo differs the second time: %v, %v", again, err)
	}
	for _, request := range c.Requests {
		if !seen[request.Type] {
			t.Errorf("the contract has a request of type %q, the plugin has no such type", request.Type)
		}
	}
}

func (c Contract) requestsOf(stageType string) []sdk.Request {
	var requests []sdk.Request
	for _, request := range c.Requests {
		if request.Type == stageType {
			requests = append(requests, request)
		}
	}
	return requests
}

// samples are the requests, and an empty one for each type without.
func (c Contract) samples(plugin *Plugin) []sdk.Request {
	samples := slices.Clone(c.Requests)
	for _, stageType := range plugin.Info().GetStageTypes() {
		if len(c.requestsOf(stageType.GetType())) == 0 {
			samples = append(samples, sdk.Request{Type: stageType.GetType()})
		}
	}
	return samples
}

func (c Contract) checkUnknownType(t *testing.T) {
	plugin := c.launch(t)
	const unknown = "no-such-stage-type"
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
	defer cancel()
	req := sdk.Request{Type: unknown}
	for name, call := range map[string]func() error{
		"Validate": func() error { _, err := plugin.Validate(ctx, unknown, nil); return err },
		"Plan":     func() error { _, err := plugin.Plan(ctx, req); return err },
		"Run":      func() error { _, err := plugin.Run(ctx, req); return err },
		"Cancel":   func() error { _, err := plugin.Cancel(ctx, req); return err },
	} {
		err := call()
		if status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), unknown) {
			t.Errorf("%s answered %v, expected NotFound and a text that names the type", name, err)
		}
	}
}

func (c Contract) checkValidate(t *testing.T) {
	plugin := c.launch(t)
	for _, stageType := range plugin.Info().GetStageTypes() {
		var all sync.WaitGroup
		for _, config := range garbage(stageType.GetConfigSchema()) {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
				defer cancel()
				in := &stagev1.ValidateRequest{Type: stageType.GetType(), ConfigJson: config}
				out, err := plugin.Client.Validate(ctx, in)
				if err != nil && status.Code(err) != codes.InvalidArgument {
					t.Errorf("%s: Validate(%.200s): %v", stageType.GetType(), config, err)
				}
				for _, found := range out.GetErrors() {
					if found.GetMessage() == "" {
						t.Errorf("%s: Validate(%.200s): a field error without message", stageType.GetType(), config)
					}
				}
			})
		}
		all.Wait()
	}
	for _, request := range c.Requests {
		found, err := plugin.Validate(t.Context(), request.Type, request.Config)
		if err != nil {
			t.Errorf("%s: Validate of a realistic configuration: %v", request.Type, err)
		}
		for _, e := range found {
			if !e.Warning {
				t.Errorf("%s: a realistic configuration has an error: %s: %s", request.Type, e.Path, e.Message)
			}
		}
	}
}

// checkRepeat runs each step twice with the same key, as after a lost answer: the second time with the state that was
// checkpointed, if any.
func (c Contract) checkRepeat(t *testing.T) {
	plugin := c.launch(t)
	for _, request := range c.samples(plugin) {
		before := len(c.Host.Checkpoints())
		first := c.runStep(t, plugin, request)
		if checkpoints := c.Host.Checkpoints(); len(checkpoints) > before {
			request.State = checkpoints[len(checkpoints)-1]
		}
		second := c.runStep(t, plugin, request)
		if first.Status != second.Status || first.Class != second.Class {
			t.Errorf("%s: the same step ended %s (%s: %s), then %s (%s: %s)", request.Type,
				first.Status, first.Class, first.Message, second.Status, second.Class, second.Message)
		}
		checkStep(t, request.Type, first)
		checkStep(t, request.Type, second)
	}
}

// runStep runs a step within its declared time.
func (c Contract) runStep(t *testing.T, plugin *Plugin, request sdk.Request) *Step {
	t.Helper()
	limit := sdk.DefaultMaxStep
	for _, stageType := range plugin.Info().GetStageTypes() {
		if declared := stageType.GetMaxStep().AsDuration(); stageType.GetType() == request.Type && declared > 0 {
			limit = declared
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit+time.Second)
	defer cancel()
	step, err := plugin.Run(ctx, request)
	if err != nil {
		t.Fatalf("%s: Run: %v", request.Type, err)
	}
	return step
}

// checkStep checks what is true of every answer.
func checkStep(t *testing.T, stageType string, step *Step) {
	t.Helper()
	if len(step.State) > wire.MaxState {
		t.Errorf("%s: state of %d bytes, at most %d", stageType, len(step.State), wire.MaxState)
	}
	if step.Status == sdk.Terminal && (step.Message == "" || step.Class != Failed) {
		t.Errorf("%s: TERMINAL with message %q and class %q: a failure has a message and is classed as failed",
			stageType, step.Message, step.Class)
	}
	if step.Class != "" && step.Message == "" {
		t.Errorf("%s: class %q without a message", stageType, step.Class)
	}
}

func (c Contract) checkCancel(t *testing.T) {
	plugin := c.launch(t)
	for _, request := range c.samples(plugin) {
		request.CancelReason, request.CanceledBy = "changed my mind", "somebody"
		for _, time := range []string{"first", "second"} {
			ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
			step, err := plugin.Cancel(ctx, request)
			cancel()
			if err != nil {
				t.Errorf("%s: %s Cancel: %v", request.Type, time, err)
			} else if step.Status != sdk.Canceled {
				t.Errorf("%s: %s Cancel of a stage that never answered: %s (%s), expected CANCELED: there is nothing to stop",
					request.Type, time, step.Status, step.Message)
			}
		}
	}
}

func (c Contract) checkLimits(t *testing.T) {
	plugin := c.launch(t)
	stageType := plugin.Info().GetStageTypes()[0].GetType()
	validate := func(size int) error {
		ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
		defer cancel()
		config := fmt.Sprintf(`{"padding": %q}`, strings.Repeat("x", size))
		_, err := plugin.Client.Validate(ctx, &stagev1.ValidateRequest{Type: stageType, ConfigJson: config})
		return err
	}
	if err := validate(wire.MaxMessage - 1024); err != nil {
		t.Errorf("a message just below %d bytes: %v", wire.MaxMessage, err)
	}
	if err := validate(wire.MaxMessage); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message of more than %d bytes: %v, expected ResourceExhausted", wire.MaxMessage, err)
	}
	if err := validate(10); err != nil {
		t.Errorf("after a message that was too large: %v", err)
	}
}

func (c Contract) checkShutdown(t *testing.T) {
	plugin := c.launch(t)
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
	defer cancel()
	for range 2 {
		if _, err := plugin.Client.Shutdown(ctx, &stagev1.ShutdownRequest{}); err != nil {
			t.Fatalf("Shutdown: %v", err)
		}
	}
	request := c.samples(plugin)[0]
	if _, err := plugin.Run(ctx, request); status.Code(err) != codes.Unavailable {
		t.Errorf("Run after Shutdown: %v, expected Unavailable", err)
	}
}

// garbage are configurations that nobody means: no JSON, no object, and every property of the schema with values of
// every kind.
func garbage(schema string) []string {
	configs := []string{"", "{}", "null", "[]", "{", "17", `"text"`, "{\"a\":}", strings.Repeat(`{"a":`, 2000),
		strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)}
	values := []string{"null", "true", "-1", "1e400", `""`, `"text"`, `"${ trigger.x }"`, "[]", "[null]", `["a", 1]`, "[[]]",
		"{}", `{"": null}`, `[{"a": {}}]`, `[{}]`}
	for _, name := range slices.Sorted(maps.Keys(properties(schema))) {
		for _, value := range values {
			configs = append(configs, fmt.Sprintf(`{%q: %s}`, name, value))
		}
	}
	return configs
}
