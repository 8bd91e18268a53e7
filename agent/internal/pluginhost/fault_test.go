package pluginhost_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// background runs a step and waits until it has made its checkpoint.
func (h *host) background(config string) chan error {
	h.services.checkpointed = make(chan string, 1)
	result := make(chan error, 1)
	go func() {
		_, err := h.RunStep(context.Background(), request("demo", config))
		result <- err
	}()
	<-h.services.checkpointed
	h.services.checkpointed = nil
	return result
}

func TestKilledPluginLosesItsStepAndIsReplaced(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo"), plugin(t, "second")}})
	first, other := h.status("demo").PID, h.status("second").PID
	result := h.background(`{"do":"checkpoint and hang"}`)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	err := <-result
	const want = `plugin "demo": stage type "demo": the plugin's process ended (signal: killed) during the call`
	if !errors.Is(err, pluginhost.ErrGone) || err.Error() != want {
		t.Errorf("got %v", err)
	}
	eventually(t, "it runs again", func() bool { return h.status("demo").State == pluginhost.Running })
	s := h.status("demo")
	if s.PID == first || s.Restarts != 1 || h.status("second").PID != other {
		t.Errorf("status %+v, the other is %d, was %d", s, h.status("second").PID, other)
	}
	if out, err := h.run(t, "demo", `{}`); err != nil || out.GetStatus() != stagev1.Status_STATUS_SUCCEEDED {
		t.Errorf("after the restart: %v, %v", out, err)
	}
}

func TestPluginThatKeepsCrashingIsStartedAgainWithPauses(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "crashes-at-start")}})
	eventually(t, "several starts", func() bool { return h.status("crashes-at-start").Restarts >= 4 })
	began := time.Now()
	seen := h.status("crashes-at-start").Restarts
	eventually(t, "two more", func() bool { return h.status("crashes-at-start").Restarts >= seen+2 })
	if pause := time.Since(began); pause < 100*time.Millisecond {
		t.Errorf("two restarts within %s, the pause should have grown to 100ms", pause)
	}
}

func TestStepThatOverrunsItsTime(t *testing.T) {
	tests := []struct {
		name, config string
		killed       bool
		want         string
	}{
		{"but listens to its context", `{"do":"wait"}`, false,
			`plugin "demo": stage type "short": stage "Do it" (short): the step did not end within its 100ms: context deadline exceeded`},
		{"and listens to nothing", `{"do":"hang"}`, true,
			`plugin "demo": stage type "short": no answer within 400ms; the plugin's process was killed`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
			pid := h.status("demo").PID
			_, err := h.run(t, "short", test.config)
			if !errors.Is(err, pluginhost.ErrDeadline) || err.Error() != test.want {
				t.Errorf("got %v", err)
			}
			if gone(pid) != test.killed {
				t.Errorf("the process is gone: %t, expected %t", gone(pid), test.killed)
			}
			eventually(t, "it runs", func() bool { return h.status("demo").State == pluginhost.Running })
		})
	}
}

