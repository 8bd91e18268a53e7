package webhook

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

var update = flag.Bool("update", false, "rewrite the events in testdata")

// Each file of testdata is a request (kind and source, headers, body) and the event that it makes, or why it makes none.
// Source "templated" has the template of the file, "guarded" and the git triggers the secret.
func TestRequests(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runCase(t, file) })
	}
}

const secret = "a-long-secret"

func runCase(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var request Request
	var want *txtar.File
	webhooks := config.Webhooks{Sources: []config.WebhookSource{{Source: "guarded", Secret: config.NewSecret(secret)}}}
	pubsub := config.Pubsub{}
	for i, part := range archive.Files {
		switch part.Name {
		case "request":
			request = readRequest(t, part.Data)
		case "template":
			path := filepath.Join(t.TempDir(), "template.jinja")
			if err := os.WriteFile(path, part.Data, 0o600); err != nil {
				t.Fatal(err)
			}
			webhooks.Sources = append(webhooks.Sources, config.WebhookSource{Source: "templated", TemplatePath: path})
			pubsub.Subscriptions = append(pubsub.Subscriptions, config.Subscription{System: "Google", Name: "templated", TemplatePath: path})
		case "shared":
			webhooks.Git.Secret = config.NewSecret(secret)
		case "stranger":
			request.SignedIn = false
		case "event":
			want = &archive.Files[i]
		default:
			t.Fatalf("unknown part %q", part.Name)
		}
	}
	set, err := New(webhooks, pubsub)
	if err != nil {
		t.Fatal(err)
	}
	got := describe(t, set, request)
	if *update {
		want.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func readRequest(t *testing.T, data []byte) Request {
	reader := bufio.NewReader(bytes.NewReader(data))
	line, err := reader.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	kind, source, _ := strings.Cut(strings.TrimSpace(line), " ")
	header, err := textproto.NewReader(reader).ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(reader); err != nil {
		t.Fatal(err)
	}
	request := Request{Kind: kind, Source: source, Header: http.Header(header), Raw: bytes.TrimSuffix(raw.Bytes(), []byte("\n")),
		Payload: map[string]any{}, SignedIn: true}
	if len(request.Raw) > 0 {
		if err := spinnaker.Decode(request.Raw, &request.Payload); err != nil {
			t.Fatal(err)
		}
	}
	return request
}

func describe(t *testing.T, set *Set, request Request) string {
	var (
		event   trigger.Event
		dropped string
		key     string
		err     error
	)
	switch request.Kind {
	case "google", "amazon":
		event, key, err = set.Message(request)
	case "posted":
		event, err = Posted(request.Payload)
	default:
		event, dropped, err = set.Event(request)
	}
	if answer := (*spinnaker.Error)(nil); errors.As(err, &answer) {
		return fmt.Sprintf("refused: %d %s\n", answer.Status, answer.Message)
	}
	if err != nil {
		t.Fatal(err)
	}
	if dropped != "" {
		return "dropped: " + dropped + "\n"
	}
	text, err := json.MarshalIndent(event, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	out := string(text) + "\n"
	if key != "" {
		out = "key: " + strings.ReplaceAll(key, "\x00", " ") + "\n" + out
	}
	return out
}

// A template that cannot be read or parsed is refused when the agent starts, by its place in the configuration.
func TestBadTemplates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.jinja")
	if err := os.WriteFile(path, []byte("[{% for x in %}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{path, "webhooks.sources[0] (hub): templatePath: template broken.jinja: "},
		{path + ".gone", "webhooks.sources[0] (hub): templatePath: open "},
	} {
		_, err := New(config.Webhooks{Sources: []config.WebhookSource{{Source: "hub", TemplatePath: c.path}}}, config.Pubsub{})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s…", c.path, err, c.want)
		}
	}
}

// A template that would write without end is stopped.
func TestTemplateIsBounded(t *testing.T) {
	endless, err := parseTemplate("endless.jinja", []byte(`{% for a in x %}{% for b in x %}{% for c in x %}{{ a }}{% endfor %}{% endfor %}{% endfor %}`))
	if err != nil {
		t.Fatal(err)
	}
	many := make([]any, 1000)
	for i := range many {
		many[i] = "xxxxxxxxxx"
	}
	if _, err := endless.artifacts(map[string]any{"x": many}); err == nil || !strings.Contains(err.Error(), "more than 1 MiB") {
		t.Errorf("found %v, expected a refusal", err)
	}
}

// A signature is over the bytes as they came, also where they are not the text that their content means.
func TestSignatureOverOddBytes(t *testing.T) {
	raw := []byte("{\"ref\": \"refs/heads/m\xffin\", \"after\":\t1.0 , \"repository\": {\"name\": \"\\u0063art\", \"owner\": {\"name\": \"shop\"}}}")
	request := Request{Kind: "git", Source: "github", Raw: raw, SignedIn: true, Header: http.Header{signature256: {trigger.Sign(secret, raw)}}}
	if err := spinnaker.Decode(raw, &request.Payload); err != nil {
		t.Fatal(err)
	}
	set, err := New(config.Webhooks{}, config.Pubsub{})
	if err != nil {
		t.Fatal(err)
	}
	event, _, err := set.Event(request)
	if err != nil {
		t.Fatal(err)
	}
	// It is stored and read back before it is matched again.
	stored, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	var read trigger.Event
	if err := spinnaker.Decode(stored, &read); err != nil {
		t.Fatal(err)
	}
	for _, e := range []trigger.Event{event, read} {
		git := spinnaker.Trigger{"type": "git", "source": "github", "project": "shop", "slug": "cart", "secret": secret}
		if v := trigger.NewArmed(spinnaker.Pipeline{}, git, "").Match(e, nil); v.Outcome != trigger.Fires {
			t.Errorf("%s", v.Reason)
		}
	}
}

// A body does not make an event that is much larger than it is.
func TestArtifactsDoNotMultiply(t *testing.T) {
	long := strings.Repeat("{+path}", 1<<17)
	files := make([]any, 2*maxFiles)
	for i := range files {
		files[i] = fmt.Sprint(i, "/", strings.Repeat("x", 100))
	}
	files[0] = long
	for host, body := range map[string]map[string]any{
		"github": {"after": "5f", "repository": map[string]any{"contents_url": long, "name": "cart"}, "commits": []any{map[string]any{"added": files}}},
		"gitlab": {"after": "5f", "project": map[string]any{"web_url": "https://gitlab.example/x", "path_with_namespace": long},
			"commits": []any{map[string]any{"added": files}}},
		"quay": {"repository": "cart", "docker_url": long, "updated_tags": files},
	} {
		set, err := New(config.Webhooks{}, config.Pubsub{})
		if err != nil {
			t.Fatal(err)
		}
		request := Request{Kind: "git", Source: host, Raw: []byte("{}"), Payload: body, SignedIn: true}
		if host == "quay" {
			request.Kind = "webhook"
		}
		event, _, err := set.Event(request)
		if err != nil {
			t.Fatal(err)
		}
		made, err := json.Marshal(event.Artifacts)
		if err != nil || len(made) > 2<<20 || len(event.Artifacts) > maxFiles {
			t.Errorf("%s: %d artifacts of %d bytes, %v", host, len(event.Artifacts), len(made), err)
		}
	}
}

// Whatever comes in makes an event, is dropped or is refused.
func FuzzEvent(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if head, body, ok := strings.Cut(string(part.Data), "\n\n"); ok && part.Name == "request" {
				kind, source, _ := strings.Cut(strings.SplitN(head, "\n", 2)[0], " ")
				f.Add(kind, source, "repo:push", body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind, source, event, body string) {
		request := Request{Kind: kind, Source: source, Raw: []byte(body), SignedIn: true,
			Header: http.Header{"X-Event-Key": {event}, "X-Github-Event": {event}, "X-Hub-Signature": {event}, "Ce-Data": {event}}}
		if spinnaker.Decode(request.Raw, &request.Payload) != nil || request.Payload == nil {
			return
		}
		set, err := New(config.Webhooks{}, config.Pubsub{})
		if err != nil {
			t.Fatal(err)
		}
		for _, accept := range []func() (trigger.Event, error){
			func() (trigger.Event, error) { e, _, err := set.Event(request); return e, err },
			func() (trigger.Event, error) { e, _, err := set.Message(request); return e, err },
			func() (trigger.Event, error) { return Posted(request.Payload) },
		} {
			made, err := accept()
			if refused := (*spinnaker.Error)(nil); err != nil && !errors.As(err, &refused) {
				t.Errorf("no answer for a caller: %v", err)
			}
			if _, err := json.Marshal(made); err != nil {
				t.Errorf("the event cannot be stored: %v", err)
			}
		}
	})
}

// Whatever a body holds, a template makes artifacts of it or says why not.
func FuzzTemplate(f *testing.F) {
	made, err := parseTemplate("images.jinja", []byte(`[{% for i in images %}{"type": "docker/image", "name": "{{ i.name }}", "version": "{{ i.tag|default(version) }}"},{% endfor %}
		{"name": {{ images|tojson }}}]`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"images": [{"name": "cart", "tag": 1.0}], "version": "2"}`)
	f.Add(`{"images": {"a": null}, "version": []}`)
	f.Add(`{"images": "text", "i": 1}`)
	f.Fuzz(func(t *testing.T, body string) {
		var payload map[string]any
		if spinnaker.Decode([]byte(body), &payload) != nil {
			return
		}
		artifacts, err := made.artifacts(payload)
		if err != nil && artifacts != nil || err != nil && !strings.HasPrefix(err.Error(), "template images.jinja: ") {
			t.Errorf("%v and %v", artifacts, err)
		}
	})
}
