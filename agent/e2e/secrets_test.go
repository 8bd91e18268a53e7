package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// What the configuration and pipelines keep secret has a text of its own, so that it is known where it turns up.
const (
	operators = "operators-secret" // in a preconfigured webhook
	authors   = "authors-secret"   // in a pipeline
)

// The secrets of webhooks are sent, whatever comes of it, and are found nowhere afterwards: those of the configuration
// neither in an answer nor in the store nor in the log; those that a pipeline holds nowhere but in the fields that hold them.
func TestSecretsOfWebhooks(t *testing.T) {
	sent := make(chan string, 100)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent <- fmt.Sprint(r.URL, r.Header)
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/refuses":
			w.WriteHeader(http.StatusBadRequest)
		case "/started":
			w.Header().Set("Location", "/echo?id=7")
		case "/leads-away":
			http.Redirect(w, r, "http://[::1]/?id=7", http.StatusFound)
			return
		}
		user, password, _ := r.BasicAuth()
		body, err := json.Marshal(map[string]any{"state": "ok", "sent": r.Header, "user": user, "password": password})
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	}))
	t.Cleanup(target.Close)
	address := func(secret, path string) string {
		return strings.Replace(target.URL, "http://", "http://robot:"+secret+"@", 1) + path + "?key=" + secret
	}
	// webhook is a webhook whose every secret is the text given.
	webhook := func(secret, path string, more map[string]any) map[string]any {
		whole := map[string]any{"url": address(secret, path), "customHeaders": map[string]any{"X-Token": "Bearer " + secret},
			"cancelEndpoint": address(secret, "/refuses")}
		maps.Copy(whole, more)
		return whole
	}
	waits := func(how string) map[string]any {
		return map[string]any{"waitForCompletion": true, "statusUrlResolution": how, "statusUrlJsonPath": "$.state"}
	}
	fails := map[string]any{"waitForCompletion": true, "statusUrlResolution": "getMethod", "statusJsonPath": "$.nope"}
	var presets, stages []map[string]any
	for _, of := range []struct {
		name, path string
		more       map[string]any
	}{
		{"Answers", "/echo", nil}, {"Refuses", "/refuses", nil}, {"AsksItself", "/echo", waits("getMethod")},
		{"AsksElsewhere", "/started", waits("locationHeader")}, {"HasNoStatus", "/echo", waits("webhookResponse")},
		{"FailsLater", "/echo", fails}, {"LeadsAway", "/leads-away", nil},
	} {
		preset := webhook(operators, of.path, of.more)
		preset["type"], preset["label"] = "preset"+of.name, of.name
		presets = append(presets, preset)
		own := webhook(authors, of.path, of.more)
		own["type"], own["method"] = "webhook", "POST"
		stages = append(stages, own, map[string]any{"type": "preset" + of.name},
			map[string]any{"type": "preset" + of.name, "monitorOnly": true, "waitForCompletion": true})
	}
	stages = append(stages, map[string]any{"type": "webhook", "url": "http://robot:%%" + authors + "@127.0.0.1/%"},
		map[string]any{"type": "webhook", "url": "http://robot:" + authors + "@127.0.0.1:1/?" + authors})
	for i, stage := range stages {
		maps.Copy(stage, map[string]any{"refId": fmt.Sprint(i), "name": fmt.Sprint(i), "continuePipeline": true})
	}
	folder := t.TempDir()
	agent := startAgent(t, folder, map[string]any{"log": map[string]any{"level": "debug"},
		"webhook": map[string]any{"allowedHosts": []string{"127.0.0.1"}, "preconfigured": presets}})
	c := connected(t, agent.URL)
	if err := c.SavePipeline(t.Context(), map[string]any{"application": "shop", "name": "call", "stages": stages}); err != nil {
		t.Fatal(err)
	}
	id, err := c.Start(t.Context(), "shop", "call", nil)
	if err != nil {
		t.Fatal(err)
	}
	var execution *spinnaker.Execution
	waitFor(t, "the end of the execution", func() bool {
		if execution, err = c.Execution(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return execution.Status.Complete()
	})
	var all string
	for range len(sent) {
		all += <-sent
	}
	for _, secret := range []string{operators, authors} {
		if !strings.Contains(all, "key="+secret) || !strings.Contains(all, "Bearer "+secret) || !strings.Contains(all, "Authorization:[Basic ") {
			t.Errorf("%s was not sent: %s", secret, all)
		}
	}

	for _, path := range []string{"/pipelines/" + id, "/webhooks/preconfigured", "/applications/shop/pipelines", "/applications/shop/executions/search",
		"/applications/shop/pipelineConfigs"} {
		var answer json.RawMessage
		if err := c.Get(t.Context(), path, &answer); err != nil {
			t.Error(err)
		}
		expectNone(t, path, string(answer), operators)
	}
	for _, stage := range execution.Stages {
		for _, written := range []string{"url", "customHeaders", "cancelEndpoint"} {
			delete(stage.Context, written)
		}
		if stage.Type == "webhook" {
			without(stage.Context["webhook"], "body") // here the target says what it was sent
		}
		text, err := json.Marshal(stage)
		if err != nil {
			t.Fatal(err)
		}
		expectNone(t, "stage "+stage.Name+" beside its fields", string(text), authors)
	}
	doctor := exec.Command(program, "doctor", "--config", "gennaker.yaml", "--json")
	doctor.Dir = folder
	said, err := doctor.CombinedOutput()
	t.Logf("doctor: %v", err)
	expectNone(t, "doctor", string(said), operators, authors)
	agent.kill(t) // so that the store is as it was written
	files, err := filepath.Glob(filepath.Join(folder, "gennaker.[dl]*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		expectNone(t, filepath.Base(file), string(text), operators)
		if strings.HasSuffix(file, ".log") {
			expectNone(t, filepath.Base(file), string(text), authors)
		}
	}
}

// without removes a member from an object and from those in it.
func without(object any, key string) {
	members, _ := object.(map[string]any)
	delete(members, key)
	for _, member := range members {
		without(member, key)
	}
}

// expectNone expects that a text holds no secret.
func expectNone(t *testing.T, what, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s: a secret is in …%q… (%d times)", what, text[max(0, at-200):min(len(text), at+80)], strings.Count(text, secret))
		}
	}
}