func TestFrozenPluginIsReplaced(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	pid := h.status("demo").PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is frozen", func() bool { return processState(pid) == "T" })
	if _, err := h.run(t, "short", `{}`); !errors.Is(err, pluginhost.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	if !gone(pid) {
		t.Error("the frozen process is still there")
	}
	eventually(t, "it works again", func() bool {
		_, err := h.run(t, "short", `{}`)
		return err == nil
	})
}

func TestHangingValidate(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	pid := h.status("demo").PID
	if _, err := h.Validate(t.Context(), "demo", `{"do":"hang"}`); !errors.Is(err, pluginhost.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	if !gone(pid) {
		t.Error("the process is still there")
	}
}

func TestCallerWhoGoesAway(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	ctx, cancel := context.WithCancelCause(t.Context())
	h.services.checkpointed = make(chan string, 1)
	result := make(chan error, 1)
	go func() {
		_, err := h.RunStep(ctx, request("demo", `{"do":"checkpoint and wait"}`))
		result <- err
	}()
	<-h.services.checkpointed
	reason := errors.New("the claim is lost")
	cancel(reason)
	if err := <-result; !errors.Is(err, reason) || errors.Is(err, pluginhost.ErrGone) {
		t.Errorf("got %v", err)
	}
	if s := h.status("demo"); s.State != pluginhost.Running || s.Restarts != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestPanicIsAFailedStage(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	pid := h.status("demo").PID
	out, err := h.run(t, "demo", `{"do":"panic"}`)
	if err != nil || out.GetStatus() != stagev1.Status_STATUS_TERMINAL || !strings.Contains(out.GetMessage(), "at the disco") ||
		h.status("demo").PID != pid {
		t.Errorf("got %v, %v", out, err)
	}
	if logs := h.services.logLines(); len(logs) != 1 || !strings.Contains(logs[0].Text, "plugin_test.go") {
		t.Errorf("log %v", logs)
	}
}

func TestFloodsAreBounded(t *testing.T) {
	h := startHost(t, pluginhost.Config{
		Plugins: []pluginhost.Plugin{plugin(t, "demo"), plugin(t, "rogue")},
		Limits:  pluginhost.Limits{LogLines: 500, LogBytes: 1 << 20, LogLineBytes: 1000},
	})
	for _, test := range []struct{ stageType, do string }{{"demo", "flood the log"}, {"rogue", "flood the log"}} {
		h.services.mu.Lock()
		h.services.logs = nil
		h.services.mu.Unlock()
		if _, err := h.run(t, test.stageType, fmt.Sprintf(`{"do":%q}`, test.do)); err != nil {
			t.Fatalf("%s: %v", test.stageType, err)
		}
		logs := h.services.logLines()
		if len(logs) != 501 {
			t.Errorf("%s: %d lines", test.stageType, len(logs))
		}
		if last := logs[len(logs)-1].Text; !strings.HasSuffix(last, "log lines of this step were over the agent's limits and are dropped") {
			t.Errorf("%s: last line %q", test.stageType, last)
		}
		for _, line := range logs {
			if len(line.Text) > 1010 || strings.Contains(line.Text, "\x1b") {
				t.Fatalf("%s: line of %d bytes: %.20q", test.stageType, len(line.Text), line.Text)
			}
		}
	}
	if _, err := h.run(t, "demo", `{"do":"flood the output"}`); err != nil {
		t.Errorf("flood of output: %v", err)
	}
	h.stop()
	if size := len(h.log.String()); size > 1<<20 {
		t.Errorf("the agent's log has %d bytes", size)
	}
}

func TestAnswersThatBreakTheContract(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "rogue"), plugin(t, "demo")}})
	for do, want := range map[string]string{
		"9 MiB":         "its answer is over the limit of 8388608 bytes",
		"no status":     "it answered the unknown status 0",
		"large state":   "its state of 65537 bytes is over the limit of 65536",
		"bad outputs":   "its outputs is no JSON object",
		"unknown error": "it answered Unknown: computer says no",
	} {
		_, err := h.run(t, "rogue", fmt.Sprintf(`{"do":%q}`, do))
		if !errors.Is(err, pluginhost.ErrContract) || !strings.HasPrefix(err.Error(), `plugin "rogue": stage type "rogue": `+want) {
			t.Errorf("%s: got %v", do, err)
		}
	}
	// A plugin made with the SDK cannot do that: its stage fails instead.
	out, err := h.run(t, "demo", `{"do":"answer 9 MiB"}`)
	if err != nil || out.GetStatus() != stagev1.Status_STATUS_TERMINAL || !strings.Contains(out.GetMessage(), "over the limit") {
		t.Errorf("got %v, %v", out.GetStatus(), err)
	}
	if _, err := h.Plan(t.Context(), request("rogue", "{}")); !errors.Is(err, pluginhost.ErrUnsupported) {
		t.Errorf("plan: %v", err)
	}
	if s := h.status("rogue"); s.State != pluginhost.Running || s.Restarts != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestRequestThatIsTooLarge(t *testing.T) {
	h := startHost(t, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(t, "demo")}})
	_, err := h.run(t, "demo", `{"x":"`+strings.Repeat("x", 9<<20)+`"}`)
	if err == nil || errors.Is(err, pluginhost.ErrContract) || errors.Is(err, pluginhost.ErrGone) ||
		!strings.Contains(err.Error(), "bytes is over the limit of 8388608: shorten the stage's configuration") {
		t.Errorf("got %v", err)
	}
}

func TestNoPluginOutlivesAKilledAgent(t *testing.T) {
	sockets := socketDir(t)
	agent := exec.Command(os.Args[0])
	agent.Env = append(os.Environ(), "SOCKET_DIR="+sockets,
		agentEnv+"="+plugin(t, "demo").Path+","+plugin(t, "second").Path+","+plugin(t, "rogue").Path)
	agent.Stderr = os.Stderr
	stdout, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(stdout); len(pids) < 3 && lines.Scan(); {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil || gone(pid) {
			t.Fatalf("plugin %q: %v", lines.Text(), err)
		}
		pids = append(pids, pid)
	}
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := agent.Wait(); err == nil {
		t.Error("the agent ended by itself")
	}
	if len(pids) != 3 {
		t.Fatalf("plugins %v", pids)
	}
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("plugin %d is gone", pid), func() bool { return gone(pid) })
	}
	eventually(t, "the sockets are gone", func() bool {
		entries, err := os.ReadDir(sockets)
		return err == nil && len(entries) == 0
	})
}
