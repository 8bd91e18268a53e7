package trigger

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/gennaker/gennaker/api/spinnaker"
)

var update = flag.Bool("update", false, "rewrite the verdicts in testdata")

// Each file of testdata is a pipeline with one trigger, an event, what was looked up (optional), and the verdict.
func TestMatch(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runCase(t, file) })
	}
}

func runCase(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var (
		pipeline spinnaker.Pipeline
		event    Event
		facts    *Facts
		want     *txtar.File
	)
	for i, part := range archive.Files {
		switch part.Name {
		case "pipeline.json":
			err = spinnaker.Decode(part.Data, &pipeline)
		case "event.json":
			err = spinnaker.Decode(part.Data, &event)
		case "facts.json":
			err = spinnaker.Decode(part.Data, &facts)
		case "verdict":
			want = &archive.Files[i]
		default:
			t.Fatalf("unknown part %q", part.Name)
		}
		if err != nil {
			t.Fatalf("%s: %v", part.Name, err)
		}
	}
	before := spinnaker.Clone(pipeline.Triggers[0])
	got := describe(t, NewArmed(pipeline, pipeline.Triggers[0], "").Match(event, facts))
	if diff := cmp.Diff(before, pipeline.Triggers[0]); diff != "" {
		t.Errorf("the stored trigger was changed:\n%s", diff)
	}
	if *update {
		want.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
}

// describe is a verdict as the cases write it: outcome, reason, and the fired trigger.
func describe(t *testing.T, v Verdict) string {
	names := map[Outcome]string{Ignored: "ignored", Fires: "fires", NeedsFacts: "needs facts", Refused: "refused"}
	text := names[v.Outcome] + ": " + v.Reason + "\n"
	if v.PropertyFile != "" {
		text += "property file: " + v.PropertyFile + "\n"
	}
	if v.Fired == nil {
		return text
	}
	fired, err := json.MarshalIndent(v.Fired, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if v.User != "" {
		text += "user: " + v.User + "\n"
	}
	return text + string(fired) + "\n"
}

func TestKeyOf(t *testing.T) {
	for _, c := range []struct {
		trigger spinnaker.Trigger
		want    Key
		ok      bool
	}{
		{spinnaker.Trigger{"type": "jenkins", "master": "ci", "job": "a/job/b"}, Key{Build, "ci", "a/job/b"}, true},
		{spinnaker.Trigger{"type": "jenkins", "master": "ci", "job": "a/job/*", "jobPattern": true}, Key{Build, "ci", ""}, true},
		{spinnaker.Trigger{"type": "jenkins", "master": "ci", "jobPattern": true}, Key{Build, "ci", ""}, false},
		{spinnaker.Trigger{"type": "webhook", "source": "bot"}, Key{Webhook, "bot", ""}, true},
		{spinnaker.Trigger{"type": "docker", "account": "hub", "repository": "team/cart"}, Key{Docker, "hub", "team/cart"}, true},
		{spinnaker.Trigger{"type": "helm/oci", "account": "hub", "repository": "team/chart"}, Key{HelmOCI, "hub", "team/chart"}, true},
		{spinnaker.Trigger{"type": "helm", "account": "charts"}, Key{Helm, "charts", ""}, true},
		{spinnaker.Trigger{"type": "webhook"}, Key{Webhook, "", ""}, false},
		{spinnaker.Trigger{"type": "concourse", "master": "con", "team": "main", "pipeline": "shop", "job": "cart"}, Key{Build, "con", "main/shop/cart"}, true},
		{spinnaker.Trigger{"type": "concourse", "master": "con", "job": "main/shop/cart"}, Key{Build, "con", "main/shop/cart"}, true},
		{spinnaker.Trigger{"type": "git", "source": "GitHub", "project": "Shop", "slug": "Cart"}, Key{Git, "github", "shop/cart"}, true},
		{spinnaker.Trigger{"type": "git", "source": "github", "project": "Shop"}, Key{Git, "github", "shop/"}, false},
		{spinnaker.Trigger{"type": "pubsub", "pubsubSystem": "Google", "subscriptionName": "S"}, Key{Pubsub, "google", "s"}, true},
		{spinnaker.Trigger{"type": "nexus", "nexusSearchName": "n"}, Key{Nexus, "n", ""}, true},
		{spinnaker.Trigger{"type": "plugin"}, Key{Plugin, "PUBLISHED", ""}, true},
		{spinnaker.Trigger{"type": "plugin", "pluginEventType": "preferred"}, Key{Plugin, "PREFERRED", ""}, true},
		{spinnaker.Trigger{"type": "pipeline", "pipeline": "p"}, Key{Pipeline, "p", ""}, true},
		{spinnaker.Trigger{"type": "cron", "id": "c"}, Key{Cron, "", "c"}, true},
		{spinnaker.Trigger{"type": "cron"}, Key{Cron, "", ""}, false},
		{spinnaker.Trigger{"type": "wercker"}, Key{}, false},
		{spinnaker.Trigger{}, Key{}, false},
	} {
		if got, ok := KeyOf(c.trigger); got != c.want || ok != c.ok {
			t.Errorf("KeyOf(%v) = %v, %v; want %v, %v", c.trigger, got, ok, c.want, c.ok)
		}
	}
}

// What is wrong with a trigger is said, with what follows from it.
func TestProblems(t *testing.T) {
	pipeline := spinnaker.Pipeline{ExpectedArtifacts: []spinnaker.ExpectedArtifact{
		{ID: "bad", MatchArtifact: &spinnaker.Artifact{Type: "docker/image", Name: "shop("}}, {ID: "good", MatchArtifact: &spinnaker.Artifact{Name: "a.*"}}}}
	for _, c := range []struct {
		trigger spinnaker.Trigger
		want    []string
	}{
		{spinnaker.Trigger{"type": "jenkins", "master": "ci", "job": "a"}, nil},
		{spinnaker.Trigger{"type": "jenkins", "master": "ci", "job": "a/job/**", "jobPattern": true}, nil},
		{spinnaker.Trigger{"type": "jenkins", "master": "ci", "job": "a/job/[", "jobPattern": true}, []string{
			`job: found "[" in the pattern, expected wildcards such as *, ? and [a-z]: syntax error in pattern: the trigger never fires`}},
		{spinnaker.Trigger{"type": "jenkins", "master": "ci", "job": "a/job/*"}, []string{
			`job: "a/job/*" is taken for a name and no job can have it: the trigger never fires; "jobPattern": true makes it a pattern`}},
		{spinnaker.Trigger{"type": "jenkins"}, []string{"master: is missing: the trigger never fires", "job: is missing: the trigger never fires"}},
		{spinnaker.Trigger{"type": "git", "source": "gogs", "project": "p", "slug": "s", "branch": "("}, []string{
			`source: found "gogs", expected one of github, gitlab, stash, bitbucket`,
			`branch: pattern "(": the group is not closed near character 2: the trigger never fires`}},
		{spinnaker.Trigger{"type": "webhook", "source": "s", "payloadConstraints": map[string]any{"$.[": "x", "a-b": "[", "c": nil}}, []string{
			`payloadConstraints["$.["]: "$.[" is no JSONPath: an expression fragment can not start with a '[' at 4 in $.[: the trigger never fires`,
			`payloadConstraints["a-b"]: pattern "[": the class is not closed near character 2: the trigger never fires`}},
		{spinnaker.Trigger{"type": "cdevents", "source": "s", "attributeConstraints": map[string]any{"a": "["}}, nil},
		{spinnaker.Trigger{"type": "pipeline", "pipeline": "p", "status": []any{"successful", "SUCCEEDED"}}, []string{
			`status: found "SUCCEEDED", expected successful, failed or canceled`}},
		{spinnaker.Trigger{"type": "cron", "cronExpression": "0 0 3 * *", "id": "c"}, []string{
			`cronExpression: found 5 fields in "0 0 3 * *", expected 6 or 7: second, minute, hour, day of month, month, day of week, and perhaps year: the trigger never fires`}},
		{spinnaker.Trigger{"type": "cron", "cronExpression": "0 0 3 * * ?", "timezone": "Berlin"}, []string{
			`timezone: found "Berlin", expected a zone such as Europe/Berlin: the trigger never fires`}},
		{spinnaker.Trigger{"type": "cron", "cronExpression": "0 0 3 * * ?"}, nil},
		{spinnaker.Trigger{"type": "plugin", "expectedArtifactIds": []any{"good", "bad", "none"}}, []string{
			`expected artifact "bad": name: pattern "shop(": the group is not closed near character 6: it matches nothing but that text`,
			`expectedArtifactIds: the pipeline has no expected artifact of id "none"`}},
	} {
		if diff := cmp.Diff(c.want, Problems(pipeline, c.trigger, "Europe/Berlin")); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.trigger, diff)
		}
	}
}

