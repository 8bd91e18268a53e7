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
