package spel_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/spel"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestErrorsPeopleRead compares what people see of failing expressions with
// testdata/errors.txt: an expression behind "> ", or behind "strict> " for the
// mode of submission, then the error.
func TestErrorsPeopleRead(t *testing.T) {
	const file = "testdata/errors.txt"
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	engine := spel.New(spel.Config{})
	var got strings.Builder
	for line := range strings.Lines(string(golden)) {
		mode, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "> ")
		if !ok || mode != "" && mode != "strict" {
			if strings.HasPrefix(line, "#") {
				got.WriteString(line)
			}
			continue
		}
		env := benchEnv(t)
		env.Strict = mode == "strict"
		_, err := engine.Eval(t.Context(), text, env)
		var e *spel.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: no error, but %v", text, err)
		}
		got.WriteString("\n" + line + string(e.Code) + "\n" + e.Detail() + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got.String() != string(golden) {
		t.Errorf("%s differs; run go test -run %s -update and look at the change:\n%s", file, t.Name(), got.String())
	}
}

// TestNullHasAPlace: an expression that only gives null says which step did, and
// what is there instead.
func TestNullHasAPlace(t *testing.T) {
	tests := []struct{ template, want string }{
		{"${trigger.properties.imagName}", "trigger.properties has no \"imagName\"; it has: imageName, semVer, with.dot, empty\n" +
			"  at line 1, column 20:\n    trigger.properties.imagName\n                       ^"},
		{"a ${nope} b", "the context has no \"nope\"; it has: own, waitTime, parameters, comments, execution, trigger, scmInfo, shared, …\n" +
			"  at line 1, column 1:\n    nope\n    ^"},
		{"${trigger\n  .properties\n  .nope}", "trigger .properties has no \"nope\"; it has: semVer, imageName, with.dot, empty\n" +
			"  at line 3, column 4:\n      .nope\n       ^"},
		{"${trigger.artifacts.^[type ==\n 'nope']}", "trigger.artifacts.^[type ==\n 'nope'] is null\n" +
			"  at line 1, column 1:\n    trigger.artifacts.^[type ==\n    ^"},
	}
	engine := spel.New(spel.Config{})
	for _, tt := range tests {
		_, summary := engine.EvalTemplate(t.Context(), tt.template, benchEnv(t))
		if len(summary.Warnings) != 1 || !summary.Warnings[0].Null || summary.Warnings[0].Err.Detail() != tt.want {
			t.Errorf("%s: %+v", tt.template, summary.Warnings)
		}
	}
}
