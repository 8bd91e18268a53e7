package replicas

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// An agent that is stopped for longer than its lease, and then goes on: another one has taken its work over, not before its
// plugin had stopped acting; nothing that it then says of that work counts; and it works again.
func TestStoppedAgent(t *testing.T) {
	const lease = 3 * time.Second
	database, recorder := cluster.Database(t), newRecorder(t)
	first := newAgent(t, "first", postgres(database), lease).start()
	first.save("ticks", stageOf("1", "ticks", map[string]any{"recorder": recorder.url}))
	first.save("short", stageOf("1", "wait", map[string]any{"waitTime": 0}))
	id, err := first.client.Start(t.Context(), "shop", "ticks", spinnaker.Trigger{})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the first agent's plugin acts", func(context.Context) bool { return len(recorder.of(id)) > 0 })
	second := newAgent(t, "second", postgres(database), lease).start()

	before := len(recorder.of(id))
	first.signal(syscall.SIGSTOP)
	t.Cleanup(func() {
		if first.process != nil {
			first.signal(syscall.SIGCONT)
		}
	})
	ended := succeeded(t, second, id)
	records := recorder.of(id)
	taken := 0
	for taken < len(records) && records[taken].Process == records[0].Process {
		taken++
	}
	if taken <= before {
		t.Errorf("the first agent's plugin did not act any more once its agent was stopped: the test shows nothing")
	}
	for n, one := range records[taken:] {
		if one.Process == records[0].Process {
			t.Fatalf("the first agent's plugin acted (%d) after the second's had begun (%d)", taken+n, taken)
		}
	}
	if records[0].Key != records[len(records)-1].Key {
		t.Errorf("the step was repeated with another key: %q and %q", records[0].Key, records[len(records)-1].Key)
	}

	first.signal(syscall.SIGCONT)
	await(t, "the first agent's claim is found void", func(context.Context) bool {
		return strings.Contains(first.process.Log(), "its claim is void")
	})
	for _, a := range []*agent{first, second} {
		again, err := a.client.Execution(t.Context(), id)
		if err != nil || again.EndTime != ended.EndTime || again.Status != spinnaker.Succeeded {
			t.Errorf("agent %s: the execution was changed afterwards: %+v, %v", a.name, again, err)
		}
		next, err := a.client.Start(t.Context(), "shop", "short", spinnaker.Trigger{})
		if err != nil {
			t.Fatal(err)
		}
		succeeded(t, a, next)
	}
}
