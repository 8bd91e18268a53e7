package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/gennaker/gennaker/agent/spel"
)

// TestAgainstTheOracle runs a few thousand cases where the oracle is installed.
func TestAgainstTheOracle(t *testing.T) {
	oracle := os.Getenv("GENNAKER_SPEL_ORACLE")
	if oracle == "" {
		t.Skip("set GENNAKER_SPEL_ORACLE to the folder of the oracle (it needs Java) to compare with Spring itself")
	}
	unexplained, err := compare(t.Context(), oracle, "../../agent/spel/testdata/executions.json", 5000, 1, &report{explained: map[string]int{}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if unexplained > 0 {
		t.Errorf("%d cases differ", unexplained)
	}
}

// TestGeneratedInputsAreSafe evaluates generated inputs without an oracle: the
// same seed gives the same ones, and none ends in an internal error.
func TestGeneratedInputsAreSafe(t *testing.T) {
	executions, err := loadExecutions("../../agent/spel/testdata/executions.json")
	if err != nil {
		t.Fatal(err)
	}
	var data map[string]any
	if err := json.Unmarshal([]byte(root), &data); err != nil {
		t.Fatal(err)
	}
	engine := spel.New(spel.Config{})
	seeds, err := loadSeeds("../../agent/spel/testdata")
	if err != nil {
		t.Fatal(err)
	}
	a := &generator{Rand: rand.New(rand.NewPCG(9, 0)), seeds: seeds, executions: executions}
	b := &generator{Rand: rand.New(rand.NewPCG(9, 0)), seeds: seeds, executions: executions}
	for i := range 3000 {
		r := a.request(i)
		if again := b.request(i); again != r {
			t.Fatalf("case %d is %q, then %q", i, r.input, again.input)
		}
		_, summary := engine.EvalTemplate(t.Context(), "${"+r.input+"}", &spel.Env{Root: data, Strict: r.strict})
		for _, w := range summary.Warnings {
			if w.Err != nil && w.Err.Code == "" && len(w.Message) > 8 && w.Message[:8] == "internal" {
				t.Errorf("%s: %s", r.input, w.Message)
			}
		}
	}
}
