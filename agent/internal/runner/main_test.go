package runner_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a goroutine of a runner outlives it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
