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
	got := describe(t, Match(pipeline, pipeline.Triggers[0], event, facts))
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
	return text + string(fired) + "\n"
}

func TestKeyOf(t *testing.T) {
	for _, c := range []struct {
		trigger spinnaker.Trigger
		want    Key
		ok      bool
	}{
		{spinnaker.Trigger{"type": "jenkins", "master": "ci", "job": "a/job/b"}, Key{Build, "ci", "a/job/b"}, true},
		{spinnaker.Trigger{"type": "webhook", "source": "bot"}, Key{Webhook, "bot", ""}, true},
		{spinnaker.Trigger{"type": "docker", "account": "hub", "repository": "team/cart"}, Key{Docker, "hub", "team/cart"}, true},
		{spinnaker.Trigger{"type": "helm/oci", "account": "hub", "repository": "team/chart"}, Key{HelmOCI, "hub", "team/chart"}, true},
		{spinnaker.Trigger{"type": "helm", "account": "charts"}, Key{Helm, "charts", ""}, true},
		{spinnaker.Trigger{"type": "cron"}, Key{}, false},
		{spinnaker.Trigger{}, Key{}, false},
	} {
		if got, ok := KeyOf(c.trigger); got != c.want || ok != c.ok {
			t.Errorf("KeyOf(%v) = %v, %v; want %v, %v", c.trigger, got, ok, c.want, c.ok)
		}
	}
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
		if ok, reason := payloadConstraintsHold(map[string]any{key: pattern}, body); ok == (reason != "") {
			t.Errorf("%v with reason %q", ok, reason)
		}
	})
}
