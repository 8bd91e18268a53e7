package spinnaker

import (
	"encoding/json"
	"testing"
	"time"
)

func TestArtifact(t *testing.T) {
	for _, test := range []struct{ name, given, want string }{
		{"metadata is always there", `{"type":"docker/image"}`,
			`{"type":"docker/image","customKind":false,"metadata":{}}`},
		{"unknown members fold into the metadata", `{"type":"t","tag":1.0,"metadata":{"a":2}}`,
			`{"type":"t","customKind":false,"metadata":{"a":2,"tag":1.0}}`},
		{"kind is dropped", `{"type":"t","kind":"docker"}`, `{"type":"t","customKind":false,"metadata":{}}`},
		{"names are exact", `{"type":"t","NAME":"n"}`, `{"type":"t","customKind":false,"metadata":{"NAME":"n"}}`},
		{"scalars of another type", `{"version":12,"customKind":"true"}`, `{"customKind":true,"version":"12","metadata":{}}`},
		{"null", `null`, `{"customKind":false,"metadata":{}}`},
	} {
		var artifact Artifact
		if err := json.Unmarshal([]byte(test.given), &artifact); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got, err := json.Marshal(artifact); err != nil || string(got) != test.want {
			t.Errorf("%s: found %s (%v), want %s", test.name, got, err, test.want)
		}
	}
}

func TestExpectedArtifact(t *testing.T) {
	const given = `{"-":1,"displayName":"chart","id":"1","matchArtifact":{"customKind":false,"metadata":{},"type":"t"},"note":"kept",` +
		`"useDefaultArtifact":false,"usePriorArtifact":true}`
	var expected ExpectedArtifact
	if err := json.Unmarshal([]byte(given), &expected); err != nil {
		t.Fatal(err)
	}
	sameJSON(t, []byte(given), expected)
	if !expected.UsePriorArtifact || expected.MatchArtifact.Type != "t" || expected.Extra["note"] != "kept" {
		t.Errorf("%+v", expected)
	}
}

// What an artifact is written as is read back as the same.
func FuzzArtifact(f *testing.F) {
	for _, seed := range []string{`{}`, `{"type":"t","x":{"y":[1.0]},"metadata":null}`, `{"metadata":{"type":"u"}}`, `{"uuid":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var artifact Artifact
		if json.Unmarshal(data, &artifact) != nil {
			return
		}
		written, err := json.Marshal(artifact)
		if err != nil {
			t.Fatal(err)
		}
		var again Artifact
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		sameJSON(t, written, again)
	})
}

func TestTrigger(t *testing.T) {
	trigger := Trigger{"type": "jenkins", "enabled": "True", "buildNumber": json.Number("12"), "list": []any{"a", json.Number("1"), true}, "o": map[string]any{"k": 1}}
	if trigger.Type() != "jenkins" || !trigger.Enabled() || trigger.Text("buildNumber") != "12" || trigger.Text("list") != "" ||
		len(trigger.Texts("list")) != 2 || trigger.Object("o")["k"] != 1 || trigger.Object("type") != nil {
		t.Errorf("%v", trigger)
	}
	for _, off := range []Trigger{{}, {"enabled": false}, {"enabled": nil}, {"enabled": "no"}} {
		if off.Enabled() {
			t.Errorf("%v counts as enabled", off)
		}
	}
}

func TestMillis(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	if m := MillisOf(at); m != 1767323045006 || !m.Time().Equal(at) {
		t.Errorf("%d is %v", m, m.Time())
	}
	if MillisOf(time.Time{}) != 0 || !Millis(0).Time().IsZero() {
		t.Error("the zero time is not 0")
	}
}
