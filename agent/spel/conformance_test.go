package spel_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/agent/spel/conformance"
)

// TestConformance runs the corpus: answers of the real Spring under Spinnaker's
// restrictions. A case may differ only if it is a quirk that deviations.md
// lists, and then it must differ.
func TestConformance(t *testing.T) {
	deviations, err := os.ReadFile("testdata/deviations.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	engine := spel.New(spel.Config{})
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			cases, err := conformance.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				got := c.Check(engine)
				if c.Quirk && bytes.Contains(deviations, []byte("| "+c.ID+" |")) {
					if got == "" {
						t.Errorf("%s does not deviate any more; take it out of deviations.md", c.ID)
					}
					continue
				}
				if got != "" {
					t.Errorf("%s: %.200s\n got  %.300s", c.ID, c.Input(), got)
				}
			}
		})
	}
}
