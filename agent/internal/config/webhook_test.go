package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPreconfiguredWebhook(t *testing.T) {
	t.Setenv("CI_TOKEN", "11aabbccddeeff00")
	c, err := Load("testdata/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	webhook := c.Webhook.Preconfigured[0]
	if got := webhook.CustomHeaders["X-Keys"]; len(got) != 2 || got[0].Reveal() != "a" || got[1].Reveal() != "11aabbccddeeff00" {
		t.Errorf("its headers were not understood: %d values", len(got))
	}
	want := map[string]any{"url": "https://tickets.internal/new", "waitForCompletion": false}
	if diff := cmp.Diff(want, webhook.Fixed()); diff != "" {
		t.Errorf("what it fixes (-want +got):\n%s", diff)
	}
}

// TestFixed: what a webhook may fix, and the headers that it sends.
func TestFixed(t *testing.T) {
	c, err := Parse([]byte(`webhook: {preconfigured: [{type: a, url: "https://a/", method: PUT, payload: x, waitForCompletion: true, statusUrlResolution: getMethod,
	  signalCancellation: true, failFastStatusCodes: [], retryStatusCodes: [404], waitBeforeMonitor: 5, customHeaders: {A: one, B: two}, sensitiveHeaders: {B: three}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	webhook := c.Webhook.Preconfigured[0]
	want := map[string]any{"url": "https://a/", "method": "PUT", "payload": "x", "waitForCompletion": true, "statusUrlResolution": "getMethod",
		"signalCancellation": true, "failFastStatusCodes": []any{}, "retryStatusCodes": []any{404}, "waitBeforeMonitor": 5}
	if diff := cmp.Diff(want, webhook.Fixed()); diff != "" {
		t.Errorf("what it fixes (-want +got):\n%s", diff)
	}
	if headers := webhook.Headers(); len(headers) != 2 || headers["A"][0].Reveal() != "one" || headers["B"][0].Reveal() != "three" {
		t.Errorf("found %d headers, expected A: one, B: three", len(headers))
	}
}

func TestAllowedRequest(t *testing.T) {
	allowed := AllowedRequest{HTTPMethods: []string{"POST"}, URLPrefix: "https://a.example/x"}
	for request, want := range map[[2]string]bool{
		{"POST", "https://a.example/x/1"}:    true,
		{"GET", "https://a.example/x/1"}:     false,
		{"POST", "http://a.example/x/1"}:     false,
		{"POST", "https://a.example.evil/x"}: false,
	} {
		if allowed.Allows(request[0], request[1]) != want {
			t.Errorf("%v: not %v", request, want)
		}
	}
}