// A chain of pipelines that start each other is cut off, the rest of each execution is not.
func TestPrune(t *testing.T) {
	var ex map[string]any
	for range 2 * maxAncestry {
		ex = map[string]any{"trigger": map[string]any{"parentExecution": ex, "user": "ann"}}
	}
	prune(ex, maxAncestry)
	depth := 0
	for ; ex != nil; depth++ {
		trigger := ex["trigger"].(map[string]any)
		if trigger["user"] != "ann" {
			t.Fatalf("generation %d lost more than its parent: %v", depth, trigger)
		}
		ex, _ = trigger["parentExecution"].(map[string]any)
	}
	if depth != maxAncestry {
		t.Errorf("%d generations, want %d", depth, maxAncestry)
	}
}

// A body as deep as JSON may be is searched like any other.
func TestDeepBody(t *testing.T) {
	const depth = 9000 // encoding/json reads 10000
	text := strings.Repeat(`{"a":[`, depth/2) + `"x"` + strings.Repeat(`]}`, depth/2)
	var payload map[string]any
	if err := spinnaker.Decode([]byte(text), &payload); err != nil {
		t.Fatal(err)
	}
	event := Event{Type: Webhook, Source: "s", Payload: payload}
	for pattern, fires := range map[string]bool{`a=\[x\]`: true, `a=\[y\]`: false} {
		trigger := spinnaker.Trigger{"type": "webhook", "source": "s", "payloadConstraints": map[string]any{"a": pattern}}
		v := NewArmed(spinnaker.Pipeline{}, trigger, "").Match(event, nil)
		if (v.Outcome == Fires) != fires || len(v.Reason) > 1000 {
			t.Errorf("%q: %v %.300s", pattern, v.Outcome, v.Reason)
		}
	}
	// None of the values at any depth is text but one: the constraint does not hold, and nothing else happens.
	trigger := spinnaker.Trigger{"type": "webhook", "source": "s", "payloadConstraints": map[string]any{"$..a": "x"}}
	if v := NewArmed(spinnaker.Pipeline{}, trigger, "").Match(event, nil); v.Outcome != Ignored {
		t.Errorf("%v %.300s", v.Outcome, v.Reason)
	}
}

