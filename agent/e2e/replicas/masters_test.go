package replicas

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gennaker/gennaker/api/echo"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// Each build starts its pipeline once, whichever of two agents polls the master, is told of the build, or dies.
func TestMasterOverReplicas(t *testing.T) {
	const lease = 3 * time.Second
	jenkins, err := jenkinstest.Listen(jenkinstest.Options{Clock: jenkinstest.SystemClock{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := jenkins.Close(); err != nil {
			t.Error(err)
		}
	})
	job := jenkins.Job("cart", jenkinstest.Pipeline)
	database := cluster.Database(t)
	masters := map[string]any{"jenkins": map[string]any{"masters": []map[string]any{{"name": "ci", "address": jenkins.URL,
		"username": jenkins.Admin.ID, "password": jenkins.Admin.Token, "pollInterval": "1s"}}}}
	first := newAgent(t, "first", postgres(database), lease, masters).start()
	second := newAgent(t, "second", postgres(database), lease, masters).start()
	err = first.client.SavePipeline(t.Context(), map[string]any{"application": "shop", "name": "deploy", "limitConcurrent": false,
		"triggers": []map[string]any{{"type": "jenkins", "master": "ci", "job": "cart", "enabled": true}},
		"stages":   []map[string]any{stageOf("1", "wait", map[string]any{"waitTime": 0})}})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the job was looked at", func(ctx context.Context) bool {
		var feeds []echo.Feed
		return second.client.Get(ctx, "/gennaker/feeds", &feeds) == nil && len(feeds) == 1 && feeds[0].Kind == "jenkins" && feeds[0].Items == 1
	})

	built := map[string]bool{}
	build := func(shows *agent, tell ...*agent) {
		t.Helper()
		number := fmt.Sprint(job.Finished("SUCCESS").Number())
		built[number] = true
		for _, a := range tell {
			if got := status(t.Context(), http.MethodPost, a.url+"/webhooks/jenkins/ci", `{"job": "cart", "number": `+number+`}`); got != http.StatusOK {
				t.Errorf("agent %s answers %d to a notice", a.name, got)
			}
		}
		await(t, "build "+number+" started something", func(ctx context.Context) bool { return started(ctx, shows)[number] > 0 })
	}
	build(first)
	build(second, first, second)
	// One of the two has the master, and dies in its turn.
	first.kill()
	build(second)
	first.start()
	second.kill()
	build(first, first)
	second.start()
	build(second, first, second)
	for number, times := range started(t.Context(), first) {
		if times != 1 || !built[number] {
			t.Errorf("build %s started %d executions", number, times)
		}
		delete(built, number)
	}
	if len(built) > 0 {
		t.Errorf("builds that started nothing: %v", built)
	}
}

// started counts executions by the builds that started them.
func started(ctx context.Context, a *agent) map[string]int {
	var executions []spinnaker.Execution
	if a.client.Get(ctx, "/applications/shop/executions/search?size=100", &executions) != nil {
		return nil
	}
	counts := map[string]int{}
	for _, e := range executions {
		counts[e.Trigger.Text("buildNumber")]++
	}
	return counts
}
