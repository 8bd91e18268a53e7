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
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// program is the command that the scripts run.
const program = "github.com/gennaker/gennaker/agent/cmd/gennaker"

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
	build := exec.Command("go", "build", "-o", folder+string(filepath.Separator), program)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the agent:", err)
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
