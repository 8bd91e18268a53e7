package replicas

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gennaker/gennaker/agent/e2e/agenttest"
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
		"gennaker":             agenttest.Agent,
		"plugins/stage-record": "github.com/gennaker/gennaker/agent/e2e/replicas/stage-record",
	} {
		if err := agenttest.Build(filepath.Join(folder, target), of); err != nil {
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
