package stage

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// FuzzWebhookAnswer: whatever a server answers is shown as JSON, and leads to nothing but HTTP.
func FuzzWebhookAnswer(f *testing.F) {
	f.Add("application/json", "/jobs/1", `{"url":"https://a.example/x","state":"ok"}`, 200)
	f.Add("text/plain", "//other.example:99/%zz", "\xff\xfe", 503)
	f.Add("application/problem+json; charset", "javascript:alert(1)", `[1,2`, 302)
	f.Add("", "http://ann:secret@a.example/", `{"url":{"a":[]},"state":1e999}`, 600)
	f.Fuzz(func(t *testing.T, contentType, location, body string, code int) {
		answer := &webhookAnswer{code: code, body: []byte(body),
			header: http.Header{"Content-Type": {contentType}, "Location": {location}, "Set-Cookie": {"secret"}}}
		shown := map[string]any{}
		answer.show(shown)
		if _, err := json.Marshal(shown); err != nil {
			t.Errorf("it can not be shown: %v", err)
		}
		for _, resolution := range []string{byGetMethod, byLocation, byResponse} {
			config, problems := readWebhook(running(map[string]any{"url": "https://hook.example/x", "waitForCompletion": true,
				"statusUrlResolution": resolution, "statusUrlJsonPath": "$.url", "statusJsonPath": "$.state"}), nil)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			endpoint, err := statusEndpoint(config, answer)
			if err != nil || endpoint == "" {
				continue
			}
			if parsed, err := url.Parse(endpoint); err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" {
				t.Errorf("the status is looked for at %q (%v)", endpoint, err)
			}
		}
		if artifacts, err := artifactsIn(answer.document()); err != nil && artifacts != nil {
			t.Errorf("artifacts are given together with an error: %v", err)
		}
	})
}

// FuzzWebhookConfig: a configuration is read or refused with words, when it is saved and when it runs.
func FuzzWebhookConfig(f *testing.F) {
	f.Add(`{"url":"https://a/","method":"put","payload":{"a":1},"customHeaders":{"X":["a"]},"retries":{"404":{"maxAttempts":2}}}`)
	f.Add(`{"monitorOnly":true,"waitForCompletion":"true","statusEndpoint":"http://b/","failFastStatusCodes":[1,"503",null]}`)
	f.Add(`{"url":7,"customHeaders":{"X":{"a":1}},"retries":[],"expectedArtifacts":[1,{}],"waitBeforeMonitor":-1e300}`)
	f.Fuzz(func(t *testing.T, text string) {
		var config map[string]any
		if spinnaker.Decode([]byte(text), &config) != nil {
			return
		}
		read, problems := readWebhook(running(config), nil)
		if len(problems) == 0 && read.url == "" && read.statusURL == "" {
			t.Errorf("%s is accepted, and leads nowhere", text)
		}
		if len(problems) == 0 {
			if _, late := readWebhook(saving(config), nil); len(late) > 0 {
				t.Errorf("%s runs, but is not to be saved: %q", text, late)
			}
		}
	})
}
