package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/api/client"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// connections are how many webhooks are under way at once.
	connections = 64
	// senders are how many sources there are, listeners how many pipelines listen to each.
	senders, listeners = 20, 5
	// padding makes a webhook as large as a usual one.
	padding = 2 << 10
)

// configured is the configuration of an agent with a fresh store.
func configured(t testing.TB, store string) map[string]any {
	if store == "SQLite" {
		return nil
	}
	return map[string]any{"store": map[string]any{"postgres": map[string]any{"url": database.Database(t)}}}
}

// An agent is killed again and again while webhooks come in. Every one that it has accepted is there afterwards, with what
// each trigger made of it, and has started its pipeline exactly once; so has every one whose answer was lost, if it is there.
func TestAcceptedWebhooksOutliveTheAgent(t *testing.T) {
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		t.Run(store, func(t *testing.T) {
			// The agent is killed when so many are accepted; the others are under way, or yet to come.
			const kills, acceptedEach, atMost = 3, 100, 1000
			configuration, folder := configured(t, store), t.TempDir()
			agent := startAgent(t, folder, configuration)
			listen(t, agent.URL)
			var accepted []string
			for range kills {
				w := newWebhooks(t, agent.URL)
				ctx, stop := context.WithCancel(t.Context())
				sending := make(chan error, 1)
				go func() { sending <- w.starting(ctx, atMost) }()
				waitFor(t, "accepted webhooks", func() bool { return w.count() >= acceptedEach })
				agent.kill(t)
				stop()
				if err := <-sending; errors.As(err, new(*refusal)) {
					t.Fatal(err)
				}
				accepted = append(accepted, w.accepted...)
				agent = startAgent(t, folder, configuration)
			}
			checkAccepted(t, agent.URL, accepted)
		})
	}
}

// checkAccepted compares accepted events with what is stored of them, and with the executions.
func checkAccepted(t *testing.T, url string, accepted []string) {
	t.Helper()
	agent := connected(t, url)
	byEvent := map[string][]string{}
	var executions []spinnaker.Execution
	waitFor(t, "the end of all executions", func() bool {
		executions = all(t, agent)
		return !slices.ContainsFunc(executions, func(e spinnaker.Execution) bool { return !e.Status.Complete() })
	})
	for _, execution := range executions {
		event := execution.Trigger.Text("eventId")
		byEvent[event] = append(byEvent[event], execution.ID)
	}
	for event, started := range byEvent {
		if len(started) != 1 {
			t.Errorf("event %s started %d executions, expected 1", event, len(started))
		}
	}
	for _, id := range accepted {
		var event struct {
			Verdicts []struct{ Outcome, Reason, ExecutionID string }
		}
		if err := agent.Get(t.Context(), "/gennaker/events/"+id, &event); err != nil {
			t.Errorf("event %s was accepted: %v", id, err)
			continue
		}
		var started []string
		for _, verdict := range event.Verdicts {
			if verdict.Outcome == "fired" {
				started = append(started, verdict.ExecutionID)
			}
		}
		if len(event.Verdicts) != listeners || !slices.Equal(started, byEvent[id]) || len(started) != 1 {
			t.Errorf("event %s has the verdicts %+v, expected %d and one execution, %v", id, event.Verdicts, listeners, byEvent[id])
		}
	}
}

// all are the executions of the application, page by page.
func all(t *testing.T, agent *client.Client) (executions []spinnaker.Execution) {
	t.Helper()
	const size = 1000
	for {
		var page []spinnaker.Execution
		path := fmt.Sprintf("/applications/shop/executions/search?size=%d&startIndex=%d", size, len(executions))
		if err := agent.Get(t.Context(), path, &page); err != nil {
			t.Fatal(err)
		}
		executions = append(executions, page...)
		if len(page) < size {
			return executions
		}
	}
}

