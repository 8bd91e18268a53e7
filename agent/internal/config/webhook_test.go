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