func TestVerify(t *testing.T) {
	const body = `{"ref":"refs/heads/main"}`
	sha1 := "9e9224e1fe730b87754d941cabe9da2f2724b16c"
	sha256 := strings.TrimPrefix(Sign("s3cret", []byte(body)), "sha256=")
	for _, c := range []struct{ name, signature, want string }{
		{"SHA-1", "sha1=" + sha1, Fits},
		{"SHA-1 in capitals", "SHA1=" + strings.ToUpper(sha1), Fits},
		{"SHA-1 without its name", sha1, Fits},
		{"SHA-256", "sha256=" + sha256, Fits},
		{"SHA-256 without its name", sha256, Fits},
		{"missing", "", "the body is not signed, and the secret asks for it"},
		{"nothing but a name", "sha256=", "the signature has 0 bytes, expected 32"},
		{"too short", "sha1=" + sha1[:38], "the signature has 19 bytes, expected 20"},
		{"too long", "sha1=" + sha1 + "00", "the signature has 21 bytes, expected 20"},
		{"half a byte", "sha1=" + sha1[:39], "the signature is not in hexadecimal digits"},
		{"SHA-1 that says SHA-256", "sha256=" + sha1, "the signature has 20 bytes, expected 32"},
		{"another one", "sha1=" + strings.Repeat("00", 20), "the signature was made with another secret, or the body was changed on its way"},
		{"no digits", "sha1=" + strings.Repeat("x", 40), "the signature is not in hexadecimal digits"},
		{"an unknown algorithm", "md5=" + sha1, `the signature's algorithm is "md5", expected sha256 or sha1`},
	} {
		if got := Verify(c.signature, "s3cret", []byte(body)); got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("sha1=9e9224e1fe730b87754d941cabe9da2f2724b16c", "s3cret", []byte(`{"ref":"refs/heads/main"}`))
	f.Add("sha256=", "", []byte(nil))
	f.Add("=", "a", []byte("\xff"))
	f.Fuzz(func(t *testing.T, signature, secret string, body []byte) {
		if verdict := Verify(signature, secret, body); verdict == Fits && signature == "" {
			t.Errorf("an empty signature fits")
		}
		if verdict := Verify(Sign(secret, body), secret, body); verdict != Fits {
			t.Errorf("our own signature: %s", verdict)
		}
	})
}

func FuzzPayloadConstraints(f *testing.F) {
	f.Add(`$.a[*].b`, `x`, `{"a":[{"b":"x"}]}`)
	f.Add(`a`, `^(x|y)$`, `{"a":["x",1,null]}`)
	f.Add(`$..*`, `(a+)+$`, `{"a":{"b":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}}`)
	f.Fuzz(func(t *testing.T, key, pattern, payload string) {
		var body map[string]any
		if spinnaker.Decode([]byte(payload), &body) != nil {
			return
		}
		if ok, reason := payloadConstraintsHold(map[string]any{key: pattern}, body, nil); ok == (reason != "") {
			t.Errorf("%v with reason %q", ok, reason)
		}
	})
}

// BenchmarkMatch decides on one webhook trigger with three constraints.
func BenchmarkMatch(b *testing.B) {
	t := spinnaker.Trigger{"type": "webhook", "enabled": true, "source": "bot",
		"payloadConstraints": map[string]any{"env": "^(stage|prod)$", "$.commit.author": "ann", "$.files[*]": "^charts/"}}
	event := Event{Type: Webhook, Source: "bot", Payload: map[string]any{
		"env": "prod", "commit": map[string]any{"author": "ann"}, "files": []any{"README.md", "charts/x/values.yaml"}}}
	armed := NewArmed(spinnaker.Pipeline{}, t, "")
	for b.Loop() {
		if v := armed.Match(event, nil); v.Outcome != Fires {
			b.Fatal(v.Reason)
		}
	}
}