// BenchmarkWebhooks offers webhooks to an agent for some seconds at the rate that is promised for its store, one in fifty of
// which starts a pipeline, then sends some as fast as they are taken. It reports how long after the moment at which it was
// due a webhook was accepted, and how many were in a second.
func BenchmarkWebhooks(b *testing.B) {
	for _, store := range []struct {
		name string
		rate int
	}{{"SQLite", 500}, {"PostgreSQL", 1000}} {
		b.Run(store.name, func(b *testing.B) {
			const seconds, atMost = 20, 5000
			agent := startAgent(b, b.TempDir(), configured(b, store.name))
			listen(b, agent.URL)
			w := newWebhooks(b, agent.URL)
			for b.Loop() {
				times, err := w.offer(b.Context(), store.rate, store.rate*seconds)
				if err != nil {
					b.Fatal(err)
				}
				slices.Sort(times)
				b.ReportMetric(float64(store.rate), "offered/s")
				b.ReportMetric(milliseconds(times[len(times)/2]), "p50-ms")
				b.ReportMetric(milliseconds(times[len(times)*99/100]), "p99-ms")
				began := time.Now()
				if err := w.burst(b.Context(), atMost); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(atMost/time.Since(began).Seconds(), "accepted/s")
			}
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// listen saves the pipelines that listen to the senders.
func listen(t testing.TB, url string) {
	t.Helper()
	for sender := range senders {
		for n := range listeners {
			err := connected(t, url).SavePipeline(t.Context(), map[string]any{"application": "shop", "limitConcurrent": false,
				"name": fmt.Sprintf("listener %d of %d", n, sender),
				"triggers": []map[string]any{{"type": "webhook", "enabled": true, "source": fmt.Sprint("sender-", sender),
					"payloadConstraints": map[string]any{"action": fmt.Sprintf("^start-%d$", n), "$.repository.name": "^cart$"}}},
				"stages": []map[string]any{{"refId": "1", "type": "wait", "name": "wait", "waitTime": 0}}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// webhooks sends webhooks to an agent and remembers which it has accepted.
type webhooks struct {
	url    string
	client *http.Client

	mu       sync.Mutex
	accepted []string
}

func newWebhooks(t testing.TB, url string) *webhooks {
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	t.Cleanup(transport.CloseIdleConnections)
	return &webhooks{url: url, client: &http.Client{Transport: transport, Timeout: feedWait}}
}

// count is how many have been accepted.
func (w *webhooks) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.accepted)
}

// starting sends so many webhooks that each start a pipeline, until one fails. An agent that is too busy may refuse some.
func (w *webhooks) starting(ctx context.Context, count int) error {
	group, sending := errgroup.WithContext(ctx)
	for first := range connections {
		group.Go(func() error {
			for n := first; n < count; n += connections {
				err := w.send(sending, n, true)
				if busy := (*refusal)(nil); errors.As(err, &busy) && busy.status == http.StatusServiceUnavailable {
					continue
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// burst sends so many as fast as they are taken.
func (w *webhooks) burst(ctx context.Context, count int) error {
	group, sending := errgroup.WithContext(ctx)
	group.SetLimit(connections)
	for n := range count {
		group.Go(func() error { return w.send(sending, n, starts(n)) })
	}
	return group.Wait()
}

// offer sends webhooks at a rate, however long they take, and returns how long after the moment at which it was due each was
// accepted.
func (w *webhooks) offer(ctx context.Context, rate, count int) ([]time.Duration, error) {
	times := make([]time.Duration, count)
	due := make(chan int, count) // who offers waits for nobody
	began := time.Now()
	at := func(n int) time.Time { return began.Add(time.Duration(n) * time.Second / time.Duration(rate)) }
	group, sending := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(due)
		for n := range count {
			select {
			case <-time.After(time.Until(at(n))):
				due <- n
			case <-sending.Done():
				return sending.Err()
			}
		}
		return nil
	})
	for range connections {
		group.Go(func() error {
			for n := range due {
				if err := w.send(sending, n, starts(n)); err != nil {
					return err
				}
				times[n] = time.Since(at(n))
			}
			return nil
		})
	}
	return times, group.Wait()
}

// starts says which webhooks of a measure start a pipeline.
func starts(n int) bool { return n%50 == 0 }

// refusal is an answer other than the one that says that the event is accepted.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("a webhook was answered %d: %s", r.status, r.body)
}

// send sends a webhook, which may start a pipeline.
func (w *webhooks) send(ctx context.Context, n int, starting bool) error {
	action := "noted"
	if starting {
		action = fmt.Sprintf("start-%d", n%listeners)
	}
	body, err := json.Marshal(map[string]any{"action": action, "number": n, "repository": map[string]any{"name": "cart", "owner": "team"},
		"text": strings.Repeat("x", padding)})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/webhooks/webhook/sender-%d", w.url, n%senders),
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	var receipt struct{ EventID string }
	if response.StatusCode != http.StatusOK || json.Unmarshal(text, &receipt) != nil || receipt.EventID == "" {
		return &refusal{response.StatusCode, string(text)}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted = append(w.accepted, receipt.EventID)
	return nil
}

// Bodies that are odd are stored as what they say or refused with what is wrong, on either store, and nothing else suffers.
func TestOddWebhooks(t *testing.T) {
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		t.Run(store, func(t *testing.T) {
			agent := startAgent(t, t.TempDir(), configured(t, store))
			save(t, agent.URL, map[string]any{"type": "webhook", "enabled": true, "source": "odd", "payloadConstraints": map[string]any{"text": "."}})
			for _, c := range []struct {
				name, body string
				status     int
				// says is in the answer, or in the trigger of what was started.
				says string
			}{
				{"a NUL", `{"text": "a\u0000b"}`, http.StatusOK, `a\u0000b`},
				{"bytes that are no UTF-8", "{\"text\": \"a\xff\xfeb\"}", http.StatusOK, "a\ufffd\ufffdb"},
				{"half a surrogate pair", `{"text": "a\ud800b"}`, http.StatusOK, "a\ufffdb"},
				{"a member that comes twice", `{"text": "", "text": "last"}`, http.StatusOK, "last"},
				{"a number that no float holds", `{"text": "n", "n": 123456789012345678901234567890.10}`, http.StatusOK, "123456789012345678901234567890.10"},
				// One byte too many is read, so that the answer does not meet a client that still sends.
				{"too large", `{"text": "` + strings.Repeat("x", 10<<20+1-len(`{"text": ""}`)) + `"}`, http.StatusRequestEntityTooLarge, "larger than 10 MiB"},
				{"deep nesting", strings.Repeat(`{"text":`, 100_000), http.StatusBadRequest, "nested more than 1000 deep"},
				{"bytes that are no JSON", "\x00\x01\x02", http.StatusBadRequest, "not a JSON object"},
			} {
				status, answer, err := posted(agent.URL+"/webhooks/webhook/odd", c.body)
				if err != nil {
					t.Fatal(err)
				}
				if status != c.status {
					t.Errorf("%s: answered %d %.300s, expected %d", c.name, status, answer, c.status)
					continue
				}
				if status == http.StatusOK {
					answer = startedBy(t, agent.URL, answer)
				}
				if !strings.Contains(answer, c.says) {
					t.Errorf("%s: found %.500q, expected %q", c.name, answer, c.says)
				}
			}
		})
	}
}

// posted is the answer to a body.
func posted(address, body string) (status int, answer string, err error) {
	response, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, string(text), err
}

// startedBy is the trigger of the one execution that a webhook's answer names, as JSON.
func startedBy(t *testing.T, url, answer string) string {
	t.Helper()
	var receipt struct {
		Executions []struct{ Ref string }
	}
	if err := json.Unmarshal([]byte(answer), &receipt); err != nil || len(receipt.Executions) != 1 {
		t.Fatalf("answer %s, expected one execution: %v", answer, err)
	}
	response, err := http.Get(url + receipt.Executions[0].Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", response.Status, err)
	}
	return string(text)
}

// A message that comes many times at once, as from a sender that got no answer, is one event and starts its pipeline once.
func TestMessagesThatComeAgain(t *testing.T) {
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		t.Run(store, func(t *testing.T) {
			agent := startAgent(t, t.TempDir(), configured(t, store))
			save(t, agent.URL, map[string]any{"type": "pubsub", "enabled": true, "pubsubSystem": "google", "subscriptionName": "builds"})
			const messages, times = 5, 16
			ids := make([][times]string, messages)
			var group errgroup.Group
			for m := range messages {
				for n := range times {
					group.Go(func() error {
						status, answer, err := posted(agent.URL+"/gennaker/pubsub/google/builds", fmt.Sprintf(`{"payload": {"n": %d}, "messageId": "m%d"}`, m, m))
						if err != nil {
							return err
						}
						var receipt struct{ EventID string }
						if json.Unmarshal([]byte(answer), &receipt) != nil || status != http.StatusOK {
							return fmt.Errorf("answered %d %s", status, answer)
						}
						ids[m][n] = receipt.EventID
						return nil
					})
				}
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			for m := range messages {
				for _, id := range ids[m] {
					if id == "" || id != ids[m][0] {
						t.Errorf("message %d is event %q and event %q", m, ids[m][0], id)
					}
				}
			}
			if executions := all(t, connected(t, agent.URL)); len(executions) != messages {
				t.Errorf("%d executions, expected %d", len(executions), messages)
			}
		})
	}
}
