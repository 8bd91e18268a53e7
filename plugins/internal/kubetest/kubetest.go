package kubetest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Environment variables that choose the cluster.
const (
	// KubeconfigVariable names a kubeconfig of any cluster.
	KubeconfigVariable = "TEST_KUBECONFIG"
	// DirVariable names the folder of a running testcluster.
	DirVariable = "TEST_CLUSTER"
)

// Annotations of a Pod that choose what the stand-in kubelet does with it.
const (
	// OutcomeAnnotation is "notready", "crash" or "exit-N".
	OutcomeAnnotation = "testcluster/outcome"
	// LogAnnotation is what its containers have written.
	LogAnnotation = "testcluster/log"
)

// PauseImage is an image that runs everywhere and does nothing.
const PauseImage = "registry.k8s.io/pause:3.10"

// Main runs a package's tests, with a testcluster beside them unless the
// environment names a cluster, and exits. The cluster starts while the first
// tests run; Start waits for it.
func Main(m *testing.M) {
	flag.Parse() // for testing.Short
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	external := os.Getenv(KubeconfigVariable) != "" || os.Getenv(DirVariable) != ""
	if testing.Short() || external {
		return m.Run()
	}
	binary, err := findBinary()
	if err != nil {
		return m.Run() // Start skips or fails, saying why
	}
	dir, err := os.MkdirTemp("", "kubetest")
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubetest:", err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // nothing of value in it
	p, err := launch(binary, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubetest:", err)
		return 1
	}
	defer p.kill()
	if err := os.Setenv(DirVariable, dir); err != nil {
		fmt.Fprintln(os.Stderr, "kubetest:", err)
		return 1
	}
	return m.Run()
}

// Start returns the cluster that all tests of the binary share. It skips the
// test if there is none, or fails it where CI=true.
func Start(t testing.TB) *Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Kubernetes cluster: not with -short")
	}
	if path := os.Getenv(KubeconfigVariable); path != "" {
		return connect(t, endpoints{Kubeconfig: path})
	}
	dir := os.Getenv(DirVariable)
	if dir == "" {
		needBinary(t)
		t.Fatal("kubetest: no cluster was started: call kubetest.Main in TestMain")
	}
	return connect(t, waitReady(t, dir))
}

// StartDedicated starts a testcluster for one test, which may break it; see
// [Cluster.Restart]. It costs four seconds and 300 MiB.
func StartDedicated(t testing.TB) *Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Kubernetes cluster: not with -short")
	}
	binary := needBinary(t)
	dir, err := os.MkdirTemp("", "kubetest") // shorter than t.TempDir: sockets need that
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	p, err := launch(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, waitReady(t, dir))
	c.process = p
	t.Cleanup(func() { c.process.kill() })
	return c
}

// needBinary finds testcluster, or skips or fails the test.
func needBinary(t testing.TB) string {
	t.Helper()
	binary, err := findBinary()
	if err == nil {
		return binary
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("kubetest: %v", err)
	}
	t.Skipf("kubetest: %v", err)
	return ""
}

// findBinary asks scripts/testcluster/build.sh for what it has built.
func findBinary() (string, error) {
	dir, err := os.Getwd() // a test runs in its package's folder
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		script := filepath.Join(dir, "scripts", "testcluster", "build.sh")
		if _, err := os.Stat(script); errors.Is(err, os.ErrNotExist) {
			continue
		}
		out, err := exec.Command(script, "--find").Output()
		if err != nil {
			return "", fmt.Errorf("no cluster: set %s, or run scripts/testcluster/build.sh: %w", KubeconfigVariable, err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	return "", fmt.Errorf("no cluster: set %s, or work in a checkout that has scripts/testcluster", KubeconfigVariable)
}
