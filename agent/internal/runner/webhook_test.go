package runner_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// recorder is a target of webhooks. It remembers the keys of the requests for each path.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	keys map[string][]string
}

func newRecorder(t *testing.T, status func(path string, n int) string) *recorder {
	t.Helper()
	r := &recorder{keys: map[string][]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		key := request.Method + " " + request.URL.Path
		r.mu.Lock()
		r.keys[key] = append(r.keys[key], request.Header.Get(stage.IdempotencyHeader))
		n := len(r.keys[key])
		r.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, status(request.URL.Path, n))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) of(key string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[key]
}

// TestWebhookSurvivesKills: every webhook is called at least once, always with the same key, whenever the agent dies.
func TestWebhookSurvivesKills(t *testing.T) {
	const pipelines, kills = 12, 10
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	target := newRecorder(t, func(string, int) string { return `{}` })
	s := openStore(t)
	definition := pipeline(t, `{"application":"shop","name":"p","id":"p","limitConcurrent":false,"stages":[
	  {"refId":"1","type":"webhook","url":"`+target.URL+`/a/${execution.id}"},
	  {"refId":"2","type":"webhook","url":"`+target.URL+`/b/${execution.id}","method":"PUT","requisiteStageRefIds":["1"]}]}`)
	var ids []string
	for kill := range kills + 1 {
		agent := &mortal{Store: s}
		b := start(t, agent, &plugins{}, func(o *runner.Options) { o.Drain = time.Millisecond })
		for kill == 0 && len(ids) < pipelines {
			ids = append(ids, b.launch(definition, spinnaker.Trigger{}))
		}
		if kill < kills {
			<-time.After(time.Duration(random.IntN(15)) * time.Millisecond)
			agent.dead.Store(true)
			b.stop()
			continue
		}
		repeated := 0
		for _, id := range ids {
			ex := b.ended(id)
			expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED 2=SUCCEEDED")
			for ref, request := range map[string]string{"1": "POST /a/", "2": "PUT /b/"} {
				keys := target.of(request + id)
				if len(keys) == 0 {
					t.Errorf("%s%s was never called", request, id)
				}
				repeated += max(0, len(keys)-1)
				for _, key := range keys {
					expect(t, "key of "+request+id, key, fmt.Sprintf("%s/%s/1", id, stageOf(ex, ref).ID))
				}
			}
		}
		t.Logf("%d of %d webhooks were called again", repeated, 2*pipelines)
	}
}

// TestCancelReachesTheWebhook: canceling the execution calls the cancel endpoint, with what the webhook answered.
func TestCancelReachesTheWebhook(t *testing.T) {
	target := newRecorder(t, func(string, int) string { return `{"id":"j1","state":"busy"}` })
	b := start(t, openStore(t), &plugins{})
	id := b.launch(pipeline(t, `{"application":"shop","name":"p","id":"p","stages":[{"refId":"1","type":"webhook","url":"`+target.URL+`/hook",
	  "waitForCompletion":true,"statusUrlResolution":"getMethod","statusJsonPath":"$.state","cancelEndpoint":"`+target.URL+`/stop/${webhook.body.id}"}]}`), nil)
	b.until(id, "looking at the status", func(ex *engine.Execution) bool { return len(target.of("GET /hook")) > 0 })
	if err := b.runner.Cancel(t.Context(), id, "ann", "enough"); err != nil {
		t.Fatal(err)
	}
	ex := b.ended(id)
	expect(t, "statuses", statuses(ex), "CANCELED 1=CANCELED")
	expect(t, "cancel", strings.Join(target.of("POST /stop/j1"), " "), fmt.Sprintf("%s/%s/1/cancel", id, ex.Stages[0].ID))
}

// TestWebhookTimesOut: the pipeline's time-out ends the watch and cancels the webhook, and so it does after a restart.
func TestWebhookTimesOut(t *testing.T) {
	target := newRecorder(t, func(string, int) string { return `{"state":"busy"}` })
	b := start(t, openStore(t), &plugins{})
	id := b.launch(pipeline(t, `{"application":"shop","name":"p","id":"p","stages":[{"refId":"1","type":"webhook","name":"Call","url":"`+target.URL+`/hook",
	  "waitForCompletion":true,"statusUrlResolution":"getMethod","statusJsonPath":"$.state","cancelEndpoint":"`+target.URL+`/stop","stageTimeoutMs":100}]}`), nil)
	ex := b.ended(id)
	expect(t, "statuses", statuses(ex), "TERMINAL 1=TERMINAL")
	if found := failures(ex, "1"); !strings.HasPrefix(found, "Stage Call timed out after 0 seconds") {
		t.Errorf("failure: found %q", found)
	}
	if err := b.runner.Restart(t.Context(), id, ex.Stages[0].ID, "ann", false); err != nil {
		t.Fatal(err)
	}
	ex = b.ended(id)
	prefix := id + "/" + ex.Stages[0].ID
	expect(t, "cancels", strings.Join(target.of("POST /stop"), " "), prefix+"/1/cancel "+prefix+"/2/cancel")
}
