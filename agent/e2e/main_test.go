package e2e

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the programs that the tests start, once for all of them.
func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "gennaker-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	programs = folder
	if err := build(folder, "agent/cmd/gennaker"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
