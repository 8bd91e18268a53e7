package spel_test

import (
	"path/filepath"
	"testing"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/agent/spel/conformance"
)

// TestConformance runs the corpus: answers of the real Spring under Spinnaker's
// restrictions.
func TestConformance(t *testing.T) {
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
				if got := c.Check(engine); got != "" {
					t.Errorf("%s: %.200s\n got  %.300s", c.ID, c.Input(), got)
				}
			}
		})
	}
}
