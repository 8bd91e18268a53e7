package replicas

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/store/postgres/postgrestest"
)

var (
	// cluster is the PostgreSQL of the tests that leave it running.
	cluster postgrestest.Cluster
	// programs is the folder with the built agent, and the folder plugins. TestMain sets it.
	programs string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (status int) {
	folder, err := os.MkdirTemp("", "gennaker-replicas-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	programs = folder
	for target, of := range map[string]string{
		"gennaker":             "github.com/gennaker/gennaker/agent/cmd/gennaker",
		"plugins/stage-record": "github.com/gennaker/gennaker/agent/e2e/replicas/stage-record",
	} {
		if err := build(filepath.Join(folder, target), of); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	status = m.Run()
	if err := cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// build compiles a command.
func build(target, of string) error {
	cmd := exec.Command("go", "build", "-o", target, of)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", of, err, out)
	}
	return nil
}
