package helmcli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// buildTime is how long a first build may take: it compiles much of Helm.
const buildTime = 8 * time.Minute

// Path returns the helm executable, built at its first use and kept in the user's cache folder. The test is skipped
// with the reason when it cannot be built, which needs the module proxy the first time.
func Path(tb testing.TB) string {
	tb.Helper()
	path, err := build(tb)
	if err != nil {
		tb.Skipf("the helm command line cannot be built here: %v", err)
	}
	return path
}

func build(tb testing.TB) (string, error) {
	helm, err := run("go", "list", "-m", "-f", "{{.Version}}", "helm.sh/helm/v3")
	if err != nil {
		return "", err
	}
	kubernetes, err := run("go", "list", "-m", "-f", "{{.Version}}", "k8s.io/client-go")
	if err != nil {
		return "", err
	}
	// client-go v0.37.x is for Kubernetes v1.37; Helm's own Makefile derives the flags in the same way.
	parts := strings.Split(kubernetes, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("unexpected version %q of k8s.io/client-go", kubernetes)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("helm-%s-k8s-%s-%s", helm, kubernetes, runtime.Version())
	target := filepath.Join(cache, "gennaker", "tools", name)
	if _, err := os.Stat(target); err == nil {
		return target, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", err
	}
	modfile, err := scratchModfile(tb)
	if err != nil {
		return "", err
	}
	flags := fmt.Sprintf("-s -w -X helm.sh/helm/v3/internal/version.version=%s "+
		"-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=%s", helm, parts[1])
	scratch, err := os.MkdirTemp(filepath.Dir(target), "build")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	unfinished := filepath.Join(scratch, "helm")
	if _, err := run("go", "build", "-modfile", modfile, "-mod=mod", "-trimpath", "-ldflags", flags,
		"-o", unfinished, "helm.sh/helm/v3/cmd/helm"); err != nil {
		return "", err
	}
	return target, os.Rename(unfinished, target)
}

// scratchModfile copies go.mod and go.sum, so that building the command line, which needs more modules than the
// project, leaves the project's own files alone.
func scratchModfile(tb testing.TB) (string, error) {
	goMod, err := run("go", "env", "GOMOD")
	if err != nil {
		return "", err
	}
	dir := tb.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(goMod), name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "go.mod"), nil
}

func run(command string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, command, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s %s: %w: %s", command, args[0], err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", command, args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
