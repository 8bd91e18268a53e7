package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gennaker/gennaker/agent/e2e/agenttest"
	"github.com/gennaker/gennaker/agent/internal/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// database is the PostgreSQL of the tests. What it calls durable is on the disk.
var database = postgrestest.Cluster{Settings: []string{"fsync=on", "full_page_writes=on", "shared_buffers=256MB"}}

// run builds the agent that the tests start, once for all of them.
func run(m *testing.M) (status int) {
	folder, err := os.MkdirTemp("", "gennaker-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	program = filepath.Join(folder, "gennaker")
	if err := agenttest.Build(program, agenttest.Agent); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status = m.Run()
	if err := database.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}
