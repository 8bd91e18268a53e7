package replicas

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store/postgres/postgrestest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// While the database is away, no agent is ready and none accepts anything; what was accepted goes on by itself afterwards.
// OUTAGE_SECONDS says for how long (5).
func TestDatabaseIsAway(t *testing.T) {
	outage := time.Duration(number(t, "OUTAGE_SECONDS", 5)) * time.Second
	own := &postgrestest.Cluster{}
	t.Cleanup(func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	})
	own.Start(t)
	own.Command(t, "postgres", "CREATE DATABASE gennaker")
	recorder := newRecorder(t)
	agents := []*agent{newAgent(t, "a", postgres(own.URL("gennaker")), shortLease).start(), newAgent(t, "b", postgres(own.URL("gennaker")), shortLease).start()}
	effect := map[string]any{"recorder": recorder.url}
	agents[0].save("load", stageOf("1", "wait", map[string]any{"waitTime": 1}), stageOf("2", "effect", effect, "1"),
		stageOf("3", "wait", map[string]any{"waitTime": 1}, "2"), stageOf("4", "effect", effect, "3"))
	var ids []string
	for n := range 10 {
		id, err := agents[n%2].client.Start(t.Context(), "shop", "load", spinnaker.Trigger{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}

	if err := own.Crash(); err != nil {
		t.Fatal(err)
	}
	back := time.After(outage)
	for _, a := range agents {
		await(t, "agent "+a.name+" is not ready", func(ctx context.Context) bool {
			return status(ctx, http.MethodGet, a.url+"/health", "") == http.StatusServiceUnavailable
		})
		for what, address := range map[string]string{"a webhook": "/webhooks/webhook/load", "a start": "/pipelines/shop/load"} {
			if got := status(t.Context(), http.MethodPost, a.url+address, "{}"); got != http.StatusServiceUnavailable {
				t.Errorf("agent %s: %s was answered %d, expected 503", a.name, what, got)
			}
		}
	}
	<-back
	if err := own.Resume(); err != nil {
		t.Fatal(err)
	}
	for _, a := range agents {
		await(t, "agent "+a.name+" is ready again", func(ctx context.Context) bool {
			return status(ctx, http.MethodGet, a.url+"/health", "") == http.StatusOK
		})
	}
	for n, id := range ids {
		checkEffects(t, recorder, succeeded(t, agents[n%2], id), "2", "4")
	}
	var all []spinnaker.Execution
	if err := agents[1].client.Get(t.Context(), fmt.Sprint("/applications/shop/pipelines?limit=", 100), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != len(ids) {
		t.Errorf("there are %d executions, expected the %d that were accepted", len(all), len(ids))
	}
}

// status is the status of an answer, 0 when there is none.
func status(ctx context.Context, method, address, body string) int {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}
