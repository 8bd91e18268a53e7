// Package cli_test runs the gennaker command line as people and Jenkinsfiles do: each script of testdata is one behaviour,
// with real processes and a real agent.
//
// Beside testscript's own commands the scripts have: agent, jenkins, expand, certificate, save, latest, until and signal;
// see commands.
package cli_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gennaker/gennaker/agent/e2e/agenttest"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata")

// bin is the folder with the built program. TestMain sets it.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "gennaker-cli-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if err := agenttest.Build(filepath.Join(folder, "gennaker"), agenttest.Agent); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = folder
	return m.Run()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Values[worldKey{}] = newWorld(env.WorkDir)
			return nil
		},
		Cmds:               commands(),
		RequireUniqueNames: true,
		UpdateScripts:      *update,
	})
}
