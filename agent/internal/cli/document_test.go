package cli

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/spel"
)

func decoded(t testing.TB, text string) any {
	t.Helper()
	value, err := spel.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestPlaces(t *testing.T) {
	document := decoded(t, `{"name": "plain", "a.b": "${1}", "${k}": {"é": "${2}"}, "stages": [
		{"overrides": {"image.repository": "${3}", "x": ["", ["${4}"]]}}, "${5}", {"stages": ["${6}"], "$x_1": "a ${7} b"}]}`)
	type spot struct {
		Path, Text string
		Stage      int
	}
	var got []spot
	for p := range places(document) {
		got = append(got, spot{p.path, p.text, p.stage})
	}
	want := []spot{
		{`["a.b"]`, "${1}", -1},
		{`key of ["${k}"]`, "${k}", -1},
		{`["${k}"].é`, "${2}", -1},
		{`stages[0].overrides["image.repository"]`, "${3}", 0},
		{`stages[0].overrides.x[1][0]`, "${4}", 0},
		{`stages[1]`, "${5}", 1},
		{`stages[2].stages[0]`, "${6}", 2},
		{`stages[2].$x_1`, "a ${7} b", 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for p := range places(document) {
		if p.path != `["a.b"]` {
			t.Errorf("the walk went on to %s", p.path)
		}
		break
	}
}

// Whatever a document is, each of its expressions has a value or a problem.
func FuzzEvaluateDocument(f *testing.F) {
	f.Add([]byte(`{"trigger": {"properties": {"a": 1}}, "stages": [{"refId": "1", "name": "A", "x": "${trigger.properties.a}"}]}`))
	f.Add([]byte(`{"stages": [1, {"refId": 2, "requisiteStageRefIds": ["1", 2], "x": "${#stage('A').outputs}"}], "${a}": "${b"}`))
	f.Add([]byte(`["${#root}", "${execution}", "${parameters}"]`))
	f.Add([]byte(`"${1"`))
	engine := spel.New(spel.Config{})
	f.Fuzz(func(t *testing.T, data []byte) {
		document, err := spel.Decode(data)
		if err != nil {
			return
		}
		evaluate := newEnvs(document, document).evaluator(engine)
		for p := range places(document) {
			result, err := evaluate(t.Context(), p)
			if err != nil {
				t.Fatalf("%s: %v", p.path, err)
			}
			if !json.Valid(result.Value) || result.Problem != nil && result.Problem.detail == "" {
				t.Errorf("%s: %s %+v", p.path, result.Value, result.Problem)
			}
			readable(result.Value)
		}
	})
}

func TestReadable(t *testing.T) {
	for value, want := range map[string]string{
		`"a <b>"`: "a <b>", `null`: "null", `12345678901234567890`: "12345678901234567890", `1.50`: "1.50", `true`: "true",
		`{"b":1,"a":[]}`: "{\n  \"b\": 1,\n  \"a\": []\n}",
	} {
		if got := readable(json.RawMessage(value)); got != want {
			t.Errorf("readable(%s) = %q, want %q", value, got, want)
		}
	}
}
