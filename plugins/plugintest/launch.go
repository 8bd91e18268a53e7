package plugintest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/wire"
)

// Build compiles the main package in a directory, for example ".", and returns the executable's path.
func Build(t testing.TB, dir string) string {
	t.Helper()
	absolute, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(absolute))
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build in %s: %v\n%s", dir, err, bytes.TrimSpace(out))
	}
	return path
}

// Launch starts an executable as the agent does: with an empty environment (but env), its own process group and mutual
// TLS. What it prints goes to the test's log. The test's cleanup ends it.
func Launch(t testing.TB, path string, env []string, host *Host, config ...sdk.Config) *Plugin {
	t.Helper()
	process := launch(t, path, env)
	plugin := &Plugin{Client: process.Stage, t: t, host: host}
	plugin.configure(process.ServeHost(&hostServer{host: host}), config)
	return plugin
}

func launch(t testing.TB, path string, env []string) *wire.Process {
	t.Helper()
	launcher := wire.NewLauncher()
	t.Cleanup(launcher.Close)
	process, err := launcher.Start(t.Context(), wire.Command{
		Path: path, Env: env, SocketDir: socketDir(t),
		Output: func(line string) { t.Logf("plugin: %s", line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	return process
}

// socketDir is not t.TempDir, whose path may be longer than the 108 bytes that a socket's may have. In the end it must
// be empty: nothing of the plugin is left.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "plugintest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Errorf("the plugin's sockets are left over: %v", err)
		}
	})
	return dir
}
