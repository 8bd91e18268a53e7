package replicas

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Two agents of the commit before are replaced by agents of this one, one in good order and one killed, while pipelines run:
// nothing is lost. Then a newer agent still migrates the database: these go on, but do not start on it any more.
// UPGRADE_FROM names another commit than HEAD~1.
func TestUpgrade(t *testing.T) {
	database, recorder := cluster.Database(t), newRecorder(t)
	agents := []*agent{newAgent(t, "a", postgres(database), shortLease), newAgent(t, "b", postgres(database), shortLease)}
	old := buildCommit(t, "HEAD~1")
	effect := map[string]any{"recorder": recorder.url}
	for _, a := range agents {
		a.program = old
		a.start()
	}
	agents[0].save("load", stageOf("1", "wait", map[string]any{"waitTime": 1}), stageOf("2", "effect", effect, "1"),
		stageOf("3", "wait", map[string]any{"waitTime": 1}, "2"), stageOf("4", "effect", effect, "3"))
	load := startLoad(t, agents)
	more := func() {
		now := load.count()
		await(t, "more executions are started", func(context.Context) bool { return load.count() >= now+10 })
	}
	more()
	for n, a := range agents {
		if n == 0 {
			a.stop()
		} else {
			a.kill()
		}
		a.program = filepath.Join(programs, "gennaker")
		a.start()
		more() // at first with one of each
	}
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	cluster.Command(t, strings.Trim(address.Path, "/"), "ALTER TABLE stage ADD COLUMN later TEXT NOT NULL DEFAULT ''",
		"ALTER TABLE execution ADD COLUMN later BIGINT", "INSERT INTO schema_migration (version, name) VALUES (9999, 'later')")
	more()
	for n, id := range load.stop() {
		checkEffects(t, recorder, succeeded(t, agents[n%2], id), "2", "4")
	}

	agents[1].stop()
	refused := exec.CommandContext(t.Context(), agents[1].program, "serve", "--config", "gennaker.yaml")
	refused.Dir = agents[1].folder
	if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), "the database was written by a newer agent") {
		t.Errorf("an agent on a newer database: %v\n%s", err, out)
	}
}

// buildCommit builds the agent of another commit, UPGRADE_FROM or the one given.
func buildCommit(t *testing.T, commit string) (program string) {
	t.Helper()
	if from := os.Getenv("UPGRADE_FROM"); from != "" {
		commit = from
	}
	top, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatalf("find the project: %v", err)
	}
	root := strings.TrimSpace(string(top))
	const driver = "agent/internal/store/postgres" // without it that commit cannot work on PostgreSQL
	if err := exec.CommandContext(t.Context(), "git", "-C", root, "cat-file", "-e", commit+":"+driver).Run(); err != nil {
		t.Skipf("set UPGRADE_FROM to a commit that has %s: %s has not, or the clone is shallow", driver, commit)
	}
	source := t.TempDir()
	archive := exec.CommandContext(t.Context(), "git", "-C", root, "archive", "--format=tar", commit)
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", source)
	if err := pipe(archive, unpack); err != nil {
		t.Fatalf("unpack commit %s: %v", commit, err)
	}
	program = filepath.Join(source, "gennaker-before")
	compile := exec.CommandContext(t.Context(), "go", "build", "-C", source, "-o", program, "./agent/cmd/gennaker")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("build commit %s: %v\n%s", commit, err, out)
	}
	return program
}

// pipe runs two commands, the output of the first being the input of the second.
func pipe(from, to *exec.Cmd) error {
	reader, writer := io.Pipe()
	from.Stdout, to.Stdin = writer, reader
	if err := to.Start(); err != nil {
		return err
	}
	err := from.Run()
	return errors.Join(err, writer.CloseWithError(err), to.Wait())
}
