package engine_test

import (
	"testing"

	"github.com/gennaker/gennaker/agent/internal/engine/enginetest"
)

// TestCases plays the cases in testdata; the language is described in package enginetest. Their stages do what the
// scripts say; the stage types of the agent have cases of their own beside them.
func TestCases(t *testing.T) { enginetest.Run(t, "testdata/*.txtar", nil) }
